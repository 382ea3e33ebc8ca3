use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::JsonStr;
use crate::policy::fields::SearchedValue;
use crate::policy::proxy;

/// A container. For the tenant's own containers it holds the fields that rules read, for the mesh's containers every
/// field.
#[derive(Debug)]
pub struct Container<'a> {
    pub name: JsonStr<'a>,
    pub image: Option<JsonStr<'a>>,
    pub volume_mounts: Vec<VolumeMount<'a>>,
    /// Every field but the name and `env`, as raw JSON. Empty unless the name is one that Istio injects.
    pub mesh_fields: Vec<(JsonStr<'a>, &'a RawValue)>,
    /// The variables of such a container, which are most of its bytes.
    pub variables: Vec<&'a RawValue>,
}

#[derive(Debug, serde::Deserialize)]
pub struct VolumeMount<'a> {
    #[serde(borrow)]
    pub name: JsonStr<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Container<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AsContainer)
    }
}

struct AsContainer;

/// Capacity for the fields of a mesh container: the number that the proxy has.
const MESH_FIELDS: usize = 16;

impl<'de> Visitor<'de> for AsContainer {
    type Value = Container<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a container")
    }

    /// Reads the fields in one pass, because the API server writes the name first. In any other order, the fields
    /// before the name are kept until the name is known.
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut name: Option<JsonStr<'de>> = None;
        let (mut image, mut volume_mounts, mut variables) = (None, None, None);
        let mut is_injected = false;
        let mut kept: Vec<(JsonStr<'de>, &'de RawValue)> = Vec::new();
        while let Some(field) = map.next_key::<JsonStr<'de>>()? {
            match (&*field, name.is_some()) {
                ("name", false) => {
                    let written: JsonStr<'de> = map.next_value()?;
                    is_injected = proxy::INJECTED_CONTAINERS.contains(&&*written);
                    if is_injected {
                        kept.reserve(MESH_FIELDS);
                    }
                    name = Some(written);
                }
                ("name", true) => return Err(M::Error::duplicate_field("name")),
                ("env", true) if is_injected => {
                    if variables.replace(map.next_value::<Option<_>>()?.unwrap_or_default()).is_some() {
                        return Err(M::Error::duplicate_field("env"));
                    }
                }
                (_, true) if is_injected => kept.push((field, map.next_value()?)),
                (_, false) => {
                    let SearchedValue(value) = map.next_value()?;
                    kept.push((field, value));
                }
                ("image", _) => image = map.next_value()?,
                ("volumeMounts", _) => volume_mounts = map.next_value::<Option<_>>()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let name = name.ok_or_else(|| M::Error::missing_field("name"))?;
        for (field, raw) in &kept {
            match &**field {
                "image" => {
                    image = serde_json::from_str(raw.get()).map_err(M::Error::custom)?;
                }
                // Every mount of an injected container is compared with Istio's own.
                "volumeMounts" if !is_injected => {
                    volume_mounts = serde_json::from_str(raw.get()).map_err(M::Error::custom)?;
                }
                "env" if is_injected => {
                    variables = serde_json::from_str(raw.get()).map_err(M::Error::custom)?;
                }
                _ => {}
            }
        }
        kept.retain(|(field, _)| is_injected && **field != *"env");
        Ok(Container {
            name,
            image,
            volume_mounts: volume_mounts.unwrap_or_default(),
            mesh_fields: kept,
            variables: variables.unwrap_or_default(),
        })
    }
}
