//! Credentials of accounts that rules trust by name.

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects::{changed, deployment, labelled_namespace, list, object, pod, token_secret};

use super::{Attempts, DRY_RUN, get, merge};

const TRUSTED: &[(&str, &str)] = &[("BH407", "metadata.namespace")];
/// The rules that hold in the namespaces of the mesh's root and of Bulkhead.
const ROOT: &[&str] = &["BH401", "BH407"];
/// A service account that the attacker may use.
const OWN: &str = "second-own";
const APPLY: &[&str] = &["apply", "--server-side", "--dry-run=server", "-f", "-"];

fn named(object: Value, name: &str) -> Value {
    changed(object, |object| object["metadata"]["name"] = json!(name))
}

/// A pod that runs as the account.
fn pod_as(namespace: &str, account: &str) -> Value {
    changed(pod(namespace), |pod| pod["spec"]["serviceAccountName"] = json!(account))
}

/// An object with a pod template that runs as the account.
fn template_as(api_version: &str, kind: &str, namespace: &str, account: &str) -> Value {
    let template = json!({
        "metadata": { "labels": { "app": OWN } },
        "spec": {
            "serviceAccountName": account,
            "containers": [{ "name": "app", "image": "registry.example.com/app:1" }],
        },
    });
    let once = changed(template.clone(), |template| template["spec"]["restartPolicy"] = json!("Never"));
    let selector = json!({ "matchLabels": { "app": OWN } });
    let spec = match kind {
        "PodTemplate" => {
            return changed(object(api_version, kind, namespace, OWN, &json!(null)), |object| {
                object.as_object_mut().unwrap().remove("spec");
                object["template"] = template;
            });
        }
        "ReplicationController" => json!({ "selector": { "app": OWN }, "template": template }),
        "Job" => json!({ "template": once }),
        "CronJob" => json!({ "schedule": "0 0 1 1 *", "jobTemplate": { "spec": { "template": once } } }),
        "StatefulSet" => json!({ "serviceName": OWN, "selector": selector, "template": template }),
        _ => json!({ "selector": selector, "template": template }),
    };
    object(api_version, kind, namespace, OWN, &spec)
}

fn accounts(namespace: &str, names: &[&str]) -> impl Iterator<Item = Value> {
    let account = |name: &&str| json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } });
    names.iter().map(account).collect::<Vec<_>>().into_iter()
}

/// The objects of the platform that the attempts are made on; kubectl as its administrator and as a GitOps account.
fn stage(it: &Installation) -> [Kubectl; 2] {
    let admin = it.cluster.admin().unwrap();
    let argo = it.cluster.powerful("system:serviceaccount:second-argo:controller", "strangers").unwrap();
    admin.apply(&labelled_namespace("istio-ingress", &json!({})).to_string()).unwrap();
    let own = accounts("kube-system", &[OWN, "replicaset-controller"]);
    let own = own.chain(accounts("istio-system", &[OWN])).chain(accounts("istio-ingress", &["public", OWN]));
    admin.apply(&list(own).to_string()).unwrap();
    let secret = changed(token_secret("kube-system", OWN), |secret| {
        secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] = json!(OWN);
    });
    let gateway = named(pod_as("istio-ingress", "public"), "second-gateway");
    let istiod = named(pod_as("istio-system", OWN), "second-istiod");
    let nightly = changed(template_as("batch/v1", "CronJob", "istio-ingress", "public"), |job| {
        job["spec"]["suspend"] = json!(true);
    });
    let objects = [
        secret,
        gateway,
        istiod,
        nightly,
        template_as("apps/v1", "Deployment", "kube-system", OWN),
        template_as("batch/v1", "CronJob", "kube-system", OWN),
        template_as("v1", "PodTemplate", "kube-system", OWN),
        template_as("v1", "PodTemplate", "istio-ingress", OWN),
        named(template_as("apps/v1", "Deployment", "istio-ingress", "public"), "second-public"),
    ];
    admin.apply(&list(objects).to_string()).unwrap();
    [admin, argo]
}

