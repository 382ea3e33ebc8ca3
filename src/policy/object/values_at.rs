use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonStr, ObjectError, Path};

/// Returns the values at `path`, such as `spec.template` or `spec.nodeSets[].podTemplate`. An absent field and `null`
/// are no value.
pub(in crate::policy) fn values_at<'a>(
    object: &'a RawValue,
    path: &'a str,
) -> Result<Vec<(Path<'a>, &'a RawValue)>, ObjectError> {
    let at = |path: &Path<'_>, error| ObjectError::At(path.to_string(), Box::new(ObjectError::Json(error)));
    let mut values = vec![(Path::default(), object)];
    for step in path.split('.') {
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let mut next = Vec::with_capacity(values.len());
        for (path, value) in values {
            let Some(value) = field(value, name).map_err(|error| at(&path, error))? else { continue };
            let path = path.fields(&[name]);
            if is_list {
                let items: Vec<&RawValue> =
                    serde_json::from_str(value.get()).map_err(|error| at(&path, error))?;
                let indexed = items.into_iter().enumerate();
                next.extend(indexed.map(|(index, item)| (path.clone().index(index), item)));
            } else {
                next.push((path, value));
            }
        }
        values = next;
    }
    Ok(values)
}

/// Returns the field of an object. A duplicate is an error, because readers of such an object would not agree on its
/// value.
fn field<'a>(object: &'a RawValue, name: &str) -> serde_json::Result<Option<&'a RawValue>> {
    FieldNamed(name).deserialize(object)
}

struct FieldNamed<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for FieldNamed<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldNamed<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<JsonStr<'de>>()? {
            if *key != *self.0 {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value::<Option<&RawValue>>()?).is_some() {
                return Err(M::Error::custom(format_args!("duplicate field `{key}`")));
            }
        }
        Ok(found.flatten())
    }
}
