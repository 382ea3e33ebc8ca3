use super::{Field, fields, free, judged, metadata};

/// A Binding, which places a pod on a node. Its labels and annotations are copied to the pod.
pub(super) static TABLE: &[Field] =
    &[free("apiVersion"), free("kind"), fields("metadata", metadata::TABLE), judged("target", &["BH311"])];
