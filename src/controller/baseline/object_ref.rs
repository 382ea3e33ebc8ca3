use crate::baseline::Manifest;
use crate::kinds::Kind;

/// Reference to an object. The namespace is empty for a cluster-wide object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) struct ObjectRef {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl ObjectRef {
    pub(super) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) fn of_manifest(manifest: &Manifest) -> Self {
        Self::new(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
    }
}
