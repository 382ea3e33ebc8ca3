//! The Deployment of istiod in each revision: its version and environment.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;

use super::mesh::of_each_revision;
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::settings::DenyAll;
use crate::snapshot::Snapshot;

pub(super) const CHECK: Check = Check {
    name: "istiod",
    severity: Severity::Error,
    expects: "istiod has version 1.22 or newer; its `MAX_WORKLOAD_CERT_TTL` is at most `mesh.maxCertificateDays`; it verifies \
              the trust domain of proxies; with granted gateway pods it has `PILOT_SCOPE_GATEWAY_TO_NAMESPACE`, with granted \
              hosts `BLOCKED_CIDRS_IN_JWKS_URIS`. With `Ambient` it has version 1.24 or newer and `PILOT_ENABLE_AMBIENT`, and \
              ztunnel gets no policies in a dry run.",
    run: |inspection| Box::pin(run(inspection)),
};

/// istiod's default of `MAX_WORKLOAD_CERT_TTL`, in seconds.
const DEFAULT_LIFETIME: i64 = 90 * DAY;
const DAY: i64 = 24 * 60 * 60;
/// The oldest minor version of Istio 1.
const OLDEST: u32 = 22;
/// The first in which the ambient dataplane is stable.
const OLDEST_AMBIENT: u32 = 24;
/// Makes istiod send policies in a dry run to ztunnel.
const AMBIENT_DRY_RUN: &str = "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY";

/// The parts of a mesh on which the environment of istiod depends.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    max_certificate_lifetime: i64,
    has_gateway_pods: bool,
    has_hosts: bool,
    /// The needs of ztunnel, if it captures pods.
    ambient: Option<AmbientNeeds>,
}

#[derive(Clone, Copy, Debug)]
struct AmbientNeeds {
    has_dry_run: bool,
}

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let snapshot = inspection.snapshot().await?;
    let mut problems = Vec::new();
    for (object, found) in of_each_revision::<Deployment>(inspection, "istiod").await? {
        match found {
            Ok(Some(istiod)) => problems.extend(judge(&object, &istiod, needs(&snapshot))),
            Ok(None) => problems.push(Problem::info(
                object,
                "does not exist, so the version and the environment of istiod are not visible: compare them with the table in \
                 docs/doctor.md by hand",
            )),
            Err(unread) => problems.push(unread.into()),
        }
    }
    Ok(problems)
}

fn needs(snapshot: &Snapshot) -> Needs {
    Needs {
        max_certificate_lifetime: snapshot.settings.max_certificate_lifetime,
        has_gateway_pods: snapshot.tenants().any(|tenant| !tenant.grants.gateway_pods.is_empty()),
        has_hosts: snapshot.tenants().any(|tenant| !tenant.grants.reach.hosts.is_empty()),
        ambient: snapshot
            .has_captured_pods()
            .then(|| AmbientNeeds { has_dry_run: snapshot.settings.mesh_wide == Some(DenyAll::DryRun) }),
    }
}

fn judge(object: &str, istiod: &Deployment, needs: Needs) -> Vec<Problem> {
    let containers = istiod.spec.iter().filter_map(|spec| spec.template.spec.as_ref());
    let mut containers = containers.flat_map(|spec| &spec.containers);
    let Some(container) = containers.find(|container| container.name == "discovery") else {
        return vec![
            Unread::new(format!("{object} has no container `discovery`"), "compare istiod by hand").into(),
        ];
    };
    let environment: BTreeMap<&str, Option<&str>> = container
        .env
        .iter()
        .flatten()
        .map(|variable| (variable.name.as_str(), variable.value.as_deref()))
        .collect();
    let mut problems: Vec<Problem> = judge_version(object, container, needs).into_iter().collect();
    problems.extend(judge_lifetime(object, &environment, needs));
    let is_true = |name: &str| environment.get(name).copied().flatten() == Some("true");
    if let Some(ambient) = needs.ambient {
        problems.extend(judge_ambient(object, ambient, is_true));
    }
    if is_true("PILOT_SKIP_VALIDATE_TRUST_DOMAIN") {
        problems.push(Problem::warning(
            object,
            "has `PILOT_SKIP_VALIDATE_TRUST_DOMAIN`, so proxies accept callers of any trust domain that the root \
             certificates sign",
            "remove the variable",
        ));
    }
    if needs.has_gateway_pods && !is_true("PILOT_SCOPE_GATEWAY_TO_NAMESPACE") {
        problems.push(Problem::error(
            object,
            "a tenant has gateway pods (`grants.gatewayPods`), and Gateways of other namespaces select them",
            "set `PILOT_SCOPE_GATEWAY_TO_NAMESPACE: \"true\"` for istiod",
        ));
    }
    if needs.has_hosts && !environment.contains_key("BLOCKED_CIDRS_IN_JWKS_URIS") {
        problems.push(Problem::warning(
            object,
            "a tenant's granted host can redirect istiod, which fetches keys from it, to addresses of the cluster",
            "set `BLOCKED_CIDRS_IN_JWKS_URIS` for istiod to the addresses of the cluster, its nodes and their metadata",
        ));
    }
    problems
}

/// Judges the version in the tag of the image. An image without such a tag has no finding.
fn judge_version(object: &str, container: &Container, needs: Needs) -> Option<Problem> {
    let oldest = if needs.ambient.is_some() { OLDEST_AMBIENT } else { OLDEST };
    let (_, tag) = container.image.as_deref()?.rsplit_once(':')?;
    let minor: u32 = tag.strip_prefix("1.")?.split(['.', '-']).next()?.parse().ok()?;
    (minor < oldest).then(|| {
        Problem::error(
            object,
            format!("has version 1.{minor}"),
            format!("upgrade Istio to 1.{oldest} or newer"),
        )
    })
}

