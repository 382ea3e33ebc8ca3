//! # BH809 `foreign-scrape`
//!
//! ## What it refuses
//! Refuses monitors of Prometheus that call or read others.
//!
//! A monitor may select Services and pods in namespaces of the tenant, with Secrets of its own namespace. Refused are
//!
//! * a `namespaceSelector` with `any: true` or with a namespace of others;
//! * relabelings that can write `__address__` or `__meta_…`, or other values than `http` and `https` into `__scheme__`. A
//!   name with `$` must begin otherwise, as `label_$1` and `__param_$1` do. Without such a beginning, a `labelmap` must
//!   copy labels or annotations of Kubernetes: `__meta_kubernetes_pod_label_(.+)`;
//! * files of Prometheus: `bearerTokenFile`, and `caFile`, `certFile` and `keyFile` in `tlsConfig`;
//! * `proxyUrl`, and `oauth2.tokenUrl` with a host that is not granted (`grants.reach.hosts`);
//! * a `scrapeClass` that the setting `allowedScrapeClasses` does not list.
//!
//! ## Why
//! Prometheus calls the targets from its own place in the network, and with its own credentials. It reaches the metrics of
//! every tenant that accepts its calls, the API server and the addresses of the platform.
//!
//! ## What to write instead
//! Select your own Services and pods, choose the port with `port`, `targetPort` or `portNumber`, and refer to Secrets of
//! your namespace.
//!
//! ## How to get it allowed
//! Ask the platform to write the monitor in a namespace of its own, or for the setting `allowedScrapeClasses`. The rule only
//! warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields that it reads stay
//! unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: monitoring.coreos.com/v1
//! kind: ServiceMonitor
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: {}
//!   namespaceSelector:
//!     any: true # BH809
//!     matchNames:
//!       - tenant-acme-new
//!       - tenant-beta # BH809
//!       - istio-system # BH809
//!       # Prometheus takes the empty name for all namespaces.
//!       - "" # BH809
//!   scrapeClass: kubelet # BH809
//!   endpoints:
//!     - port: http
//!       bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token # BH809
//!       proxyUrl: http://169.254.169.254 # BH809
//!       tlsConfig:
//!         caFile: /etc/prometheus/secrets/platform/ca.crt # BH809
//!         certFile: /etc/prometheus/secrets/platform/tls.crt # BH809
//!         keyFile: /etc/prometheus/secrets/platform/tls.key # BH809
//!       oauth2:
//!         clientId: { secret: { name: client, key: id } }
//!         clientSecret: { name: client, key: secret }
//!         tokenUrl: http://web.tenant-beta.svc/token # BH809
//!         proxyUrl: http://10.0.0.7 # BH809
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: monitoring.coreos.com/v1
//! kind: PodMonitor
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: {}
//!   podMetricsEndpoints:
//!     - port: http
//!       relabelings:
//!         - targetLabel: __address__ # BH809
//!           replacement: web.tenant-beta.svc:8080
//!         # A pod's annotation chooses the address.
//!         - sourceLabels: [__meta_kubernetes_pod_annotation_target] # BH809
//!           targetLabel: __address__
//!         # Prometheus begins the URL with the scheme, without a check.
//!         - targetLabel: __scheme__ # BH809
//!           replacement: http://web.tenant-beta.svc:8080/metrics?
//!         - regex: (.+);(.+) # BH809
//!           sourceLabels: [__meta_kubernetes_pod_annotation_a, __meta_kubernetes_pod_annotation_b]
//!           targetLabel: ${1}_address__
//!           replacement: $2
//!         - action: labelmap # BH809
//!           regex: __meta_kubernetes_pod_annotation_a(.+)z
//!         # Such a label looks like one of Kubernetes, but can have any key.
//!         - targetLabel: __meta_kubernetes_pod_label___address__ # BH809
//!           replacement: web.tenant-beta.svc:8080
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: monitoring.coreos.com/v1
//! kind: ServiceMonitor
//! metadata: { name: web, namespace: tenant-acme, labels: { release: prometheus } }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   namespaceSelector: { any: false, matchNames: [tenant-acme, tenant-acme-new] }
//!   targetLabels: [team]
//!   endpoints:
//!     - port: http
//!       path: /metrics
//!       scheme: https
//!       interval: 30s
//!       honorLabels: true
//!       bearerTokenFile: ""
//!       tlsConfig:
//!         insecureSkipVerify: true
//!         ca: { configMap: { name: ca, key: ca.crt } }
//!         keySecret: { name: client, key: tls.key }
//!       basicAuth:
//!         username: { name: metrics, key: user }
//!         password: { name: metrics, key: password }
//!       metricRelabelings: [{ action: drop, sourceLabels: [__name__], regex: go_.* }]
//! ```
//! Labels of the target, its path, and its scheme from an annotation:
//! ```yaml as alice in acme-developers
//! apiVersion: monitoring.coreos.com/v1
//! kind: PodMonitor
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   podMetricsEndpoints:
//!     - portNumber: 15090
//!       relabelings:
//!         - { action: keep, sourceLabels: [__meta_kubernetes_pod_container_name], regex: istio-proxy }
//!         - { sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: node }
//!         - { action: labelmap, regex: __meta_kubernetes_pod_label_(.+) }
//!         - { action: labelmap, regex: __meta_kubernetes_pod_annotation_prometheus_io_param_(.+), replacement: __param_$1 }
//!         - { sourceLabels: [__meta_kubernetes_pod_annotation_prometheus_io_path], targetLabel: __metrics_path__ }
//!         - sourceLabels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme]
//!           regex: (https?)
//!           targetLabel: __scheme__
//!         - { targetLabel: __scheme__, replacement: https }
//!         - { action: labeldrop, regex: pod_template_hash }
//! ```
//! A granted host and an allowed class:
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: monitoring.coreos.com/v1
//! kind: PodMonitor
//! metadata: { name: web, namespace: tenant-shop }
//! spec:
//!   selector: {}
//!   scrapeClass: istio-mtls
//!   podMetricsEndpoints:
//!     - port: http
//!       oauth2:
//!         clientId: { secret: { name: client, key: id } }
//!         clientSecret: { name: client, key: secret }
//!         tokenUrl: https://api.example.net/token
//! ```
//!
//! ## Limits
//! A target can redirect Prometheus to any address, unless its monitor has `followRedirects: false`. Limit the addresses
//! that Prometheus can reach with a NetworkPolicy for it, and put no credentials into its default scrape class. The rule
//! does not judge the labels of metrics: set `enforcedNamespaceLabel` and `overrideHonorLabels` in the Prometheus.

