//! What an Exemption covers, and nothing beside it, through the real API server and the real job controllers.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use bulkhead_harness::wire;
use serde_json::{Value, json};

use crate::cluster::{bulkhead, namespace, shared, tenant, until, within};

const IMAGE: &str = "registry.example.com/import@sha256:\
                     0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn exemption(name: &str, namespace: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Exemption", "metadata": { "name": name },
        "spec": {
            "rules": ["BH301", "BH302"],
            "target": {
                "namespace": namespace, "kind": kind, "name": "import", "serviceAccount": "import", "images": [IMAGE],
            },
            "reason": "the vendor's image cannot run with a proxy", "expires": "2100-01-01T00:00:00Z",
        },
    })
}

fn in_force(admin: &Kubectl, name: &str, reason: &str) {
    until(|| {
        let path = "jsonpath={.status.conditions[0].reason}";
        admin.ok(&["get", "exemption", name, "-o", path]).unwrap() == reason
    });
}

/// The template of a pod outside the mesh.
fn template(image: &str, account: &str) -> Value {
    json!({
        "metadata": { "labels": { "sidecar.istio.io/inject": "false" } },
        "spec": {
            "restartPolicy": "Never", "serviceAccountName": account,
            "containers": [{ "name": "import", "image": image }],
        },
    })
}

fn job(namespace: &str, name: &str, template: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name, "namespace": namespace },
        "spec": { "template": template },
    })
}

fn prepared(it: &Installation, name: &str) -> (Kubectl, String) {
    let member = tenant(it, name);
    let namespace = namespace(&member, name);
    member.ok(&["create", "serviceaccount", "import", "-n", &namespace]).unwrap();
    (member, namespace)
}

fn pods(kubectl: &Kubectl, namespace: &str) -> Vec<Value> {
    let shown = kubectl.ok(&["get", "pods", "-n", namespace, "-o", "json"]).unwrap();
    serde_json::from_str::<Value>(&shown).unwrap()["items"].as_array().unwrap().clone()
}

#[test]
fn an_exempted_job_runs_and_its_use_is_on_record() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let (member, name) = prepared(&it, "ex-job");
    let import = job(&name, "import", &template(IMAGE, "import"));
    let refused = |object: &Value, says: &str| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &object.to_string()).unwrap();
        assert!(!said.success && said.stderr.contains(says), "{says}: {said:?}");
    };
    refused(&import, "BH302");

    let mut exempted = exemption("ex-job", &name, "Job");
    admin.apply(&exempted.to_string()).unwrap();
    in_force(&admin, "ex-job", "InForce");
    let said = until(|| {
        let said = member.feed(&["create", "-f", "-"], &import.to_string()).unwrap();
        said.success.then_some(said)
    });
    assert!(said.stderr.contains("(exempted by ex-job)"), "{said:?}");
    // Its pod comes by the job controller, whose word for the owner is taken, for the owner that lives.
    let pod = until(|| pods(&member, &name).pop());
    assert!(pod["spec"]["containers"].as_array().unwrap().len() == 1, "{pod}");

    let annotation = until(|| {
        let events = it.cluster.audited("system:serviceaccount:kube-system:job-controller").unwrap();
        let of_this = events.iter().find(|event| event["objectRef"]["namespace"] == name.as_str());
        of_this.map(|event| event["annotations"]["workloads.bulkhead.dev/exempted"].clone())
    });
    assert_eq!(annotation, "BH301 by ex-job,BH302 by ex-job");
    let counted = it.replicas.iter().any(|replica| {
        let metrics = wire::get(replica.admin, "/metrics").unwrap().body;
        metrics.contains("bulkhead_admitted_violations_total{code=\"BH301\",why=\"exempted\"}")
    });
    assert!(counted);

    // Nothing beside the target: not another name, image or account, not a pod that says it is the job's.
    refused(&job(&name, "import-2", &template(IMAGE, "import")), "BH302");
    refused(&job(&name, "import", &template("registry.example.com/import:1", "import")), "BH302");
    refused(&job(&name, "import", &template(IMAGE, "default")), "BH302");
    let mut two = template(IMAGE, "import");
    two["spec"]["initContainers"] = json!([{ "name": "shell", "image": "registry.example.com/shell:1" }]);
    refused(&job(&name, "import", &two), "BH302");
    let mut forged = template(IMAGE, "import");
    forged["apiVersion"] = json!("v1");
    forged["kind"] = json!("Pod");
    forged["metadata"]["name"] = json!("import-forged");
    forged["metadata"]["namespace"] = json!(name);
    forged["metadata"]["ownerReferences"] = pod["metadata"]["ownerReferences"].clone();
    refused(&forged, "BH301");
    let mut on_the_node = template(IMAGE, "import");
    on_the_node["spec"]["hostNetwork"] = json!(true);
    refused(&job(&name, "import", &on_the_node), "BH301 spec.template.spec.hostNetwork");
    // Nor does the pod that runs become another.
    let running = format!("pod/{}", pod["metadata"]["name"].as_str().unwrap());
    let image = "import=registry.example.com/shell:1";
    let said = member.run(&["set", "image", &running, image, "-n", &name]).unwrap();
    assert!(said.stderr.contains("BH301"), "{said:?}");
    let shell =
        r#"{"spec":{"ephemeralContainers":[{"name":"shell","image":"registry.example.com/shell:1"}]}}"#;
    let debug = ["patch", &running, "-n", &name, "--subresource=ephemeralcontainers", "-p", shell];
    let said = member.run(&debug).unwrap();
    assert!(said.stderr.contains("BH301"), "{said:?}");
    // And nothing beside its rules.
    let said = member.run(&["create", "token", "import", "-n", &name, "--audience=istio-ca"]).unwrap();
    assert!(said.stderr.contains("BH403"), "{said:?}");

    // An audit knows of it: what it covers is nothing to mend.
    let (code, said) = bulkhead(&admin, &["audit", "-n", &name]);
    assert_eq!((code, said.stdout.as_str()), (0, ""), "{said:?}");

    // It ends when it says, with nobody doing anything.
    member.ok(&["delete", "job", "import", "-n", &name]).unwrap();
    exempted["spec"]["expires"] = json!("2020-01-01T00:00:00Z");
    admin.apply(&exempted.to_string()).unwrap();
    in_force(&admin, "ex-job", "Expired");
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &import.to_string()).unwrap();
        said.stderr.contains("BH302")
    });
}

