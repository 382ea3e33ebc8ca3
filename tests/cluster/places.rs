//! Protected namespaces and the namespaces of other tenants, through the real API server: refused to users with only the
//! rights that the write needs, and to users with every right.

use std::collections::BTreeSet;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};
use support::api::{call, client, client_as, request};
use support::cluster::{new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects::{
    authorization_policy, changed, deployment, labelled_namespace, object, pod, token_secret,
};
use support::refusal::{expect_admitted, expect_refused, expect_refused_by, refused};
use support::wait::until;

const REFUSED: &[(&str, &str)] = &[("BH401", "metadata.namespace")];
const FOREIGN: &[(&str, &str)] = &[("BH113", "metadata.namespace")];
const DRY_RUN: &[&str] = &["create", "--dry-run=server", "-f", "-"];
/// A protected namespace of each kind.
const PROTECTED: [&str; 3] = ["monitoring", "istio-system", "bulkhead-system"];
/// Resources whose writes are never sent.
const NEVER_SENT: &[&str] = &["events", "leases", "localsubjectaccessreviews"];

/// kubectl as a user with every right on what is in these namespaces and on Namespaces, as a user with every right, and
/// as a GitOps account.
fn users(it: &Installation, name: &str) -> [Kubectl; 3] {
    let admin = it.cluster.admin().unwrap();
    let group = format!("{name}-operators");
    let all = ["--verb=*", "--resource=*.*"];
    admin.run(&[&["create", "clusterrole", &group], &all[..]].concat()).unwrap();
    admin
        .run(&[
            "create",
            "clusterrolebinding",
            &group,
            &format!("--clusterrole={group}"),
            &format!("--group={group}"),
        ])
        .unwrap();
    [
        it.cluster.user(&format!("{name}-operator"), &[&group]).unwrap(),
        it.cluster.powerful(&format!("{name}-mallory"), "strangers").unwrap(),
        it.cluster.powerful(&format!("system:serviceaccount:{name}-argocd:controller"), "strangers").unwrap(),
    ]
}

fn protect(admin: &Kubectl) {
    for namespace in PROTECTED {
        admin.apply(&labelled_namespace(namespace, &json!({})).to_string()).unwrap();
        wait_for_default_account(admin, namespace);
    }
}

fn config_map(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace } })
}

/// Finding 4: kinds that no other rule judges, and the other verbs.
#[test]
fn other_kinds_and_verbs_in_a_protected_namespace_are_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    protect(&admin);
    for home in PROTECTED {
        let name = "places-spy";
        let selected = json!({ "selector": { "matchLabels": { "app": "log-collector" } } });
        let with = |key: &str, value: Value| changed(selected.clone(), |spec| spec[key] = value);
        let objects = [
            object(
                "extensions.istio.io/v1alpha1",
                "WasmPlugin",
                home,
                name,
                &with("url", json!("oci://r.example.com/s:1")),
            ),
            object(
                "networking.istio.io/v1beta1",
                "ProxyConfig",
                home,
                name,
                &with("environmentVariables", json!({ "A": "b" })),
            ),
            object("security.istio.io/v1", "RequestAuthentication", home, name, &with("jwtRules", json!([]))),
            object(
                "networking.istio.io/v1",
                "DestinationRule",
                home,
                name,
                &json!({ "host": "log-collector" }),
            ),
            object(
                "networking.istio.io/v1alpha3",
                "EnvoyFilter",
                home,
                name,
                &json!({ "configPatches": [] }),
            ),
            authorization_policy(home, name, &json!({ "rules": [{}] })),
            config_map(home, name),
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": home } }),
            token_secret(home, name),
            changed(pod(home), |pod| pod["metadata"]["name"] = json!(name)),
            // Two siblings: a StatefulSet's pods are made of its revision, and a Role lends rights.
            json!({ "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": { "name": name, "namespace": home }, "revision": 1, "data": {} }),
            json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": name, "namespace": home }, "rules": [] }),
        ];
        for object in &objects {
            for user in users(&it, "places-kinds") {
                expect_refused_by("shared", &user.feed(DRY_RUN, &object.to_string()).unwrap(), REFUSED);
            }
            expect_admitted(&admin.feed(DRY_RUN, &object.to_string()).unwrap());
        }
    }
    let home = "monitoring";
    admin.apply(&deployment(home, "places-service").to_string()).unwrap();
    until(|| {
        !admin.ok(&["get", "pods", "-n", home, "-l", "app=places-service", "-o", "name"]).unwrap().is_empty()
    });
    let verbs: [&[&str]; 6] = [
        &["delete", "deployment", "places-service"],
        &["scale", "deployment", "places-service", "--replicas=0"],
        &["delete", "pod", "-l", "app=places-service"],
        &["label", "deployment", "places-service", "a=b"],
        &["create", "token", "default"],
        &["annotate", "serviceaccount", "default", "a=b"],
    ];
    for user in users(&it, "places-kinds") {
        for verb in verbs {
            refused(&user, &[verb, &["-n", home]].concat(), "", REFUSED);
        }
        // Harmless twins: the same writes elsewhere, and reads here.
        expect_admitted(&user.feed(DRY_RUN, &config_map("default", "places-twin").to_string()).unwrap());
        user.ok(&["get", "pods", "-n", home]).unwrap();
    }
    admin.ok(&["delete", "deployment", "places-service", "-n", home]).unwrap();
}

