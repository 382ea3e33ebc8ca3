//! The kinds of objects that Bulkhead judges or writes: one table, with a row for each kind. Webhook configurations,
//! RBAC, the controller's watches, the audit's lists and the targets of Exemptions are derived from it.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod harmless;
mod operation;
mod resource;
mod table;
mod webhook_entry;

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error};

pub use harmless::HARMLESS_KINDS;
pub use operation::Operation;
pub use resource::Resource;
pub use table::{Kind, MESH_GROUPS, Managed, OWN_GROUP, Scope, WORKLOAD_ENTRIES};
pub use webhook_entry::WebhookEntry;

/// Reads the name of a kind that rules judge.
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        let kind = Self::ALL.iter().copied().find(|kind| kind.name() == name && kind.entry().is_some());
        kind.ok_or_else(|| D::Error::custom(format_args!("`{name}` is not a kind that Bulkhead judges")))
    }
}

impl Kind {
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    pub const fn group(self) -> &'static str {
        self.row().group
    }

    /// Returns the only version in which the kind is written and judged; the API server converts other versions.
    pub const fn version(self) -> &'static str {
        self.row().version
    }

    /// True if a cluster may serve other versions and not this one.
    pub const fn has_any_version(self) -> bool {
        self.row().any_version
    }

    /// Returns the `apiVersion` of an object: `GROUP/VERSION`, or the version alone in the core group.
    pub fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    /// Returns the plural name of the resource.
    pub const fn plural(self) -> &'static str {
        self.row().plural
    }

    pub const fn is_cluster_scoped(self) -> bool {
        matches!(self.row().scope, Scope::Cluster)
    }

    /// Returns the webhook entry for the kind in tenants' namespaces; `None` for a kind that no rule judges.
    pub const fn entry(self) -> Option<WebhookEntry> {
        self.row().entry
    }

    /// Returns the path of the pod template, for kinds that have one; empty for a pod itself.
    pub const fn template(self) -> Option<&'static [&'static str]> {
        self.row().template
    }

    /// True for pods, and for the kinds with a pod template.
    pub const fn is_workload(self) -> bool {
        self.template().is_some()
    }

    /// True for routes of the Gateway API.
    pub const fn is_route(self) -> bool {
        matches!(self, Self::HttpRoute | Self::GrpcRoute | Self::TlsRoute | Self::TcpRoute | Self::UdpRoute)
    }

    pub const fn managed(self) -> Managed {
        self.row().managed
    }

    /// True if others write fields of the baseline's objects too.
    pub const fn is_partly_managed(self) -> bool {
        matches!(self.managed(), Managed::SomeFields)
    }

    /// True if the baseline has objects of this kind.
    pub const fn is_managed(self) -> bool {
        !matches!(self.managed(), Managed::No)
    }

    /// True if some rule compares an object with its version before an update.
    pub const fn is_compared(self) -> bool {
        self.row().compared
    }

    /// True if an audit can judge stored objects of the kind.
    pub const fn is_audited(self) -> bool {
        self.row().audited
    }

    /// Returns the kind with this name in this group.
    pub fn find(group: &str, name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name && kind.group() == group)
    }

    /// Returns the kind of workloads with this name.
    pub fn find_workload(name: &str) -> Option<Self> {
        Self::all_workloads().find(|kind| kind.name() == name)
    }

    pub fn all_workloads() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.is_workload())
    }

    /// Returns the kinds that the baseline has objects of.
    pub fn all_managed() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.is_managed())
    }
}
