use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Metadata};
use crate::snapshot::{BASELINE_READY, TENANT_LABEL};

/// A namespace: its labels, what it hangs on, and what is said of its baseline.
#[derive(Debug)]
pub struct NamespaceView<'a> {
    pub metadata: Metadata<'a>,
    /// As they are written.
    pub owner_references: Vec<&'a RawValue>,
    pub finalizers: Vec<JsonStr<'a>>,
    /// Those that keep it from ending: `kubernetes`, until it is empty.
    pub spec_finalizers: Vec<JsonStr<'a>>,
    /// The condition that its baseline stands, and its place among the others.
    pub baseline_ready: Option<(usize, &'a RawValue)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rest<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: Attachments<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attachments<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    owner_references: Vec<&'a RawValue>,
    #[serde(borrow, deserialize_with = "nullable")]
    finalizers: Vec<JsonStr<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    finalizers: Vec<JsonStr<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    conditions: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: JsonStr<'a>,
}

impl<'a> NamespaceView<'a> {
    /// Reads what is not its `metadata`, which was read already.
    pub(super) fn read(metadata: Metadata<'a>, raw: &'a RawValue) -> serde_json::Result<Self> {
        let rest: Rest<'a> = serde_json::from_str(raw.get())?;
        let mut baseline_ready = None;
        for (index, condition) in rest.status.conditions.into_iter().enumerate() {
            if *serde_json::from_str::<Condition<'a>>(condition.get())?.kind == *BASELINE_READY {
                baseline_ready = Some((index, condition));
            }
        }
        Ok(Self {
            metadata,
            owner_references: rest.metadata.owner_references,
            finalizers: rest.metadata.finalizers,
            spec_finalizers: rest.spec.finalizers,
            baseline_ready,
        })
    }

    /// The name of the tenant that its label says it is of.
    pub fn tenant(&self) -> Option<&str> {
        self.metadata.label_value(TENANT_LABEL)
    }
}
