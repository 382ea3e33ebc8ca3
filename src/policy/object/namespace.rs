use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Located, Metadata, Path};
use crate::keys::TENANT_LABEL;
use crate::snapshot::BASELINE_READY;

/// A Namespace: its metadata, owner references, finalizers and baseline condition.
#[derive(Debug)]
pub struct NamespaceView<'a> {
    pub metadata: Metadata<'a>,
    owner_references: Vec<&'a RawValue>,
    finalizers: Vec<JsonStr<'a>>,
    spec_finalizers: Vec<JsonStr<'a>>,
    /// Every condition that the baseline is ready, with its index in `status.conditions`. The API server stores several
    /// conditions of one type.
    baseline_ready: Vec<(usize, &'a RawValue)>,
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
    /// Reads the remaining fields; the caller has already read `metadata`.
    pub(super) fn read(metadata: Metadata<'a>, raw: &'a RawValue) -> serde_json::Result<Self> {
        let rest: Rest<'a> = serde_json::from_str(raw.get())?;
        let mut baseline_ready = Vec::new();
        for (index, condition) in rest.status.conditions.into_iter().enumerate() {
            if *serde_json::from_str::<Condition<'a>>(condition.get())?.kind == *BASELINE_READY {
                baseline_ready.push((index, condition));
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

    /// Returns the owner references as raw JSON.
    pub fn owner_references(&self) -> Located<'static, &[&'a RawValue]> {
        let path = Path::of(&["metadata", "ownerReferences"]);
        Located { value: &self.owner_references, path }
    }

    pub fn finalizers(&self) -> Located<'static, &[JsonStr<'a>]> {
        Located { value: &self.finalizers, path: Path::of(&["metadata", "finalizers"]) }
    }

    /// Returns `spec.finalizers`, which delay the deletion: Kubernetes keeps `kubernetes` here until the namespace is
    /// empty.
    pub fn spec_finalizers(&self) -> Located<'static, &[JsonStr<'a>]> {
        Located { value: &self.spec_finalizers, path: Path::of(&["spec", "finalizers"]) }
    }

    /// Returns every condition that the baseline is ready, as raw JSON.
    pub fn baseline_ready(&self) -> impl Iterator<Item = Located<'static, &'a RawValue>> {
        self.baseline_ready.iter().map(|(index, value)| {
            let path = Self::conditions_path().index(*index).fields(&["type"]);
            Located { value: *value, path }
        })
    }

    pub fn conditions_path() -> Path<'static> {
        Path::of(&["status", "conditions"])
    }

    /// Returns the name of the tenant in the namespace's tenant label.
    pub fn tenant(&self) -> Option<&str> {
        self.metadata.label_value(TENANT_LABEL)
    }
}
