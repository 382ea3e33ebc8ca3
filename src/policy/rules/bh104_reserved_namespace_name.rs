//! # BH104 `reserved-namespace-name`
//!
//! ## What it does
//! Refuses a namespace under a name that the settings list as the platform's, created by anybody else.
//!
//! ## Why it matters
//! What is listed there is trusted by its name: no rule for tenants applies in it, and policies all over
//! the cluster let it in. Whoever creates such a namespace first, or again after it was deleted, would
//! inherit that trust.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: istio-system # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: istio-system }
//! ```

use super::{Findings, Place, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Object;
use crate::policy::path::Path;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH104",
    name: "reserved-namespace-name",
    kinds: &[Kind::Namespace],
    place: Place::Cluster,
    guards: &[],
    ratchet: false,
    passing: false,
    source: include_str!("bh104_reserved_namespace_name.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Namespace(namespace), Operation::Create) = (scope.object, scope.operation) else { return };
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let reserved = scope.world.settings.is_reserved(name);
    if reserved && !matches!(scope.actor(), Actor::Platform) {
        let message = format!("`{name}` is reserved for the platform");
        findings.report(&Path::of(&["metadata", "name"]), message, "choose another name");
    }
}
