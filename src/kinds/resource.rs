use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Kind, Operation};

/// A resource as the API server names it, with the kind of the objects that are written to it.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// The group of the resource, which can differ from that of the kind: a TokenRequest is written to a
    /// ServiceAccount's resource.
    pub group: &'static str,
    /// `*` if a cluster may serve other versions than [`Kind::version`].
    pub version: &'static str,
    pub plural: &'static str,
    /// Empty for whole objects.
    pub subresource: &'static str,
    pub kind: Kind,
    pub operations: &'static [Operation],
}

impl Resource {
    /// Returns every judged resource.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().flat_map(|kind| Self::of_objects(*kind).into_iter().chain(Self::subresources(*kind)))
    }

    /// Returns the resource for whole objects of `kind`; `None` if they are not judged.
    pub fn of_objects(kind: Kind) -> Option<Self> {
        let operations = kind.row().operations;
        (!operations.is_empty()).then(|| Self::new(kind, "", kind, operations))
    }

    fn subresources(kind: Kind) -> impl Iterator<Item = Self> {
        let subresources = kind.row().subresources.iter();
        subresources.map(move |row| Self::new(kind, row.name, row.kind, row.operations))
    }

    fn new(parent: Kind, subresource: &'static str, kind: Kind, operations: &'static [Operation]) -> Self {
        let (group, version, plural) = (parent.group(), parent.version(), parent.plural());
        let version = if parent.has_any_version() { "*" } else { version };
        Self { group, version, plural, subresource, kind, operations }
    }

    /// Returns the resource of a request; `None` if it is not judged.
    pub fn find(group: &str, plural: &str, subresource: &str) -> Option<Self> {
        static RESOURCES: LazyLock<HashMap<[&str; 3], Resource>> =
            LazyLock::new(|| Resource::all().map(|it| ([it.group, it.plural, it.subresource], it)).collect());
        RESOURCES.get(&[group, plural, subresource]).copied()
    }

    /// Returns the name in webhook configurations: `pods/status`.
    pub fn path(&self) -> String {
        match self.subresource {
            "" => self.plural.to_owned(),
            subresource => format!("{}/{subresource}", self.plural),
        }
    }
}
