//! Tokens and pods of accounts that rules trust by name, through the real API server: refused to users with only the
//! rights that this needs, and to users with every right.

use base64::Engine as _;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::certificate_request;
use bulkhead_harness::program::Installation;
use rcgen::DnValue;
use serde_json::{Value, json};
use support::cluster::{new_tenant, shared};
use support::objects::{changed, deployment, labelled_namespace, pod, token_secret};
use support::refusal::{expect_admitted, refused};

const REFUSED: &[(&str, &str)] = &[("BH407", "metadata.namespace")];
/// In protected namespaces every write is refused.
const PROTECTED: &[(&str, &str)] = &[("BH401", "metadata.namespace")];
const DRY_RUN: &[&str] = &["create", "--dry-run=server", "-f", "-"];
/// A trusted account of each namespace.
const TRUSTED: [(&str, &str); 5] = [
    ("kube-system", "replicaset-controller"),
    ("kube-system", "namespace-controller"),
    ("bulkhead-system", "bulkhead-controller"),
    ("istio-system", "istiod"),
    ("istio-ingress", "public"),
];

/// kubectl as a user who may only create what gives them an account, as a user with every right, and as a GitOps account.
fn users(it: &Installation) -> [Kubectl; 3] {
    let admin = it.cluster.admin().unwrap();
    let resources = "--resource=serviceaccounts/token,secrets,pods,deployments.apps,cronjobs.batch";
    admin.run(&["create", "clusterrole", "cred-thief", "--verb=create", resources]).unwrap();
    admin
        .run(&["create", "clusterrolebinding", "cred-thief", "--clusterrole=cred-thief", "--user=cred-alice"])
        .unwrap();
    [
        it.cluster.user("cred-alice", &["cred-outsiders"]).unwrap(),
        it.cluster.powerful("cred-mallory", "strangers").unwrap(),
        it.cluster.powerful("system:serviceaccount:cred-argocd:controller", "strangers").unwrap(),
    ]
}

fn running_as(object: Value, pointer: &str, account: &str) -> String {
    changed(object, |object| object.pointer_mut(pointer).unwrap()["serviceAccountName"] = json!(account))
        .to_string()
}

/// Objects that give their author the account.
fn credentials(namespace: &str, account: &str) -> [String; 4] {
    let secret = changed(token_secret(namespace, "stolen"), |secret| {
        secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] = json!(account);
    });
    let stolen = deployment(namespace, "stolen");
    let template = stolen["spec"]["template"].clone();
    let spec = json!({ "schedule": "0 0 1 1 *", "jobTemplate": { "spec": { "template": template } } });
    let nightly = support::objects::object("batch/v1", "CronJob", namespace, "stolen", &spec);
    let nightly = changed(nightly, |job| {
        job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    });
    [
        secret.to_string(),
        running_as(pod(namespace), "/spec", account),
        running_as(stolen, "/spec/template/spec", account),
        running_as(nightly, "/spec/jobTemplate/spec/template/spec", account),
    ]
}

#[test]
fn tokens_and_pods_of_trusted_accounts_are_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    for (namespace, account) in TRUSTED {
        admin.apply(&labelled_namespace(namespace, &json!({})).to_string()).unwrap();
        let exists = ["get", "serviceaccount", account, "-n", namespace];
        if !admin.run(&exists).unwrap().success {
            admin.ok(&["create", "serviceaccount", account, "-n", namespace]).unwrap();
        }
        let expected = match namespace {
            "bulkhead-system" | "istio-system" => PROTECTED,
            _ => REFUSED,
        };
        for user in users(&it) {
            refused(&user, &["create", "token", account, "-n", namespace], "", expected);
            for object in credentials(namespace, account) {
                refused(&user, DRY_RUN, &object, expected);
            }
        }
        // The platform installs Istio, Bulkhead and gateways.
        admin.ok(&["create", "token", account, "-n", namespace]).unwrap();
        for object in credentials(namespace, account) {
            expect_admitted(&admin.feed(DRY_RUN, &object).unwrap());
        }
    }
}

/// A controller creates pods from ControllerRevisions too, which are not judged.
#[test]
fn pod_of_a_controller_that_runs_as_a_trusted_controller_is_refused() {
    let it = shared();
    let account = "system:serviceaccount:kube-system:statefulset-controller";
    let admin = it.cluster.admin().unwrap();
    for (namespace, account) in [("istio-ingress", "public"), ("kube-system", "cred-rolled")] {
        admin.apply(&labelled_namespace(namespace, &json!({})).to_string()).unwrap();
        admin.run(&["create", "serviceaccount", account, "-n", namespace]).unwrap();
    }
    let controller = it.cluster.powerful(account, "strangers").unwrap();
    let created = |namespace: &str, account: &str| running_as(pod(namespace), "/spec", account);
    refused(&controller, DRY_RUN, &created("kube-system", "namespace-controller"), REFUSED);
    expect_admitted(&controller.feed(DRY_RUN, &created("kube-system", "cred-rolled")).unwrap());
    expect_admitted(&controller.feed(DRY_RUN, &created("istio-ingress", "public")).unwrap());
}