use super::{Check, Request, Rule, RuleReport, quote};
use crate::policy::Retry;
use crate::policy::claims::{Claim, Owner, resolve};
use crate::policy::object::{Monitor, Relabeling};

pub(super) const RULE: Rule = Rule::new(Check::Monitor(check));

/// The beginnings of labels that a monitor may not write, each with its effect and what to write instead.
const LABELS: &[(&str, &str, &str)] = &[
    (
        "__address__",
        "this relabeling can write `__address__`, so that Prometheus calls any address",
        "choose the port with `port`, `targetPort` or `portNumber`, and begin computed labels with a letter.",
    ),
    (
        "__scheme__",
        "this relabeling can write `__scheme__`, with which the URL of the target begins",
        "write `scheme: https` into the endpoint, or the `replacement` `http` or `https`.",
    ),
    (
        "__meta_",
        "this relabeling can write `__meta_` labels, which other relabelings take for those of Kubernetes",
        "write a label that begins with a letter.",
    ),
];

fn check(request: &Request<'_>, monitor: &Monitor<'_>, report: &mut RuleReport) {
    for namespace in monitor.namespaces().filter(|namespace| !request.owns(namespace.value)) {
        report.add_with(&namespace.path, || {
            let (name, tenant) = (quote(namespace.value), request.own_tenant_in_words());
            let message = match &**namespace.value {
                "" => "Prometheus reads the empty name as every namespace".to_owned(),
                _ => format!("the namespace {name} is outside {tenant}, and Prometheus would call its pods"),
            };
            (message, "name namespaces of your own.".to_owned())
        });
        report.may_change(Retry::Refresh);
    }
    for relabeling in monitor.relabelings() {
        let is_written = |(start, ..): &&(&str, &str, &str)| {
            let is_scheme = *start == "__scheme__" && writes_http_scheme(relabeling.value);
            can_write(relabeling.value, start) && !is_scheme
        };
        if let Some((_, message, fix)) = LABELS.iter().find(is_written) {
            report.add(&relabeling.path, *message, *fix);
            report.may_change(Retry::Never);
        }
    }
    for url in monitor.token_urls() {
        let owner = resolve(request, &Claim::KeySource(url.value));
        if owner != Owner::Granted {
            report.add_with(&url.path, || {
                let message = format!(
                    "Prometheus would call {}, which is no `https` URL of a granted host",
                    quote(url.value)
                );
                (message, "ask the platform for `Tenant.spec.grants.reach.hosts`.".to_owned())
            });
            report.may_change(owner.retry());
        }
    }
}

