use super::{Kind, Operation, WebhookEntry};

/// Everything that follows from the kind of an object alone.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) scope: Scope,
    pub(super) entry: Option<WebhookEntry>,
    pub(super) operations: &'static [Operation],
    pub(super) subresources: &'static [Subresource],
    pub(super) template: Option<&'static [&'static str]>,
    pub(super) managed: Managed,
    pub(super) compared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

/// The part of the objects of a kind that the baseline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// The baseline has no objects of this kind.
    No,
    /// Others write fields of the object too: only the fields in the manifest are Bulkhead's.
    SomeFields,
    WholeObject,
}

/// A subresource that changes labels, annotations or containers, with the kind of the objects that are written to it.
#[derive(Debug)]
pub(super) struct Subresource {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) operations: &'static [Operation],
}

impl Row {
    /// A namespaced kind that rules judge.
    pub(super) const fn judged(
        entry: WebhookEntry,
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        operations: &'static [Operation],
    ) -> Self {
        Self {
            name: "",
            group,
            version,
            plural,
            scope: Scope::Namespaced,
            entry: Some(entry),
            operations,
            subresources: &[],
            template: None,
            managed: Managed::No,
            compared: false,
        }
    }

    /// A cluster-scoped kind that the baseline has objects of, and no rule judges.
    pub(super) const fn written(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { entry: None, ..Self::judged(WebhookEntry::Cluster, group, version, plural, &[]) }
            .cluster_scoped()
            .managed(Managed::WholeObject)
    }

    pub(super) const fn cluster_scoped(self) -> Self {
        Self { scope: Scope::Cluster, ..self }
    }

    pub(super) const fn subresources(self, subresources: &'static [Subresource]) -> Self {
        Self { subresources, ..self }
    }

    pub(super) const fn template(self, path: &'static [&'static str]) -> Self {
        Self { template: Some(path), ..self }
    }

    pub(super) const fn managed(self, managed: Managed) -> Self {
        Self { managed, ..self }
    }

    /// Some rule compares an object with its version before an update.
    pub(super) const fn compared(self) -> Self {
        Self { compared: true, ..self }
    }

    pub(super) const fn named(self, name: &'static str) -> Self {
        if self.name.is_empty() { Self { name, ..self } } else { self }
    }
}

impl Subresource {
    pub(super) const fn new(name: &'static str, kind: Kind, operations: &'static [Operation]) -> Self {
        Self { name, kind, operations }
    }
}