/// Findings 4 and 5: the Namespace itself.
#[test]
fn change_or_deletion_of_a_protected_namespace_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    protect(&admin);
    for home in PROTECTED {
        for user in users(&it, "places-itself") {
            let writes: [&[&str]; 4] = [
                &["label", "namespace", home, "istio-injection=disabled", "--overwrite", "--dry-run=server"],
                &["annotate", "namespace", home, "example.com/a=b", "--dry-run=server"],
                &["delete", "namespace", home, "--dry-run=server"],
                &[
                    "patch",
                    "namespace",
                    home,
                    "--dry-run=server",
                    "-p",
                    r#"{"metadata":{"finalizers":["example.com/a"]}}"#,
                ],
            ];
            for write in writes {
                refused(&user, write, "", &[("BH401", "metadata.name")]);
            }
        }
        admin.ok(&["annotate", "namespace", home, "example.com/a=b", "--dry-run=server"]).unwrap();
        admin.ok(&["delete", "namespace", home, "--dry-run=server"]).unwrap();
    }
    let stranger = &users(&it, "places-itself")[1];
    admin.run(&["create", "namespace", "places-twin"]).unwrap();
    stranger.ok(&["annotate", "namespace", "places-twin", "example.com/a=b", "--dry-run=server"]).unwrap();
    stranger.ok(&["delete", "namespace", "places-twin", "--dry-run=server"]).unwrap();
}

/// Finding 5: accounts of the mesh's root namespace write what istiod needs, and nothing that configures proxies.
#[test]
fn mesh_configuration_by_accounts_of_the_root_namespace_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    protect(&admin);
    let istiod = it.cluster.powerful("system:serviceaccount:istio-system:istiod", "places-istiod").unwrap();
    let own = it.cluster.powerful("system:serviceaccount:monitoring:operator", "places-istiod").unwrap();
    let filter = |home: &str| {
        object("networking.istio.io/v1alpha3", "EnvoyFilter", home, "places", &json!({ "configPatches": [] }))
            .to_string()
    };
    for home in PROTECTED {
        expect_refused_by("shared", &istiod.feed(DRY_RUN, &filter(home)).unwrap(), REFUSED);
        expect_admitted(&istiod.feed(DRY_RUN, &config_map(home, "places-istiod").to_string()).unwrap());
    }
    expect_admitted(&own.feed(DRY_RUN, &filter("monitoring")).unwrap());
    expect_refused(&own.feed(DRY_RUN, &filter("istio-system")).unwrap(), REFUSED);
    expect_refused(
        &own.feed(DRY_RUN, &config_map("bulkhead-system", "places-own").to_string()).unwrap(),
        REFUSED,
    );
}