#[test]
fn tokens_of_trusted_accounts_are_refused_in_every_form() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let mut attempts = Attempts::default();
    let token = ["create", "token", "public", "-n", "istio-ingress"];
    let bound = [&token[..], &["--bound-object-kind=Pod", "--bound-object-name=second-gateway"]].concat();
    attempts.refused("token that is bound to a pod", &argo, &bound, "", TRUSTED);
    let audience = ["create", "token", "bulkhead-controller", "-n", "bulkhead-system", "--audience=vault"];
    attempts.refused_by("token for an audience of the attacker", &argo, &audience, "", ROOT);
    let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    let dry = "/api/v1/namespaces/kube-system/serviceaccounts/replicaset-controller/token?dryRun=All";
    attempts.refused("token by a dry run", &argo, &super::create_raw(dry), &request.to_string(), TRUSTED);
    attempts.admitted("token of another account", &argo, &["create", "token", OWN, "-n", "kube-system"], "");

    let moved =
        r#"{"metadata":{"annotations":{"kubernetes.io/service-account.name":"replicaset-controller"}}}"#;
    let secret = ["secret", OWN, "-n", "kube-system"];
    attempts.refused("token Secret that moves to the account", &argo, &merge(&secret, moved), "", TRUSTED);
    let labelled = r#"{"metadata":{"labels":{"team":"dns"}}}"#;
    attempts.admitted("token Secret that keeps its account", &argo, &merge(&secret, labelled), "");
    let stolen = changed(token_secret("kube-system", "second-stolen"), |secret| {
        secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] =
            json!("namespace-controller");
    });
    attempts.refused("token Secret by server-side apply", &argo, APPLY, &stolen.to_string(), TRUSTED);
    let generated = changed(stolen, |secret| {
        secret["metadata"].as_object_mut().unwrap().remove("name");
        secret["metadata"]["generateName"] = json!("second-");
    });
    attempts.refused("token Secret with a generated name", &argo, DRY_RUN, &generated.to_string(), TRUSTED);

    // Both of these controllers can make themselves administrators, or nodes.
    for account in ["certificate-controller", "clusterrole-aggregation-controller"] {
        admin.apply(&list(accounts("kube-system", &[account])).to_string()).unwrap();
        let token = ["create", "token", account, "-n", "kube-system"];
        attempts.refused(&format!("token of {account}"), &argo, &token, "", TRUSTED);
    }
    // An account of the gateway's namespace, which anybody may use, is no way to the gateway's account.
    let neighbour = it.cluster.powerful("system:serviceaccount:istio-ingress:default", "strangers").unwrap();
    attempts.refused("token by a neighbour of the account", &neighbour, &token, "", TRUSTED);
    let itself = it.cluster.powerful("system:serviceaccount:istio-ingress:public", "strangers").unwrap();
    attempts.admitted("token by the account itself", &itself, &token, "");
    attempts.end();
}

