use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// The fields of a pod's status that hold its addresses, or those of its node.
pub const ADDRESS_FIELDS: [&str; 4] = ["hostIP", "hostIPs", "podIP", "podIPs"];

#[derive(Deserialize)]
struct Pod<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    status: BTreeMap<JsonStr<'a>, &'a RawValue>,
}

impl<'a> Pod<'a> {
    fn address(&self, field: &str) -> Option<&'a str> {
        self.status.iter().find(|(name, _)| ***name == *field).map(|(_, value)| value.get())
    }
}

/// Returns the addresses in `new` that differ from those in `old`, as JSON. If either pod cannot be read, all of them
/// differ.
pub fn changed_addresses<'a>(
    new: Option<&'a RawValue>,
    old: Option<&'a RawValue>,
) -> impl Iterator<Item = Located<'static, &'a str>> {
    let read = |raw: Option<&'a RawValue>| serde_json::from_str::<Pod<'a>>(raw?.get()).ok();
    let (new, old) = (read(new), read(old));
    ADDRESS_FIELDS.into_iter().filter_map(move |field| {
        let address = new.as_ref().and_then(|new| new.address(field));
        let is_same = old.as_ref().is_some_and(|old| old.address(field) == address) && new.is_some();
        let path = Path::of(&["status", field]);
        (!is_same).then(|| Located { value: address.unwrap_or_default(), path })
    })
}
