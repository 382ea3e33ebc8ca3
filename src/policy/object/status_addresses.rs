use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// The fields of a pod's status that hold its addresses, or those of its node.
pub const POD_ADDRESSES: &[&str] = &["hostIP", "hostIPs", "podIP", "podIPs"];
/// The field of a Service's status that holds its addresses outside the cluster.
pub const SERVICE_ADDRESSES: &[&str] = &["loadBalancer"];

#[derive(Deserialize)]
struct WithStatus<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    status: BTreeMap<JsonStr<'a>, &'a RawValue>,
}

impl<'a> WithStatus<'a> {
    /// Returns the value of a field. An empty object is none.
    fn address(&self, field: &str) -> Option<&'a str> {
        let mut values = self.status.iter().filter(|(name, _)| ***name == *field);
        values.next().map(|(_, value)| value.get()).filter(|value| *value != "{}")
    }
}

/// Returns the fields of the status, of these, whose values in `new` differ from those in `old`, as JSON. If either object
/// cannot be read, all of them differ.
pub fn changed_addresses<'a>(
    fields: &'static [&'static str],
    new: Option<&'a RawValue>,
    old: Option<&'a RawValue>,
) -> impl Iterator<Item = Located<'static, &'a str>> {
    let read = |raw: Option<&'a RawValue>| serde_json::from_str::<WithStatus<'a>>(raw?.get()).ok();
    let (new, old) = (read(new), read(old));
    fields.iter().copied().filter_map(move |field| {
        let address = new.as_ref().and_then(|new| new.address(field));
        let is_same = old.as_ref().is_some_and(|old| old.address(field) == address) && new.is_some();
        let path = Path::of(&["status", field]);
        (!is_same).then(|| Located { value: address.unwrap_or_default(), path })
    })
}