/// True if the relabeling can write a label whose name begins with `start`, which begins with `_`.
///
/// The keys that a `labelmap` copies begin with a letter or a digit only if no relabeling of the monitor writes
/// `__meta_` labels.
fn can_write(relabeling: &Relabeling<'_>, start: &str) -> bool {
    const WRITING_NONE: &[&str] = &["keep", "drop", "keepequal", "dropequal", "labeldrop", "labelkeep"];
    if has_action(relabeling, "labelmap") {
        let replacement = relabeling.replacement();
        return can_begin(replacement, start)
            && !(is_capture(replacement) && captures_key(relabeling.regex()));
    }
    can_begin(relabeling.target_label(), start)
        && !WRITING_NONE.iter().any(|action| has_action(relabeling, action))
}

/// True if the relabeling writes nothing but `http` or `https` into one label.
fn writes_http_scheme(relabeling: &Relabeling<'_>) -> bool {
    let replacement = relabeling.replacement();
    let captures_scheme =
        matches!(relabeling.regex(), "(https?)" | "(http|https)") && is_capture(replacement);
    has_action(relabeling, "replace")
        && !relabeling.target_label().contains('$')
        && (matches!(replacement, "http" | "https") || captures_scheme)
}

fn has_action(relabeling: &Relabeling<'_>, action: &str) -> bool {
    relabeling.action().eq_ignore_ascii_case(action)
}

/// True if the only group of the expression is the key of a label or an annotation of Kubernetes, which begins with a
/// letter or a digit: `__meta_kubernetes_pod_label_(.+)`.
fn captures_key(regex: &str) -> bool {
    let Some((prefix, group)) = regex.strip_suffix(')').and_then(|regex| regex.split_once('(')) else {
        return false;
    };
    let is_literal = prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_before_key = prefix.ends_with("_label_") || prefix.ends_with("_annotation_");
    let has_one_group = !group.contains(['(', ')']) && !group.starts_with('?') && !group.ends_with('\\');
    prefix.starts_with("__meta_kubernetes_") && is_literal && is_before_key && has_one_group
}

/// True if a name with references to groups, such as `label_$1`, can begin with `start`.
fn can_begin(template: &str, start: &str) -> bool {
    template.starts_with(start)
        || template.split_once('$').is_some_and(|(literal, _)| start.starts_with(literal))
}

fn is_capture(replacement: &str) -> bool {
    matches!(replacement, "$1" | "${1}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use serde_json::json;

    use super::can_write;

    fn can_write_address(relabeling: &serde_json::Value) -> bool {
        let text = relabeling.to_string();
        can_write(&serde_json::from_str(&text).unwrap(), "__address__")
    }

    #[test]
    fn names_that_can_be_an_address_are_found() {
        for relabeling in [
            json!({ "targetLabel": "__address__" }),
            json!({ "action": "Replace", "targetLabel": "__address__", "replacement": "10.0.0.1" }),
            json!({ "action": "lowercase", "targetLabel": "__address__" }),
            json!({ "action": "HashMod", "targetLabel": "__address__" }),
            json!({ "targetLabel": "$1" }),
            json!({ "targetLabel": "__add$1" }),
            json!({ "targetLabel": "${1}_address__" }),
            json!({ "targetLabel": "__address__$1" }),
            json!({ "action": "LabelMap", "replacement": "__address__" }),
            json!({ "action": "labelmap", "replacement": "__addr${1}", "regex": "__meta_kubernetes_pod_label_(.+)" }),
            json!({ "action": "labelmap", "replacement": "$1$2", "regex": "__meta_kubernetes_pod_label_(.+)" }),
            json!({ "action": "labelmap" }),
            json!({ "action": "labelmap", "replacement": "", "regex": "x(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_a(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_.(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_.+_label_(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(x|__address__)*" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_((x)(.+))" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(?:x)(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(?x)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(x\\)" }),
            json!({ "action": "labelmap", "regex": "a|__meta_kubernetes_pod_label_(.+)" }),
        ] {
            assert!(can_write_address(&relabeling), "{relabeling}");
        }
    }

    #[test]
    fn names_that_cannot_be_an_address_are_admitted() {
        for relabeling in [
            json!({}),
            json!({ "targetLabel": "address" }),
            json!({ "targetLabel": "__metrics_path__", "replacement": "$1" }),
            json!({ "targetLabel": "label_$1" }),
            json!({ "targetLabel": "__param_$1" }),
            json!({ "action": "keep", "targetLabel": "__address__" }),
            json!({ "action": "LabelDrop", "regex": "__address__" }),
            json!({ "action": "KeepEqual", "targetLabel": "__address__" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(app|team.*)" }),
            json!({ "action": "LabelMap", "regex": "__meta_kubernetes_service_annotation_(.*)", "replacement": "${1}" }),
            json!({ "action": "labelmap", "regex": ".*_param_(.+)", "replacement": "__param_$1" }),
            json!({ "action": "labelmap", "regex": "(.+)", "replacement": "pod_$1" }),
        ] {
            assert!(!can_write_address(&relabeling), "{relabeling}");
        }
    }
}
