/// Where an object in a namespace is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LiveObjectKey {
    pub namespace: String,
    pub kind: String,
    pub name: String,
}

/// An object that is there: which it is, and what controls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObject {
    pub uid: String,
    pub controller: Option<ControllerRef>,
}

/// The owner of an object that makes and ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerRef {
    pub kind: String,
    pub name: String,
    pub uid: String,
}
