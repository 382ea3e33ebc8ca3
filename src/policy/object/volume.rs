use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonStr, Located, Path};

/// A volume of a pod, with its source as raw JSON.
#[derive(Debug)]
pub struct Volume<'a> {
    pub name: JsonStr<'a>,
    /// The source's kind, such as `emptyDir`, and its value. The API server makes a volume without a source an
    /// `emptyDir`.
    pub source: Option<(JsonStr<'a>, &'a RawValue)>,
}

impl Located<'static, &Volume<'_>> {
    /// Returns the path of the audience of a projected token, with the index of its source.
    pub fn token_audience_path(&self, source: usize) -> Path<'static> {
        let sources = self.path.clone().fields(&["projected", "sources"]);
        sources.index(source).fields(&["serviceAccountToken", "audience"])
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AsVolume)
    }
}

struct AsVolume;

impl<'de> Visitor<'de> for AsVolume {
    type Value = Volume<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a volume")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut name, mut source) = (None, None);
        while let Some(field) = map.next_key::<JsonStr<'de>>()? {
            if *field == *"name" {
                name = Some(map.next_value()?);
            } else if let Some(written) = map.next_value::<Option<&'de RawValue>>()?
                && source.replace((field, written)).is_some()
            {
                return Err(M::Error::custom("a volume with two sources"));
            }
        }
        let name = name.ok_or_else(|| M::Error::missing_field("name"))?;
        Ok(Volume { name, source })
    }
}
