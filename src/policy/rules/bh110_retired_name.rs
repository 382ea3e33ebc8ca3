//! # BH110 `retired-name`
//!
//! ## What it does
//! Refuses a Tenant, or a tenant's namespace, under a name that was another's.
//!
//! The names of tenants that had namespaces, and of namespaces that do not bear their tenant's name, are kept in
//! the ConfigMap `bulkhead-retired` for as long as a certificate of theirs may live
//! (`mesh.longestCertificateDays` after their end). A Tenant whose namespaces are still there may come back, and a
//! tenant may have its own namespace's name again.
//!
//! ## Why it matters
//! A certificate of the mesh says names, and lets in by names: whoever kept a key of the old `acme` would stand
//! inside the walls of the new one.
//!
//! ## Refused
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata:
//!   name: departed # BH110
//! spec: {}
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: payments # BH110
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: long-departed }
//! spec: {}
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: billing
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Object;
use crate::policy::path::Path;
use crate::world::{RETIRED, Retired, TENANT_LABEL};

pub(super) static RULE: Rule = Rule {
    code: "BH110",
    name: "retired-name",
    kinds: &[&[Kind::Namespace, Kind::Tenant]],
    place: Place::Cluster,
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh110_retired_name.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    if scope.operation != Operation::Create {
        return;
    }
    let world = scope.world;
    let (what, key, gone) = match scope.object {
        Object::Tenant(tenant) => {
            let name = tenant.metadata.name_or_prefix();
            if world.namespaces_of(name).next().is_some() || world.tenant(name).is_some() {
                return;
            }
            let Some(gone) = world.retired.tenant(name) else { return };
            ("a tenant", Retired::key_of_tenant(name), gone)
        }
        Object::Namespace(namespace) => {
            let Some(tenant) = namespace.metadata.label_value(TENANT_LABEL) else { return };
            let name = namespace.metadata.name_or_prefix();
            let another = world.retired.namespace(name).filter(|(before, _)| *before != tenant);
            let Some((_, gone)) = another else { return };
            ("another tenant's namespace", Retired::key_of_namespace(name), gone)
        }
        _ => return,
    };
    let life = world.settings.certificate_life;
    if gone.is_some_and(|gone| gone + life < scope.time()) {
        return;
    }
    findings.report(
        &Path::of(&["metadata", "name"]),
        format!("it was {what}, and a certificate in its name may still live"),
        format!("choose another name; if it is the same party, remove `{key}` from the ConfigMap {RETIRED}"),
    );
}