#[test]
fn other_accounts_of_these_namespaces_are_used_as_before() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    admin.run(&["create", "serviceaccount", "cred-dns", "-n", "kube-system"]).unwrap();
    let [plain, powerful, argo] = users(&it);
    for user in [&plain, &powerful, &argo] {
        user.ok(&["create", "token", "cred-dns", "-n", "kube-system"]).unwrap();
        for object in credentials("kube-system", "cred-dns") {
            expect_admitted(&user.feed(DRY_RUN, &object).unwrap());
        }
        let secret = ["create", "secret", "generic", "cred", "--from-literal=a=b", "--dry-run=server"];
        user.ok(&[&secret[..], &["-n", "default"]].concat()).unwrap();
        refused(user, &[&secret[..], &["-n", "istio-system"]].concat(), "", PROTECTED);
    }
    // A deployment controller's ReplicaSet, and a network plugin's annotation, in the mesh's root namespace.
    admin.apply(&deployment("istio-system", "cred-addon").to_string()).unwrap();
    support::wait::until(|| {
        let pods = ["get", "pods", "-n", "istio-system", "-l", "app=cred-addon", "-o", "name"];
        !admin.ok(&pods).unwrap().is_empty()
    });
    let pods = ["get", "pods", "-n", "istio-system", "-l", "app=cred-addon", "-o", "name"];
    let name = admin.ok(&pods).unwrap();
    let annotated = r#"{"metadata":{"annotations":{"cni.projectcalico.org/podIP":"192.0.2.1"}}}"#;
    let patch =
        ["patch", name.trim(), "-n", "istio-system", "--subresource=status", "--type=merge", "-p", annotated];
    argo.ok(&patch).unwrap();
    let image = "app=registry.example.com/other:1";
    refused(&argo, &["set", "image", name.trim(), image, "-n", "istio-system"], "", PROTECTED);
    refused(&argo, &["set", "image", "deployment/cred-addon", image, "-n", "istio-system"], "", PROTECTED);
    refused(&argo, &["scale", "deployment/cred-addon", "--replicas=0", "-n", "istio-system"], "", PROTECTED);
    admin.ok(&["scale", "deployment/cred-addon", "--replicas=0", "-n", "istio-system"]).unwrap();
    admin.ok(&["rollout", "restart", "deployment/cred-addon", "-n", "istio-system"]).unwrap();
    admin.ok(&["delete", "deployment", "cred-addon", "-n", "istio-system"]).unwrap();
}

fn signing_request(signer: &str, pem: &str) -> String {
    let request = base64::engine::general_purpose::STANDARD.encode(pem);
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": { "name": "cred-request" },
        "spec": { "signerName": signer, "usages": ["client auth"], "request": request },
    })
    .to_string()
}

#[test]
fn certificate_with_a_foreign_name_is_refused() {
    const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "cred-certs");
    new_tenant(&it, "cred-others");
    let stranger = it.cluster.powerful("cred-mallory", "strangers").unwrap();
    let refused_to = |kubectl: &Kubectl, signer: &str, pem: &str| {
        let request = signing_request(signer, pem);
        refused(kubectl, DRY_RUN, &request, &[("BH408", "spec.request")]);
        expect_admitted(&admin.feed(DRY_RUN, &request).unwrap());
    };
    let mesh = "spiffe://cluster.local/ns/tenant-cred-others/sa/default";
    for (user, group, identity) in [
        ("system:kube-scheduler", None, None),
        ("system:serviceaccount:tenant-cred-others:default", None, None),
        ("someone", Some("system:nodes"), None),
        ("someone", Some("firefighters"), None),
        ("someone", Some("cred-others-developers"), None),
        ("someone", None, Some(mesh)),
        ("someone", None, Some("SPIFFE://cluster.local/ns/istio-system/sa/istiod")),
    ] {
        let pem = certificate_request(user, group, identity).unwrap();
        for kubectl in [&member, &stranger] {
            refused_to(kubectl, CLIENT, &pem);
            refused_to(kubectl, "example.com/signer", &pem);
        }
    }
    // Names that readers may understand in different ways.
    let wide = DnValue::BmpString("system:kube-scheduler".try_into().unwrap());
    refused_to(&member, CLIENT, &certificate_request(wide, None, None).unwrap());
    let own = certificate_request("cred-certs-alice", Some("cred-certs-developers"), None).unwrap();
    let hidden = certificate_request("system:kube-scheduler", None, None).unwrap();
    refused_to(&member, CLIENT, &(own.clone() + &hidden));
    refused_to(&stranger, CLIENT, &own);

    expect_admitted(&member.feed(DRY_RUN, &signing_request(CLIENT, &own)).unwrap());
    let plain = certificate_request("carol", Some("guests"), None).unwrap();
    expect_admitted(&stranger.feed(DRY_RUN, &signing_request(CLIENT, &plain)).unwrap());
}
