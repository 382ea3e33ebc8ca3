//! Istio's injector, for each revision of tenants' namespaces.

use std::collections::BTreeMap;

use super::mesh::{Injectors, revisions};
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::keys::{INJECTION_LABEL, REVISION_LABEL};
use crate::snapshot::{DEFAULT_REVISION, ProxyReference};

pub(super) const CHECK: Check = Check {
    name: "injector",
    severity: Severity::Error,
    expects: "For each revision of tenants' namespaces, an injector of Istio receives their pods, Bulkhead has learned its \
              proxy, and redirection by istio-cni is as `mesh.istioCni` says.",
    run: |inspection| Box::pin(run(inspection)),
};

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let snapshot = inspection.snapshot().await?;
    if !snapshot.has_sidecars() {
        return Ok(Vec::new());
    }
    let injectors = Injectors::read(inspection).await?;
    let mut problems = Vec::new();
    for revision in revisions(&snapshot) {
        problems.extend(judge_injector(&injectors, revision));
        let reference = snapshot.proxy_references.newest(revision);
        problems.extend(judge_reference(revision, reference, inspection.settings.istio_cni));
    }
    Ok(problems)
}

fn judge_injector(injectors: &Injectors, revision: &str) -> Option<Problem> {
    let (key, value) = match revision {
        DEFAULT_REVISION => (INJECTION_LABEL, "enabled"),
        revision => (REVISION_LABEL, revision),
    };
    let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    (!injectors.inject(&labels)).then(|| {
        Problem::error(
            format!("revision {revision}"),
            format!("no injector receives the pods of namespaces with the label `{key}: {value}`, so they are refused"),
            "install this revision of Istio, or correct `mesh.revision` and the labels of the namespaces: `kubectl get \
             mutatingwebhookconfigurations -l app=sidecar-injector`",
        )
    })
}

fn judge_reference(revision: &str, reference: Option<&ProxyReference>, istio_cni: bool) -> Option<Problem> {
    let object = format!("revision {revision}");
    let Some(reference) = reference else {
        return Some(Problem::error(
            object,
            "the controller has not learned the proxy of this revision, so pods with a sidecar are refused",
            "read the lines `failed to learn the mesh's proxy` in the controller's log, and \
             docs/troubleshooting.md#pods-are-refused-because-the-proxy-is-not-known",
        ));
    };
    let mut forms = reference.native.iter().chain(&reference.classic);
    let validates = forms.any(|pod| pod.container("istio-validation").is_some());
    (validates != istio_cni).then(|| {
        Problem::error(
            object,
            format!(
                "the injector's pods are made for {}istio-cni, and the setting says otherwise",
                if validates { "" } else { "a mesh without " }
            ),
            format!("set `mesh.istioCni: {validates}`"),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn injectors(selector: &serde_json::Value) -> Injectors {
        let configuration = json!({
            "metadata": { "name": "istio-sidecar-injector", "labels": { "istio.io/rev": "v2", "istio.io/tag": "stable" } },
            "webhooks": [{
                "name": "rev.namespace.sidecar-injector.istio.io", "admissionReviewVersions": ["v1"],
                "clientConfig": {}, "sideEffects": "None", "namespaceSelector": selector,
            }],
        });
        Injectors::new(serde_json::from_value(configuration).into_iter().collect())
    }

    #[test]
    fn revision_without_an_injector_is_found() {
        let default = injectors(&json!({ "matchLabels": { "istio-injection": "enabled" } }));
        assert_eq!(judge_injector(&default, "default"), None);
        assert!(judge_injector(&default, "stable").is_some());
        let tag = injectors(&json!({ "matchExpressions": [
            { "key": "istio.io/rev", "operator": "In", "values": ["stable"] },
            { "key": "istio-injection", "operator": "DoesNotExist" },
        ] }));
        assert_eq!(judge_injector(&tag, "stable"), None);
        assert!(judge_injector(&tag, "default").is_some());
        assert_eq!((tag.revision("stable"), tag.revision("v1")), ("v2", "v1"));
    }

    #[test]
    fn reference_must_be_known_and_of_the_setting() {
        let of = |container: &str| {
            let pod = json!({ "initContainers": [{ "name": container }], "containers": [], "volumes": [] });
            serde_json::from_value::<ProxyReference>(json!({ "native": pod })).ok()
        };
        let is_found =
            |container, istio_cni| judge_reference("default", of(container).as_ref(), istio_cni).is_some();
        assert!(!is_found("istio-init", false));
        assert!(is_found("istio-init", true));
        assert!(!is_found("istio-validation", true));
        assert!(is_found("istio-validation", false));
        assert!(judge_reference("default", None, false).is_some());
    }
}