/// The account of a legitimate controller, and an object that it writes in protected namespaces.
#[test]
fn kubernetes_and_listed_accounts_write_in_protected_namespaces() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    protect(&admin);
    let home = "monitoring";
    let names = [
        "endpointslice-controller",
        "horizontal-pod-autoscaler",
        "root-ca-cert-publisher",
        "resourcequota-controller",
    ];
    for name in names {
        let account = format!("system:serviceaccount:kube-system:{name}");
        let controller = it.cluster.powerful(&account, "places-controllers").unwrap();
        expect_admitted(
            &controller.feed(DRY_RUN, &config_map(home, "places-controllers").to_string()).unwrap(),
        );
    }
    let scheduler = it.cluster.powerful("system:kube-scheduler", "places-controllers").unwrap();
    expect_admitted(&scheduler.feed(DRY_RUN, &config_map(home, "places-controllers").to_string()).unwrap());
    // In kube-system, other accounts are not Kubernetes' controllers.
    let other =
        it.cluster.powerful("system:serviceaccount:kube-system:autoscaler", "places-controllers").unwrap();
    expect_refused(
        &other.feed(DRY_RUN, &config_map(home, "places-controllers").to_string()).unwrap(),
        REFUSED,
    );
    let lease = object("coordination.k8s.io/v1", "Lease", home, "places-lease", &json!({}));
    expect_admitted(&other.feed(DRY_RUN, &lease.to_string()).unwrap());
}

/// Finding 13: a member of another tenant, with the rights that the write needs and with every right.
#[test]
fn write_of_another_tenants_member_is_refused() {
    let it = shared();
    let acme = new_tenant(&it, "places-acme");
    let own = new_namespace(&acme, "places-acme");
    let beta = new_tenant(&it, "places-beta");
    let home = new_namespace(&beta, "places-beta");
    let admin = it.cluster.admin().unwrap();
    admin.apply(&pod(&own).to_string()).unwrap();
    // Only the rights of an administrator of this one namespace.
    admin
        .ok(&["create", "rolebinding", "forgotten", "--clusterrole=admin", "--user=places-bob", "-n", &own])
        .unwrap();
    let bob = it.cluster.user("places-bob", &["places-beta-developers"]).unwrap();
    let account =
        it.cluster.powerful(&format!("system:serviceaccount:{home}:deployer"), "places-accounts").unwrap();
    let denied = authorization_policy(&own, "shut", &json!({ "action": "DENY" })).to_string();
    let open = r#"{"metadata":{"labels":{"a":"b"}}}"#;
    for other in [&bob, &beta, &account] {
        let mine = changed(pod(&own), |pod| pod["metadata"]["name"] = json!("mine")).to_string();
        expect_refused(&other.feed(DRY_RUN, &mine).unwrap(), FOREIGN);
        refused(other, &["create", "serviceaccount", "mine", "-n", &own, "--dry-run=server"], "", FOREIGN);
        refused(other, &["create", "token", "default", "-n", &own], "", FOREIGN);
        refused(other, &["patch", "pod", "app", "-n", &own, "-p", open], "", FOREIGN);
        refused(
            other,
            &["exec", "app", "-n", &own, "-c", "istio-proxy", "--", "id"],
            "",
            &[("BH113", "metadata.namespace"), ("BH314", "container")],
        );
    }
    for other in [&beta, &account] {
        expect_refused(&other.feed(DRY_RUN, &denied).unwrap(), FOREIGN);
        let itself = [("BH113", "metadata.name")];
        refused(other, &["label", "namespace", &own, "a=b", "--dry-run=server"], "", &itself);
        refused(other, &["annotate", "namespace", &own, "a=b", "--dry-run=server"], "", &itself);
        refused(other, &["delete", "namespace", &own, "--dry-run=server"], "", &itself);
    }
    // Members, the platform, and accounts of no tenant.
    let argo = it.cluster.powerful("system:serviceaccount:places-argo:controller", "strangers").unwrap();
    for writer in [&acme, &admin, &argo] {
        expect_admitted(&writer.feed(DRY_RUN, &denied).unwrap());
        writer.ok(&["create", "serviceaccount", "mine", "-n", &own, "--dry-run=server"]).unwrap();
        writer.ok(&["annotate", "namespace", &own, "a=b", "--dry-run=server"]).unwrap();
        writer.ok(&["delete", "namespace", &own, "--dry-run=server"]).unwrap();
    }
    expect_admitted(
        &beta
            .feed(DRY_RUN, &authorization_policy(&home, "shut", &json!({ "action": "DENY" })).to_string())
            .unwrap(),
    );
}

