//! # BH103 `protected-namespace-key`
//!
//! ## What it does
//! Refuses a write to a tenant's namespace that changes a label or an annotation which somebody obeys.
//!
//! Those are the keys by which the mesh, the network, the scheduler, pod security and other admission
//! webhooks are told how to treat everything inside: `istio-injection`, and whatever ends in `istio.io/`,
//! `pod-security.kubernetes.io/`, `projectcalico.org/` and the like; the settings add more
//! (`labels.protected`). Only the platform sets them. What Bulkhead itself would set there may be written by
//! anybody, unless the platform has chosen another revision of the mesh. The namespaces of shared services are
//! held to the same. The label `name` must be the namespace's name, and the condition `bulkhead.dev/BaselineReady` is
//! its controller's to set, not even the platform's.
//!
//! The label `bulkhead.dev/probe` is refused on every namespace to everybody, Bulkhead's controller first of all: a dry
//! run in which it tries to set it is how it learns that the API server reaches the webhook
//! (docs/outage.md). Taking one away is nobody's concern.
//!
//! ## Why it matters
//! `istio-injection: disabled` is a namespace without proxies, another revision one that no injector looks
//! at, `control-plane` one that some clouds send to no webhook at all; and a baseline that is said to stand
//! lets pods in before it does.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels:
//!     bulkhead.dev/tenant: acme
//!     tenant: acme
//!     istio-injection: disabled # BH103
//!     name: tenant-beta # BH103
//!     pod-security.kubernetes.io/enforce: privileged # BH103
//!   annotations:
//!     scheduler.alpha.kubernetes.io/node-selector: disk=fast # BH103
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, topology.istio.io/network: one }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: # BH103
//!     bulkhead.dev/tenant: acme
//!     tenant: acme
//! status:
//!   conditions:
//!     - type: bulkhead.dev/BaselineReady # BH103
//!       status: "True"
//! ```
//!
//! ```yaml as system:serviceaccount:bulkhead-system:bulkhead-controller, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: bulkhead-system
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: bulkhead-system
//!   labels:
//!     bulkhead.dev/probe: "1780272000" # BH103
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio-injection: enabled, team: payments }
//!   annotations: { team.example.com/pager: "on" }
//! ```
//! ```yaml as root in system:masters, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio-injection: enabled }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio.io/rev: canary }
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: elsewhere
//!   labels: { bulkhead.dev/probe: "1780272000" }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: elsewhere
//! ```

use std::collections::BTreeSet;

use super::{Findings, Place, Retry, Rule, Scope, changed_by_a_tenant};
use crate::baseline::{self, MESH_LABELS};
use crate::policy::kind::Kind;
use crate::policy::object::{Metadata, Namespace};
use crate::policy::path::Path;
use crate::policy::quote;
use crate::world::{Actor, BASELINE_READY, TENANT_LABEL};

pub(super) static RULE: Rule = Rule {
    code: "BH103",
    name: "protected-namespace-key",
    kinds: &[&[Kind::Namespace]],
    places: &[Place::Cluster],
    guards: &[PROBE],
    ratchet: false,
    // What Bulkhead itself would set is known once the tenant is.
    retry: Retry::Look,
    source: include_str!("bh103_protected_namespace_key.rs"),
    check,
};

/// Keys that somebody obeys, whole.
pub const PROTECTED_KEYS: &[&str] = &["control-plane", "istio-injection", NAME];

/// What the prefix of a key is, or ends with after a dot.
pub const PROTECTED_DOMAINS: &[&str] = &[
    "bulkhead.dev",
    "cilium.io",
    "gatekeeper.sh",
    "istio.io",
    "kubernetes.azure.com",
    "kyverno.io",
    "openshift.io",
    "pod-security.kubernetes.io",
    "projectcalico.org",
    "scheduler.alpha.kubernetes.io",
    "sigstore.dev",
];

/// A label that nobody can set: being refused it proves that somebody judges.
pub const PROBE: &str = "bulkhead.dev/probe";

