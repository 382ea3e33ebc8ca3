//! Dry runs of two pods in a namespace of a tenant: Bulkhead must refuse the one, and the other must be admitted.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::keys::INJECT_KEY;
use crate::policy::proxy::PROXY_CONTAINER;
use crate::settings::Dataplane;
use crate::snapshot::Snapshot;

pub(super) const CHECK: Check = Check {
    name: "pod-probe",
    severity: Severity::Error,
    expects: "In a ready namespace of an enforced tenant, the webhook refuses a dry run of a pod with a counterfeit proxy, and \
              a dry run of a plain pod is admitted, with a native sidecar or istio-cni.",
    run: |inspection| Box::pin(run(inspection)),
};

const NAME: &str = "bulkhead-doctor";

/// The answer to a dry run: the pod after every mutation, or the message of the refusal.
type Answer = Result<Pod, String>;

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    inspection.expect_refusals().await?;
    let snapshot = inspection.snapshot().await?;
    if !snapshot.has_sidecars() {
        let message =
            "with the dataplane `Ambient` pods have no proxy that could be counterfeit, so no pod was sent";
        return Ok(vec![Problem::info("", message)]);
    }
    let Some(namespace) = namespace(&snapshot) else {
        return Ok(vec![Problem::info(
            "",
            "no enforced tenant with sidecars has a ready namespace, so no pod was sent to the webhook",
        )]);
    };
    let bad = create(inspection, namespace, &counterfeit_pod()).await?;
    let good = create(inspection, namespace, &plain_pod()).await?;
    let good = judge_good(namespace, good, inspection.settings.istio_cni);
    Ok(judge_bad(namespace, bad).into_iter().chain(good).collect())
}

/// Returns the first ready namespace of an enforced tenant whose pods get sidecars.
fn namespace(snapshot: &Snapshot) -> Option<&str> {
    let mut enforced = snapshot.tenants().filter(|tenant| !tenant.is_observed());
    let has_sidecars = |namespace: &&str| snapshot.dataplane(namespace) == Dataplane::Sidecar;
    enforced.find_map(|tenant| snapshot.ready_namespaces_of(&tenant.name).find(has_sidecars))
}

fn plain_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": NAME },
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{ "name": "app", "image": "registry.invalid/doctor" }],
        },
    })
}

/// Returns a pod without injection, whose own container has the name of the proxy. The settings cannot put the rule about
/// such pods out of force.
fn counterfeit_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": NAME, "labels": { INJECT_KEY: "false" } },
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{ "name": PROXY_CONTAINER, "image": "registry.invalid/doctor" }],
        },
    })
}

async fn create(inspection: &Inspection, namespace: &str, pod: &Value) -> Result<Answer, Unread> {
    let failed = |reason: String| Unread::new(reason, "report it");
    let pod: Pod = serde_json::from_value(pod.clone()).map_err(|error| failed(error.to_string()))?;
    let pods = Api::<Pod>::namespaced(inspection.client().clone(), namespace);
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    match pods.create(&parameters, &pod).await {
        Ok(admitted) => Ok(Ok(admitted)),
        Err(kube::Error::Api(status)) if !status.message.contains("cannot create resource") => {
            Ok(Err(status.message.clone()))
        }
        Err(error) => Err(Unread::request("failed to send a dry run of a pod", &error)),
    }
}

fn judge_bad(namespace: &str, answer: Answer) -> Option<Problem> {
    let object = format!("Namespace {namespace}");
    let remedy = "see the findings about the webhook configurations and the probe of the webhook";
    match answer {
        Ok(_) => Some(Problem::error(object, "a pod with a counterfeit proxy was admitted", remedy)),
        Err(message) if message.contains("\"workloads.bulkhead.dev\" denied the request") => None,
        Err(message) => Some(Problem::error(
            object,
            format!("a pod with a counterfeit proxy was refused, but not by Bulkhead: {message}"),
            remedy,
        )),
    }
}

fn judge_good(namespace: &str, answer: Answer, istio_cni: bool) -> Option<Problem> {
    let object = format!("Namespace {namespace}");
    let message = match answer {
        Ok(pod) => return (!istio_cni && has_classic_proxy(&pod)).then(|| classic(object)),
        Err(message) => message,
    };
    let said = format!("a plain pod was refused: {message}");
    if message.contains("exceeded quota") {
        let note = format!("the quota of the namespace is used up, so a plain pod was not judged: {message}");
        return Some(Problem::info(object, note));
    }
    Some(if message.contains(".bulkhead.dev\"") || message.contains("sidecar-injector") {
        let remedy = "see docs/troubleshooting.md, and the findings about the injector";
        Problem::error(object, said, remedy)
    } else {
        let remedy = "admit plain pods in the webhook or policy that the message names";
        Problem::warning(object, said, remedy)
    })
}

/// True if the proxy is among the containers, and not an init container.
fn has_classic_proxy(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.into_iter().any(|container| container.name == PROXY_CONTAINER)
}

fn classic(object: String) -> Problem {
    let message = "the injector adds classic sidecars: pods with init containers are refused (BH316), and Jobs do not end";
    Problem::warning(
        object,
        message,
        "set `ENABLE_NATIVE_SIDECARS: \"true\"` for istiod, or install istio-cni and set `mesh.istioCni`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_pod_must_be_refused_by_bulkhead() {
        let severity = |answer: Result<Pod, &str>| {
            judge_bad("tenant-green", answer.map_err(str::to_owned)).map(|problem| problem.severity)
        };
        assert_eq!(severity(Ok(Pod::default())), Some(Severity::Error));
        assert_eq!(severity(Err("pods \"x\" is forbidden: PodSecurity")), Some(Severity::Error));
        let refused = "admission webhook \"workloads.bulkhead.dev\" denied the request: BH304";
        assert_eq!(severity(Err(refused)), None);
        let unreachable = "failed calling webhook \"workloads.bulkhead.dev\": connection refused";
        assert_eq!(severity(Err(unreachable)), Some(Severity::Error));
    }

    #[test]
    fn good_pod_must_be_admitted() {
        let severity = |answer: Result<Pod, &str>| {
            judge_good("tenant-green", answer.map_err(str::to_owned), false).map(|problem| problem.severity)
        };
        assert_eq!(severity(Ok(Pod::default())), None);
        let classic = json!({ "spec": { "containers": [{ "name": "app" }, { "name": "istio-proxy" }] } });
        let classic: Pod = serde_json::from_value(classic).unwrap_or_default();
        assert_eq!(severity(Ok(classic)), Some(Severity::Warning));
        let refused = "admission webhook \"workloads.bulkhead.dev\" denied the request: BH304";
        assert_eq!(severity(Err(refused)), Some(Severity::Error));
        assert_eq!(severity(Err("exceeded quota: tenant-quota")), Some(Severity::Info));
        let other = "admission webhook \"policy.example.com\" denied the request";
        assert_eq!(severity(Err(other)), Some(Severity::Warning));
    }
}