/// The subresources of a resource that discovery lists as `RESOURCE/SUBRESOURCE`, and resources themselves: each with its
/// group, version, kind and verbs.
struct Served {
    api_version: String,
    path: String,
    name: String,
    kind: String,
    verbs: BTreeSet<String>,
}

async fn served(client: &Client) -> Vec<Served> {
    let get = async |path: &str| call(client, request("GET", path, "json", &Value::Null)).await.unwrap();
    let groups = get("/apis").await;
    let mut versions = vec![("v1".to_owned(), "/api/v1".to_owned())];
    for group in groups["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let version = version["groupVersion"].as_str().unwrap().to_owned();
            versions.push((version.clone(), format!("/apis/{version}")));
        }
    }
    let mut found = Vec::new();
    for (api_version, path) in versions {
        for resource in get(&path).await["resources"].as_array().unwrap() {
            if resource["namespaced"] == false {
                continue;
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            found.push(Served {
                api_version: match (resource["group"].as_str(), resource["version"].as_str()) {
                    (Some(group), Some(version)) if !group.is_empty() => format!("{group}/{version}"),
                    (_, Some(version)) => version.to_owned(),
                    _ => api_version.clone(),
                },
                path: path.clone(),
                name: text(&resource["name"]),
                kind: text(&resource["kind"]),
                verbs: resource["verbs"].as_array().unwrap().iter().map(text).collect(),
            });
        }
    }
    found
}