/// Judges the environment for the ambient dataplane.
fn judge_ambient(object: &str, needs: AmbientNeeds, is_true: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_true("PILOT_ENABLE_AMBIENT") {
        problems.push(Problem::error(
            object,
            "has no `PILOT_ENABLE_AMBIENT`, so that ztunnel gets no policies and no Gateway becomes a waypoint",
            "install Istio with the profile `ambient`, or set `Sidecar` as the dataplane of the settings and of each Tenant",
        ));
    }
    match (is_true(AMBIENT_DRY_RUN), needs.has_dry_run) {
        (true, _) => problems.push(Problem::warning(
            object,
            format!("has `{AMBIENT_DRY_RUN}`: older versions of ztunnel enforce policies that have the annotation of a dry run"),
            "remove the variable until every ztunnel has the version of istiod",
        )),
        (false, true) => problems.push(Problem::info(
            object,
            "sends no policies in a dry run to ztunnel, so `deny-all` in a dry run counts no calls to pods without a waypoint",
        )),
        (false, false) => {}
    }
    problems
}

fn judge_lifetime(object: &str, environment: &BTreeMap<&str, Option<&str>>, needs: Needs) -> Option<Problem> {
    let lifetime = match environment.get("MAX_WORKLOAD_CERT_TTL") {
        None => Some(DEFAULT_LIFETIME),
        Some(value) => value.and_then(seconds),
    };
    let Some(lifetime) = lifetime else {
        let message = "has a `MAX_WORKLOAD_CERT_TTL` that cannot be read here: it must be at most `mesh.maxCertificateDays`";
        return Some(Problem::info(object, message));
    };
    let days = (lifetime + DAY - 1) / DAY;
    (lifetime > needs.max_certificate_lifetime).then(|| {
        Problem::error(
            object,
            format!("signs certificates for up to {days} days, which is longer than names of deleted tenants stay reserved"),
            format!("set `mesh.maxCertificateDays: {days}`, or a shorter `MAX_WORKLOAD_CERT_TTL`"),
        )
    })
}

/// Reads a duration of Go, such as `24h30m`, in whole seconds.
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0_i64, String::new());
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(image: &str, environment: &[(&str, &str)], needs: Needs) -> String {
        let variables: Vec<_> =
            environment.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let container = json!({ "name": "discovery", "image": image, "env": variables });
        let spec = json!({ "selector": {}, "template": { "spec": { "containers": [container] } } });
        let istiod: Deployment = serde_json::from_value(json!({ "spec": spec })).unwrap_or_default();
        judge("istiod", &istiod, needs).into_iter().map(|problem| problem.message).collect()
    }

    const NEEDS: Needs = Needs {
        max_certificate_lifetime: DEFAULT_LIFETIME,
        has_gateway_pods: false,
        has_hosts: false,
        ambient: None,
    };

    #[test]
    fn ambient_dataplane_needs_a_version_and_an_environment() {
        let needs = Needs { ambient: Some(AmbientNeeds { has_dry_run: false }), ..NEEDS };
        let on = ("PILOT_ENABLE_AMBIENT", "true");
        assert!(found("pilot:1.23.1", &[on], needs).contains("1.23"));
        assert_eq!(found("pilot:1.23.1", &[], NEEDS), "");
        assert_eq!(found("pilot:1.24.0", &[on], needs), "");
        assert!(found("pilot:1.31.0", &[], needs).contains("PILOT_ENABLE_AMBIENT"));
        let dry_run = Needs { ambient: Some(AmbientNeeds { has_dry_run: true }), ..NEEDS };
        assert!(found("pilot:1.31.0", &[on], dry_run).contains("counts no calls"));
        assert!(found("pilot:1.31.0", &[on, (AMBIENT_DRY_RUN, "true")], dry_run).contains("older versions"));
    }

    #[test]
    fn environment_is_compared_with_the_settings() {
        const IMAGE: &str = "registry.istio.io/release/pilot:1.31.0-distroless";
        assert_eq!(found(IMAGE, &[], NEEDS), "");
        assert!(found("pilot:1.21.3", &[], NEEDS).contains("1.21"));
        let short = Needs { max_certificate_lifetime: 24 * 3600, ..NEEDS };
        assert!(found(IMAGE, &[], short).contains("90 days"));
        assert_eq!(found(IMAGE, &[("MAX_WORKLOAD_CERT_TTL", "24h0m0s")], short), "");
        assert!(found(IMAGE, &[("MAX_WORKLOAD_CERT_TTL", "a day")], short).contains("cannot be read"));
        let skips = [("PILOT_SKIP_VALIDATE_TRUST_DOMAIN", "true")];
        assert!(found(IMAGE, &skips, NEEDS).contains("trust domain"));
        let gateways = Needs { has_gateway_pods: true, ..NEEDS };
        assert!(found(IMAGE, &[], gateways).contains("gatewayPods"));
        assert_eq!(found(IMAGE, &[("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", "true")], gateways), "");
        assert!(found(IMAGE, &[], Needs { has_hosts: true, ..NEEDS }).contains("redirect"));
    }

    #[test]
    fn durations_of_go_are_read() {
        for (text, expected) in
            [("2160h", Some(7_776_000)), ("1h30m5s", Some(5_405)), ("", None), ("5", None), ("1.5h", None)]
        {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
