//! # BH707 `silenced-log`
//!
//! ## What it does
//! Refuses a Telemetry by which the proxies of some pods do not log, or not all of, whom they refuse.
//!
//! That is one about calls that arrive (any `match.mode` but `CLIENT`) which is `disabled`, has a `filter`, or names
//! `providers` and not the one of the settings among them.
//!
//! ## Why it matters
//! The log of what was refused, with the caller's identity, is how anybody sees that a boundary was tried. A
//! Telemetry with a selector takes the place of the namespace's for its pods.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: telemetry.istio.io/v1
//! kind: Telemetry
//! metadata: { name: quiet, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: quiet } }
//!   accessLogging:
//!     - providers: [{ name: envoy }]
//!     - disabled: true # BH707
//!     - match: { mode: SERVER }
//!       filter: # BH707
//!         expression: "false"
//!     - providers: # BH707
//!         - name: elsewhere
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: telemetry.istio.io/v1
//! kind: Telemetry
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   accessLogging:
//!     - { match: { mode: CLIENT }, disabled: true }
//!     - { providers: [{ name: envoy }, { name: traces }], disabled: false }
//!   tracing: [{ randomSamplingPercentage: 100 }]
//! ```
//!
//! ## Limits
//! What is said of metrics and traces is not judged.

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::kind::Kind;
use crate::policy::object::Spec;
use crate::policy::path::Path;

pub(super) static RULE: Rule = Rule {
    code: "BH707",
    name: "silenced-log",
    kinds: &[&[Kind::Policy(baseline::Kind::Telemetry)]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh707_silenced_log.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some(Spec::Telemetry(telemetry)) = scope.spec_beside_the_baseline() else { return };
    let message = "with this, whom these pods' proxies refuse is not all logged";
    let logging = telemetry.access_logging.iter().enumerate();
    for (index, logging) in logging.filter(|(_, logging)| logging.is_of_arrivals()) {
        let at = |field| Path::of(&["spec", "accessLogging"]).index(index).fields(&[field]);
        if logging.disabled == Some(true) {
            findings.report(&at("disabled"), message, "remove it, or write `match: {mode: CLIENT}`");
        }
        if logging.filter.is_some() {
            findings.report(&at("filter"), message, "remove it, or write `match: {mode: CLIENT}`");
        }
        let providers = &logging.providers;
        if let Some(kept) = &scope.world.settings.access_log
            && !(providers.is_empty() || providers.iter().any(|provider| *provider.name == **kept))
        {
            findings.report(&at("providers"), message, format!("name `{kept}` too"));
        }
    }
}