/// The fields that the API server requires of a kind, other than those of [`pod`].
fn body(served: &Served, home: &str) -> Value {
    // Others than those of the objects, so that no controller adopts the pod.
    let labels = json!({ "app": "places-pods" });
    let container = json!({ "name": "app", "image": "registry.example.com/app:1" });
    let template = |policy: &str| json!({ "metadata": { "labels": labels }, "spec": { "restartPolicy": policy, "containers": [container] } });
    let selector = json!({ "matchLabels": labels });
    let is_of_gateway_api = served.api_version.starts_with("gateway.networking.k8s.io/");
    let listeners = json!([{ "name": "http", "port": 80, "protocol": "HTTP" }]);
    let fields = match served.kind.as_str() {
        "Binding" => json!({ "target": { "kind": "Node", "name": "one" } }),
        "PersistentVolumeClaim" => json!({ "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
        } }),
        "Pod" => json!({ "spec": { "containers": [container] } }),
        "PodTemplate" => json!({ "template": template("Always") }),
        "ReplicationController" => {
            json!({ "spec": { "replicas": 0, "selector": labels, "template": template("Always") } })
        }
        "ReplicaSet" | "Deployment" => {
            json!({ "spec": { "replicas": 0, "selector": selector, "template": template("Always") } })
        }
        "StatefulSet" => json!({ "spec": {
            "replicas": 0, "serviceName": "a", "selector": selector, "template": template("Always"),
        } }),
        "DaemonSet" => json!({ "spec": { "selector": selector, "template": template("Always") } }),
        "Job" => json!({ "spec": { "suspend": true, "template": template("Never") } }),
        "CronJob" => json!({ "spec": {
            "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": { "spec": { "template": template("Never") } },
        } }),
        "Service" => json!({ "spec": { "ports": [{ "port": 80 }] } }),
        "ControllerRevision" => json!({ "revision": 1, "data": {} }),
        "HorizontalPodAutoscaler" => json!({ "spec": {
            "maxReplicas": 1, "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "a" },
        } }),
        "EndpointSlice" => json!({ "addressType": "IPv4", "endpoints": [] }),
        "Ingress" => {
            json!({ "spec": { "defaultBackend": { "service": { "name": "a", "port": { "number": 80 } } } } })
        }
        "NetworkPolicy" => json!({ "spec": { "podSelector": {} } }),
        "PodDisruptionBudget" => json!({ "spec": { "selector": selector } }),
        "Role" => json!({ "rules": [] }),
        "RoleBinding" => json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" }, "subjects": [],
        }),
        "CSIStorageCapacity" => json!({ "storageClassName": "a" }),
        "ResourceClaimTemplate" => json!({ "spec": { "spec": {} } }),
        "DestinationRule" => json!({ "spec": { "host": "a" } }),
        "Gateway" if is_of_gateway_api => {
            json!({ "spec": { "gatewayClassName": "a", "listeners": listeners } })
        }
        "ListenerSet" => json!({ "spec": { "parentRef": { "name": "a" }, "listeners": listeners } }),
        "TLSRoute" | "TCPRoute" | "UDPRoute" => json!({ "spec": {
            "hostnames": ["a.example.com"], "rules": [{ "backendRefs": [{ "name": "a", "port": 80 }] }],
        } }),
        "ReferenceGrant" => json!({ "spec": {
            "from": [{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "a" }],
            "to": [{ "group": "", "kind": "Service" }],
        } }),
        "BackendTLSPolicy" => json!({ "spec": {
            "targetRefs": [{ "group": "", "kind": "Service", "name": "a" }],
            "validation": { "hostname": "a.example.com", "wellKnownCACertificates": "System" },
        } }),
        "ServiceMonitor" => json!({ "spec": { "selector": {}, "endpoints": [] } }),
        "PodMonitor" => json!({ "spec": { "selector": {} } }),
        "Gateway" => json!({ "spec": { "servers": [{
            "port": { "number": 80, "name": "http", "protocol": "HTTP" }, "hosts": ["a.example.com"],
        }] } }),
        "ServiceEntry" => json!({ "spec": {
            "hosts": ["a.example.com"], "resolution": "DNS",
            "ports": [{ "number": 80, "name": "http", "protocol": "HTTP" }],
        } }),
        "VirtualService" => json!({ "spec": {
            "hosts": ["a.example.com"], "http": [{ "route": [{ "destination": { "host": "a" } }] }],
        } }),
        "Sidecar" => {
            json!({ "spec": { "workloadSelector": { "labels": labels }, "egress": [{ "hosts": ["./*"] }] } })
        }
        "WorkloadEntry" => json!({ "spec": { "address": "10.0.0.1" } }),
        "WorkloadGroup" => json!({ "spec": { "template": {} } }),
        "WasmPlugin" => json!({ "spec": { "selector": selector, "url": "oci://registry.example.com/a:1" } }),
        "ResourceClaim"
        | "HTTPRoute"
        | "GRPCRoute"
        | "Probe"
        | "PrometheusRule"
        | "ScrapeConfig"
        | "EnvoyFilter"
        | "ProxyConfig"
        | "RequestAuthentication"
        | "Telemetry"
        | "AuthorizationPolicy"
        | "PeerAuthentication" => json!({ "spec": {} }),
        "TrafficExtension" => {
            json!({ "spec": { "selector": selector, "wasm": { "url": "oci://registry.example.com/a:1" } } })
        }
        _ => json!({}),
    };
    changed(fields, |fields| {
        fields["metadata"] =
            json!({ "name": "places-any", "namespace": home, "labels": { "app": "places-any" } });
    })
}

/// The requests that write a resource, by its verbs; the method, the rest of the path, the type and the body.
fn writes(served: &Served, home: &str) -> Vec<(&'static str, String, &'static str, Value)> {
    let (resource, subresource) = served.name.split_once('/').unwrap_or((&served.name, ""));
    let all = format!("{}/namespaces/{home}/{resource}", served.path);
    let one = format!("{all}/places-any");
    let object = changed(body(served, home), |object| {
        object["apiVersion"] = json!(served.api_version);
        object["kind"] = json!(served.kind);
    });
    if served.verbs.contains("get") && ["exec", "attach", "portforward", "proxy"].contains(&subresource) {
        return vec![(
            "GET",
            format!("{one}/{subresource}?command=id&container=app&stdout=true&ports=80"),
            "json",
            Value::Null,
        )];
    }
    let sub = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
    let patch = match (resource, subresource) {
        (_, "scale") => json!({ "spec": { "replicas": 1 } }),
        ("pods", "status") => json!({ "status": { "message": "a" } }),
        _ => json!({ "metadata": { "annotations": { "places": "a" } } }),
    };
    let mut writes = Vec::new();
    for verb in &served.verbs {
        match verb.as_str() {
            "create" if subresource.is_empty() => {
                let other =
                    changed(object.clone(), |object| object["metadata"]["name"] = json!("places-new"));
                writes.push(("POST", format!("{all}?dryRun=All"), "json", other));
            }
            "create" => writes.push(("POST", format!("{one}{sub}?dryRun=All"), "json", object.clone())),
            "patch" => {
                writes.push(("PATCH", format!("{one}{sub}?dryRun=All"), "merge-patch+json", patch.clone()));
            }
            "update" if subresource.is_empty() => {
                writes.push(("PUT", format!("{one}?dryRun=All"), "json", Value::Null));
            }
            "delete" => writes.push(("DELETE", format!("{one}?dryRun=All"), "json", Value::Null)),
            "deletecollection" => {
                let selected = format!("{all}?dryRun=All&labelSelector=app%3Dplaces-any");
                writes.push(("DELETE", selected, "json", Value::Null));
            }
            _ => {}
        }
    }
    writes
}

