//! cert-manager solves HTTP-01 challenges in a tenant's namespace, with the solver that the Issuer of the page configures.

use serde_json::{Value, json};
use support::refusal::{expect_admitted, expect_refused};

use super::{CREATE, NAMESPACE, Stage, has_proxy, write};

/// The rights of cert-manager's controller for challenges, from its chart.
fn rights() -> Value {
    json!([
        { "apiGroups": [""], "resources": ["pods", "services"], "verbs": ["create", "get", "list", "watch", "delete"] },
        {
            "apiGroups": ["networking.k8s.io"], "resources": ["ingresses"],
            "verbs": ["create", "get", "list", "watch", "delete", "update"],
        },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "get", "list", "watch", "update", "patch"] },
    ])
}

/// Metadata of all objects of a challenge.
fn metadata(annotations: &Value) -> Value {
    json!({
        "generateName": "cm-acme-http-solver-", "namespace": NAMESPACE,
        "labels": {
            "acme.cert-manager.io/http-domain": "1034290471",
            "acme.cert-manager.io/http-token": "861042387",
            "acme.cert-manager.io/http01-solver": "true",
        },
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge", "name": "shop-1", "uid": "5f1a",
            "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

/// The pod, the Service and the Ingress of a challenge for the host, with a solver of an Issuer.
fn challenge(solver: &Value, host: &str) -> [Value; 3] {
    let ingress = &solver["http01"]["ingress"];
    let mut annotations = json!({ "sidecar.istio.io/inject": "false" });
    let own = &ingress["podTemplate"]["metadata"]["annotations"];
    for (key, value) in own.as_object().into_iter().flatten() {
        annotations[key] = value.clone();
    }
    annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] = json!("true");
    let container = json!({
        "name": "acmesolver", "image": "registry.example.com/acmesolver:1.19.0",
        "args": ["--listen-port=8089", format!("--domain={host}"), "--token=token", "--key=key"],
        "ports": [{ "name": "http", "containerPort": 8089 }],
        "resources": { "requests": { "cpu": "10m", "memory": "64Mi" }, "limits": { "cpu": "100m", "memory": "64Mi" } },
        "securityContext": {
            "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
        },
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata(&annotations),
        "spec": {
            "automountServiceAccountToken": false, "enableServiceLinks": false, "restartPolicy": "OnFailure",
            "nodeSelector": { "kubernetes.io/os": "linux" },
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [container],
        },
    });
    let service_type = ingress["serviceType"].as_str().unwrap_or("NodePort");
    let selector = metadata(&json!({}))["labels"].clone();
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(&json!({ "auth.istio.io/8089": "NONE" })),
        "spec": {
            "type": service_type, "selector": selector,
            "ports": [{ "name": "http", "port": 8089, "targetPort": 8089 }],
        },
    });
    let backend = json!({ "service": { "name": "cm-acme-http-solver-x", "port": { "number": 8089 } } });
    let path = json!({
        "path": "/.well-known/acme-challenge/token", "pathType": "ImplementationSpecific", "backend": backend,
    });
    let whitelist = json!({ "nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0" });
    let route = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata(&whitelist),
        "spec": {
            "ingressClassName": ingress["ingressClassName"],
            "rules": [{ "host": host, "http": { "paths": [path] } }],
        },
    });
    [pod, service, route]
}

#[test]
fn solver_of_the_issuer_is_admitted_and_the_default_one_is_not() {
    let mut stage = Stage::of("cert_manager");
    stage.apply("tenant.yaml");
    stage.create_namespace(&stage.owner());
    let cert_manager = stage.account("cert-manager", "cert-manager", &rights());
    let issuer = stage.document("issuer.yaml", "ClusterIssuer");
    let solver = &issuer["spec"]["acme"]["solvers"][0];
    let host = "shop.example.com";

    let [pod, service, _] = challenge(&json!({}), host);
    let opt_out = [("BH302", "metadata.annotations[sidecar.istio.io/inject]")];
    let said = write(&cert_manager, &CREATE, &pod);
    assert!(!said.success && said.stderr.contains(opt_out[0].1), "{said:?}");
    let key = [("BH804", "metadata.annotations[auth.istio.io/8089]")];
    expect_refused(&write(&cert_manager, &CREATE, &service), &key);
    stage.apply_settings();
    let said = write(&cert_manager, &CREATE, &service);
    assert!(!said.success && said.stderr.contains("exceeded quota: tenant-quota"), "{said:?}");

    for object in challenge(solver, host) {
        expect_admitted(&write(&cert_manager, &CREATE, &object));
    }
    assert!(has_proxy(&stage.pod("acme.cert-manager.io/http01-solver=true")));

    let certificate = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {
            "name": "shop-tls", "namespace": NAMESPACE,
            "annotations": { "cert-manager.io/certificate-name": "shop", "cert-manager.io/issuer-name": "public" },
            "labels": { "controller.cert-manager.io/fao": "true" },
        },
        "stringData": { "tls.crt": "", "tls.key": "" },
    });
    let apply = ["apply", "--server-side", "--field-manager=cert-manager-certificates-issuing", "-f", "-"];
    expect_admitted(&write(&cert_manager, &apply, &certificate));

    let [_, _, foreign] = challenge(solver, "bank.example.com");
    expect_refused(&write(&cert_manager, &CREATE, &foreign), &[("BH601", "spec.rules[0].host")]);
}
