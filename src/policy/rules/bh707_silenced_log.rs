//! # BH707 `silenced-log`
//!
//! ## What it refuses
//! Refuses Telemetry objects that hide refused calls from the log.
//!
//! An entry of `accessLogging` for incoming calls (any `match.mode` but `CLIENT`) may not be `disabled` and may have no
//! `filter`. If it lists `providers`, the provider of the setting `mesh.accessLog` must be among them.
//!
//! ## Why
//! The log of refused calls, with the caller's identity, shows every attempt to cross a boundary. A Telemetry with a
//! selector replaces the namespace's for its pods.
//!
//! ## What to write instead
//! Limit the entry to outgoing calls with `match: {mode: CLIENT}`, or add the provider of `mesh.accessLog` to
//! `providers`.
//!
//! ## How to get it allowed
//! With the setting `mesh.accessLog: ""` the rule does not judge `providers`. Never for `disabled` and `filter`. The
//! rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields that
//! it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
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
//! The rule does not judge metrics and traces.

use super::{Check, Request, Rule, RuleReport};
use crate::policy::object::Telemetry;

pub(super) const RULE: Rule = Rule::new(Check::Telemetry(check));

fn check(request: &Request<'_>, telemetry: &Telemetry<'_>, report: &mut RuleReport) {
    let message = "with this entry the proxies of these pods do not log every call that they refuse";
    let only_outgoing = |field: &str| {
        format!("remove `{field}`, or limit the entry to outgoing calls with `match: {{mode: CLIENT}}`.")
    };
    let logging = telemetry.access_logging().elements();
    for logging in logging.filter(|logging| logging.value.applies_to_server_side()) {
        if let Some(disabled) = logging.disabled().filter(|disabled| disabled.value) {
            report.add(&disabled.path, message, only_outgoing("disabled"));
        }
        if let Some(filter) = logging.filter() {
            report.add(&filter.path, message, only_outgoing("filter"));
        }
        let providers = logging.providers();
        if let Some(required) = &request.snapshot.settings.access_log
            && !(providers.value.is_empty()
                || providers.value.iter().any(|provider| *provider.name == **required))
        {
            report.add(&providers.path, message, format!("add the provider `{required}` to the list."));
        }
    }
}