/// What the refusal of a probe says of the replica that answered.
pub const PROBE_REFUSED: &str =
    concat!("nobody can set it: Bulkhead ", env!("CARGO_PKG_VERSION"), " asks with it whether it is heard");

/// Older policies take it for the namespace's name.
const NAME: &str = "name";

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    baseline_is_said_to_stand(scope, findings);
    is_probed(scope, findings);
    let Some((new, old)) = changed_by_a_tenant(scope) else { return };
    let nothing = Metadata::default();
    let old = old.map_or(&nothing, |old| &old.metadata);
    for ((map, entries), (_, old)) in new.metadata.maps().into_iter().zip(old.maps()) {
        let keys: BTreeSet<&str> = entries.iter().chain(old.iter()).map(|(key, _)| &**key).collect();
        for key in keys.into_iter().filter(|key| is_protected(scope, map, key)) {
            let now = entries.get(key).map(|(_, value)| &**value);
            let before = old.get(key).map(|(_, value)| &**value);
            let is_chosen =
                MESH_LABELS.contains(&key) && MESH_LABELS.iter().any(|key| old.get(key).is_some());
            let wanted = if map == "labels" && !is_chosen { wanted(scope, new, key) } else { None };
            if now == before || (now.is_some() && now == wanted) {
                continue;
            }
            let message = match now {
                Some(value) => format!("{} here is the platform's to say", quote(value)),
                None => "it is the platform's to remove".to_owned(),
            };
            let fix = match before.or(wanted) {
                Some(kept) => format!("keep {}", quote(kept)),
                None => "remove it".to_owned(),
            };
            findings.report(&Path::of(&["metadata", map]).key(key), message, fix);
        }
    }
}

fn is_protected(scope: &Scope<'_>, map: &str, key: &str) -> bool {
    let of_domain = |domain: &&str| {
        key.split_once('/')
            .and_then(|(prefix, _)| prefix.strip_suffix(domain))
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_judged_elsewhere =
        key == TENANT_LABEL || (map == "labels" && key == PROBE) || (key == NAME && map != "labels");
    !is_judged_elsewhere
        && (PROTECTED_KEYS.contains(&key)
            || PROTECTED_DOMAINS.iter().any(of_domain)
            || scope.world.settings.protected_keys.contains(key))
}

/// What stands there by right.
fn wanted<'r>(scope: &Scope<'r>, namespace: &'r Namespace<'r>, key: &str) -> Option<&'r str> {
    if key == NAME {
        return namespace.metadata.name.as_deref();
    }
    let tenant = scope.world.tenant(namespace.tenant()?)?;
    let mut labels = baseline::enforced_labels(&scope.world.settings, tenant);
    labels.find(|label| label.key == key).map(|label| label.value)
}

/// Whoever is not Bulkhead's controller leaves its condition as it was.
fn baseline_is_said_to_stand(scope: &Scope<'_>, findings: &mut Findings) {
    let Some((new, Some(old))) = scope.namespaces() else { return };
    let text =
        |namespace: &Namespace<'_>| namespace.baseline_ready.map(|(_, condition)| condition.get().to_owned());
    if text(new) == text(old) || matches!(scope.actor(), Actor::Bulkhead) {
        return;
    }
    let path = Path::of(&["status", "conditions"]);
    let path = match new.baseline_ready {
        Some((index, _)) => path.index(index).fields(&["type"]),
        None => path,
    };
    findings.report(&path, format!("whether `{BASELINE_READY}` is Bulkhead's to say"), "leave it as it was");
}

/// Whoever asks: an answer that depends on who does would prove less.
fn is_probed(scope: &Scope<'_>, findings: &mut Findings) {
    let Some((new, old)) = scope.namespaces() else { return };
    let probed = |namespace: &Namespace<'_>| namespace.metadata.label_value(PROBE).map(str::to_owned);
    if probed(new).is_some_and(|now| old.and_then(probed) != Some(now)) {
        findings.report(&Path::of(&["metadata", "labels"]).key(PROBE), PROBE_REFUSED, "remove it");
    }
}