/// Every resource that the API server serves, and every verb.
#[test]
fn every_write_in_a_protected_namespace_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    it.cluster.powerful("places-every", "strangers").unwrap();
    let home = "monitoring";
    protect(&admin);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let platform = client(&admin).await;
        let stranger = client_as(&admin, "places-every", &["strangers"]).await;
        let all = served(&platform).await;
        let mut wrong = Vec::new();
        for served in all.iter().filter(|served| !served.name.contains('/') && !is_never_sent(served)) {
            let all = format!("{}/namespaces/{home}/{}", served.path, served.name);
            let object = changed(body(served, home), |object| {
                object["apiVersion"] = json!(served.api_version);
                object["kind"] = json!(served.kind);
            });
            if served.verbs.contains("delete") {
                match call(&platform, request("POST", &all, "json", &object)).await {
                    Err(error) if !error.is_already_exists() => {
                        wrong.push(format!("{all}: {}", error.message));
                    }
                    _ => {}
                }
            }
        }
        let mut sent = 0;
        for served in all.iter().filter(|served| !is_never_sent(served)) {
            for (method, path, media, body) in writes(served, home) {
                sent += 1;
                match send(&stranger, &platform, method, &path, media, body).await {
                    Err(error) if error.message.contains("BH401 metadata.namespace") => {}
                    Err(error) => wrong.push(format!("{method} {path}: {}", error.message)),
                    Ok(_) => wrong.push(format!("{method} {path}: admitted")),
                }
            }
        }
        for served in all.iter().filter(|served| served.verbs.contains("deletecollection")) {
            let selected =
                format!("{}/namespaces/{home}/{}?labelSelector=app%3Dplaces-any", served.path, served.name);
            let _ = call(&platform, request("DELETE", &selected, "json", &Value::Null)).await;
        }
        let _ = call(
            &platform,
            request(
                "DELETE",
                &format!("/api/v1/namespaces/{home}/services/places-any"),
                "json",
                &Value::Null,
            ),
        )
        .await;
        assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(sent > 200, "{sent}");
    });
}

/// Sends a write. A replacement is the object as it is, with an annotation more.
async fn send(
    user: &Client,
    platform: &Client,
    method: &str,
    path: &str,
    media: &str,
    mut body: Value,
) -> Result<Value, Box<Status>> {
    loop {
        if method == "PUT" {
            let one = path.split('?').next().unwrap();
            body = call(platform, request("GET", one, "json", &Value::Null)).await?;
            body["metadata"]["annotations"]["places"] = json!("b");
        }
        match call(user, request(method, path, media, &body)).await {
            // A controller has written in the meantime.
            Err(status) if status.is_conflict() => {}
            answer => return answer,
        }
    }
}

fn is_never_sent(served: &Served) -> bool {
    NEVER_SENT.contains(&served.name.as_str())
}

/// Every controller that the API server has a role for is in the table.
#[test]
fn controllers_of_kubernetes_are_known() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let roles = admin.ok(&["get", "clusterroles", "-o", "jsonpath={.items[*].metadata.name}"]).unwrap();
    let served = roles.split(' ').filter_map(|role| role.strip_prefix("system:controller:"));
    let known: BTreeSet<&str> = bulkhead::settings::kube_controllers().collect();
    let unknown: BTreeSet<&str> = served.filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