/// Owners that name each other in a circle, or nothing that could be, cost one look and stop nobody.
#[test]
fn an_owner_that_owns_itself_stops_nobody() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let (member, name) = prepared(&it, "ex-ring");
    admin.apply(&exemption("ex-ring", &name, "Job").to_string()).unwrap();
    in_force(&admin, "ex-ring", "InForce");
    let mut own = job(&name, "import", &template(IMAGE, "import"));
    let owner = |kind: &str, name: &str| json!([{ "apiVersion": "x.example.com/v1", "kind": kind, "name": name, "uid": "x", "controller": true }]);
    own["metadata"]["ownerReferences"] = owner("Job", "import");
    until(|| member.feed(&["create", "-f", "-"], &own.to_string()).unwrap().success);
    let controller =
        it.cluster.powerful("system:serviceaccount:kube-system:job-controller", "ex-controllers").unwrap();
    for (kind, owned) in
        [("Job", "import"), ("Job", "../../../secrets"), ("Job", "a?b"), ("Nothing", "import")]
    {
        let mut pod = template(IMAGE, "import");
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!("ring");
        pod["metadata"]["namespace"] = json!(name);
        pod["metadata"]["ownerReferences"] = owner(kind, owned);
        let said = controller.feed(&["create", "--dry-run=server", "-f", "-"], &pod.to_string()).unwrap();
        assert!(said.stderr.contains("BH301"), "{owned}: {said:?}");
    }
    // The world goes on.
    namespace(&tenant(&it, "ex-after"), "ex-after");
}

/// A Job of a CronJob is covered when the CronJob's own controller makes it, and not when somebody says so.
#[test]
fn an_exempted_cron_job_covers_its_jobs_and_their_pods() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let (member, name) = prepared(&it, "ex-cron");
    admin.apply(&exemption("ex-cron", &name, "CronJob").to_string()).unwrap();
    in_force(&admin, "ex-cron", "InForce");
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "import", "namespace": name },
        "spec": {
            "schedule": "* * * * *",
            "jobTemplate": { "spec": { "template": template(IMAGE, "import") } },
        },
    });
    until(|| member.feed(&["create", "-f", "-"], &cron.to_string()).unwrap().success);
    let said = member.run(&["create", "job", "by-hand", "--from=cronjob/import", "-n", &name]).unwrap();
    assert!(said.stderr.contains("BH302"), "{said:?}");
    // A schedule knows minutes.
    let pod = within(Duration::from_mins(2), || pods(&member, &name).pop());
    assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], "Job", "{pod}");
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1, "{pod}");
}

#[test]
fn an_exemption_that_says_too_much_is_refused_and_one_in_vain_says_so() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let in_vain = exemption("ex-wrong", "default", "Job");
    for (field, value) in [
        ("/spec/rules", json!(["BH201"])),
        ("/spec/rules", json!(["BH403"])),
        ("/spec/rules", json!(["BH102"])),
        ("/spec/rules", json!(["BH605"])),
        ("/spec/rules", json!([])),
        ("/spec/target/images", json!([])),
        ("/spec/target/images/0", json!("registry.example.com/import:latest")),
        ("/spec/target/kind", json!("Namespace")),
        ("/spec/expires", json!("soon")),
        ("/spec/reason", json!("")),
    ] {
        let mut wrong = in_vain.clone();
        *wrong.pointer_mut(field).unwrap() = value;
        let said = admin.feed(&["create", "-f", "-"], &wrong.to_string()).unwrap();
        assert!(!said.success && said.stderr.contains("spec."), "{field}: {said:?}");
    }
    admin.apply(&in_vain.to_string()).unwrap();
    in_force(&admin, "ex-wrong", "NotATenants");
    let mut unknown = in_vain;
    unknown["spec"]["rules"] = json!(["BH399"]);
    admin.apply(&unknown.to_string()).unwrap();
    in_force(&admin, "ex-wrong", "UnknownRule");

    // Who may do everything is not the platform.
    let argo = it.cluster.powerful("ex-argo", "ex-gitops").unwrap();
    for arguments in [["delete", "exemption", "ex-wrong"], ["delete", "sharedservice", "log-collector"]] {
        let said = argo.run(&arguments).unwrap();
        assert!(said.stderr.contains("BH901") || said.stderr.contains("NotFound"), "{said:?}");
    }
    let said = argo
        .run(&[
            "patch",
            "exemption",
            "ex-wrong",
            "--subresource=status",
            "--type=merge",
            "-p",
            r#"{"status":{"observedGeneration":9}}"#,
        ])
        .unwrap();
    assert!(said.stderr.contains("BH901"), "{said:?}");
}
