/// Namespace, kind and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LiveObjectKey {
    pub namespace: String,
    pub kind: String,
    pub name: String,
}

/// UID and managing controller of an object that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObject {
    pub uid: String,
    pub controller: Option<ControllerRef>,
}

/// The managing controller of an object: its owner reference with `controller: true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerRef {
    pub kind: String,
    pub name: String,
    pub uid: String,
}
