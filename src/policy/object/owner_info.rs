use serde::Deserialize;
use serde_json::value::RawValue;

use super::JsonStr;
use super::text::nullable;

/// An object's name and its controller.
#[derive(Debug)]
pub struct OwnerInfo<'a> {
    pub name: Option<JsonStr<'a>>,
    pub controller: Option<ControllerRef<'a>>,
}

/// The owner reference with `controller: true`: the owner that creates and deletes the object.
#[derive(Debug, Deserialize)]
pub struct ControllerRef<'a> {
    #[serde(borrow)]
    pub kind: JsonStr<'a>,
    #[serde(borrow)]
    pub name: JsonStr<'a>,
    #[serde(borrow)]
    pub uid: JsonStr<'a>,
    #[serde(default, rename = "controller")]
    controls: Option<bool>,
}

#[derive(Deserialize)]
struct TypedObject<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Metadata<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    owner_references: Vec<ControllerRef<'a>>,
}

impl<'a> OwnerInfo<'a> {
    pub fn read(raw: &'a RawValue) -> serde_json::Result<Self> {
        let Metadata { name, owner_references } =
            serde_json::from_str::<TypedObject<'a>>(raw.get())?.metadata;
        let mut controllers = owner_references.into_iter().filter(|owner| owner.controls == Some(true));
        // The API server refuses a second one. Here it would be a matter of the reader which one counts.
        let controller = controllers.next().filter(|_| controllers.next().is_none());
        Ok(Self { name, controller })
    }
}