/// The accounts of all controllers to which Kubernetes' own RBAC gives rights.
#[test]
fn pod_as_any_controller_of_kubernetes_is_refused() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let bindings = get(&admin, &["clusterrolebindings,rolebindings", "-n", "kube-system"]);
    let bindings = bindings["items"].as_array().unwrap().iter();
    let own = bindings
        .filter(|binding| binding["metadata"]["name"].as_str().unwrap().starts_with("system:controller:"));
    let subjects = own.flat_map(|binding| binding["subjects"].as_array().unwrap());
    let mut names: Vec<&str> = subjects
        .filter(|subject| subject["kind"] == "ServiceAccount" && subject["namespace"] == "kube-system")
        .map(|subject| subject["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 30, "{names:?}");
    admin.apply(&list(accounts("kube-system", &names)).to_string()).unwrap();
    let pods = list(names.iter().map(|name| named(pod_as("kube-system", name), &format!("second-{name}"))));
    let mut attempts = Attempts::default();
    let all = vec![TRUSTED[0]; names.len()];
    attempts.refused(&format!("pod as {names:?}"), &argo, DRY_RUN, &pods.to_string(), &all);
    attempts.admitted("pod as another account", &argo, DRY_RUN, &pod_as("kube-system", OWN).to_string());
    attempts.end();
}

#[test]
fn workloads_as_trusted_accounts_are_refused_in_every_form() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let mut attempts = Attempts::default();
    let trusted = "replicaset-controller";
    let old_field = changed(pod("kube-system"), |pod| pod["spec"]["serviceAccount"] = json!(trusted));
    attempts.refused(
        "pod with the old field `serviceAccount`",
        &argo,
        DRY_RUN,
        &old_field.to_string(),
        TRUSTED,
    );
    for (api_version, kind) in [
        ("v1", "ReplicationController"),
        ("v1", "PodTemplate"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
    ] {
        for (namespace, account) in [("kube-system", trusted), ("istio-ingress", "public")] {
            let name = format!("{kind} in {namespace}");
            let with = |account: &str| {
                named(template_as(api_version, kind, namespace, account), "second-new").to_string()
            };
            attempts.refused(&name, &argo, DRY_RUN, &with(account), TRUSTED);
            attempts.admitted(&name, &argo, DRY_RUN, &with(OWN));
        }
    }

    let merged = format!(r#"{{"spec":{{"template":{{"spec":{{"serviceAccountName":"{trusted}"}}}}}}}}"#);
    let json_patch = format!(
        r#"[{{"op":"replace","path":"/spec/template/spec/serviceAccountName","value":"{trusted}"}}]"#
    );
    let target = ["deployment", OWN, "-n", "kube-system"];
    for (kind, patch) in [("merge", &merged), ("strategic", &merged), ("json", &json_patch)] {
        let words = [&["patch"], &target[..], &["--type", kind, "-p", patch]].concat();
        attempts.refused(&format!("Deployment moved by a {kind} patch"), &argo, &words, "", TRUSTED);
    }
    let applied = template_as("apps/v1", "Deployment", "kube-system", trusted).to_string();
    let apply = [APPLY, &["--force-conflicts"]].concat();
    attempts.refused("Deployment moved by server-side apply", &argo, &apply, &applied, TRUSTED);
    let set = ["set", "serviceaccount", "cronjob", OWN, trusted, "-n", "kube-system"];
    attempts.refused("CronJob moved by `kubectl set serviceaccount`", &argo, &set, "", TRUSTED);
    for (namespace, account) in [("kube-system", trusted), ("istio-ingress", "public")] {
        let patch = format!(r#"{{"template":{{"spec":{{"serviceAccountName":"{account}"}}}}}}"#);
        let words = merge(&["podtemplate", OWN, "-n", namespace], &patch);
        attempts.refused(&format!("PodTemplate moved in {namespace}"), &argo, &words, "", TRUSTED);
    }
    let scale = ["scale", "deployment", OWN, "-n", "kube-system", "--replicas=1", "--dry-run=server"];
    attempts.admitted("scale of an ordinary Deployment", &argo, &scale, "");
    let job = ["create", "job", "second-now", &format!("--from=cronjob/{OWN}"), "-n", "istio-ingress"];
    attempts.refused("Job from a CronJob of the platform", &argo, &job, "", TRUSTED);
    let restart = ["rollout", "restart", "deployment/second-public", "-n", "istio-ingress"];
    attempts.refused("restart of the gateway", &argo, &restart, "", TRUSTED);
    attempts.admitted("restart of the gateway by the platform", &admin, &restart, "");
    let neighbour = it.cluster.powerful("system:serviceaccount:istio-ingress:default", "strangers").unwrap();
    let gateway = pod_as("istio-ingress", "public").to_string();
    attempts.refused("pod by a neighbour of the account", &neighbour, DRY_RUN, &gateway, TRUSTED);
    let template = deployment("istio-ingress", "second-chain");
    let template = changed(template, |template| {
        template["spec"]["template"]["spec"]["serviceAccountName"] = json!("public");
    });
    attempts.refused("template by a neighbour", &neighbour, DRY_RUN, &template.to_string(), TRUSTED);
    attempts.end();
}

#[test]
fn running_pods_of_trusted_accounts_are_entered_by_no_other_user() {
    let it = shared();
    let [admin, argo] = stage(&it);
    let mut attempts = Attempts::default();
    let image = "--image=registry.example.com/debug:1";
    let debug = ["debug", "second-gateway", "-n", "istio-ingress", image];
    attempts.refused("debug container in a gateway", &argo, &debug, "", TRUSTED);
    let other = "app=registry.example.com/other:1";
    let set = ["set", "image", "pod/second-gateway", other, "-n", "istio-ingress"];
    attempts.refused("another image for a gateway that runs", &argo, &set, "", TRUSTED);
    let exec = ["exec", "second-istiod", "-n", "istio-system", "--", "cat", "/token"];
    attempts.refused_by("command in a pod of the mesh's root", &argo, &exec, "", ROOT);
    let attach = ["attach", "second-istiod", "-n", "istio-system"];
    attempts.refused_by("attach to a pod of the mesh's root", &argo, &attach, "", ROOT);
    let proxy = "/api/v1/namespaces/istio-system/pods/second-istiod/proxy/debug/syncz";
    attempts.refused_by(
        "call of such a pod through the API server",
        &argo,
        &["get", "--raw", proxy],
        "",
        ROOT,
    );
    attempts.admitted("debug container by the platform", &admin, &debug, "");
    attempts.end();
}

/// A request for a client certificate with the name of a node.
const NODE_REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIeE1JR1lBZ0VBTURZeEZUQVRCZ05WQkFvTURITjVjM1Js\
    YlRwdWIyUmxjekVkTUJzR0ExVUVBd3dVYzNsegpkR1Z0T201dlpHVTZZWFIwWVdOclpYSXdXVEFUQmdjcWhrak9QUUlCQmdn\
    cWhrak9QUU1CQndOQ0FBUklwM0hpCkc3ZnFUaDZkVlhpZ08vcUp4TEo0U0llZ1p1TGovcnBicm1jbkQ0djRhMUZHWEZIVjZ0\
    OUduWEhINUMxcm0wVTAKQStEdHVEN0w0R2NoMlFoMm9BQXdDZ1lJS29aSXpqMEVBd0lEU0FBd1JRSWdFL1dVM0RpaVV6MEVr\
    clVHS2o1VApnMWU5amRLVDAyYUVhajRLWGdISExya0NJUUQ5eC9TeUtldkI4amJUUWIwSE41ZUZFcVRha0tEelBna1I3UVZJ\
    Cll3L0JSdz09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";

/// RBAC and the API server hold these: Bulkhead's roles give no such permission.
#[test]
fn trusted_names_are_given_to_no_owner_of_a_tenant() {
    let it = shared();
    let member = new_tenant(&it, "second-cred");
    let own = new_namespace(&member, "second-cred");
    let admin = it.cluster.admin().unwrap();
    let group = json!([{ "kind": "Group", "name": "second-cred-developers" }, { "kind": "Group", "name": "second-cred-owners" }]);
    let owners = json!({ "spec": { "owners": group } }).to_string();
    admin.ok(&merge(&["tenant", "second-cred"], &owners)).unwrap();
    let owner = it.cluster.certified_user("second-cred-quinn", "second-cred-owners").unwrap();
    support::wait::until(|| owner.run(&["get", "pods", "-n", &own]).unwrap().success);
    let mut attempts = Attempts::default();
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &own];
    for who in ["system:serviceaccount:kube-system:namespace-controller", "system:kube-controller-manager"] {
        let words = [&delete[..], &["--as", who]].concat();
        attempts.refused_by_the_api_server(
            &format!("impersonation of {who}"),
            &owner,
            &words,
            "",
            "cannot impersonate",
        );
    }
    let nodes = [&delete[..], &["--as=second-cred-quinn", "--as-group=system:nodes"]].concat();
    attempts.refused_by_the_api_server("impersonation of nodes", &owner, &nodes, "", "cannot impersonate");

    let request = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": { "name": "second-node" },
        "spec": {
            "request": NODE_REQUEST, "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        },
    });
    let request = request.to_string();
    attempts.refused_by_the_api_server(
        "certificate request of an owner",
        &owner,
        &["create", "-f", "-"],
        &request,
        "cannot create",
    );
    // A deputy may write approvals, and still lacks the permission on the signer.
    let resources = "--resource=certificatesigningrequests,certificatesigningrequests/approval";
    let role = ["create", "clusterrole", "second-approver", "--verb=create,get,list,update,patch", resources];
    admin.ok(&role).unwrap();
    let user = "--user=second-deputy";
    admin
        .ok(&["create", "clusterrolebinding", "second-approver", "--clusterrole=second-approver", user])
        .unwrap();
    let deputy = it.cluster.user("second-deputy", &["second-deputies"]).unwrap();
    attempts.admitted("certificate request of the platform", &admin, &["create", "-f", "-"], &request);
    let approve = ["certificate", "approve", "second-node"];
    attempts.refused_by_the_api_server(
        "approval without the signer's permission",
        &deputy,
        &approve,
        "",
        "not permitted to approve",
    );
    admin.ok(&["delete", "csr", "second-node"]).unwrap();
    attempts.end();
}
