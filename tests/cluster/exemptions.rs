//! Exemptions cover their target and nothing else, through the real API server and the real job controllers.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::command::bulkhead_as;
use support::conditions::reason;
use support::metrics::{metrics, value};
use support::objects::object;
use support::refusal::{expect_refused, refused, violations, warnings};
use support::wait::{until, within};

const LABEL: &str = "metadata.labels[sidecar.istio.io/inject]";
const TEMPLATE_LABEL: &str = "spec.template.metadata.labels[sidecar.istio.io/inject]";
/// The violations of a pod that is made from [`template`].
const POD: &[(&str, &str)] = &[("BH301", "spec"), ("BH302", LABEL)];

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

fn until_reason(admin: &Kubectl, name: &str, expected: &str) {
    until(|| reason(admin, "exemption", name) == expected);
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
    object("batch/v1", "Job", namespace, name, &json!({ "template": template }))
}

/// A pod from the template, with these owners.
fn pod(namespace: &str, name: &str, owners: &Value) -> Value {
    let mut pod = template(IMAGE, "import");
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!(namespace);
    pod["metadata"]["ownerReferences"] = owners.clone();
    pod
}

/// A new tenant with a namespace that has the account of the target.
fn prepared(it: &Installation, name: &str) -> (Kubectl, String) {
    let member = new_tenant(it, name);
    let namespace = new_namespace(&member, name);
    member.ok(&["create", "serviceaccount", "import", "-n", &namespace]).unwrap();
    (member, namespace)
}

fn pods(kubectl: &Kubectl, namespace: &str) -> Vec<Value> {
    let shown = kubectl.ok(&["get", "pods", "-n", namespace, "-o", "json"]).unwrap();
    serde_json::from_str::<Value>(&shown).unwrap()["items"].as_array().unwrap().clone()
}

#[test]
fn exempted_job_runs_and_its_use_is_recorded() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let (member, name) = prepared(&it, "ex-job");
    let import = job(&name, "import", &template(IMAGE, "import"));
    let dry = ["create", "--dry-run=server", "-f", "-"];
    let job_refused = |job: &Value| refused(&member, &dry, &job.to_string(), &[("BH302", TEMPLATE_LABEL)]);
    job_refused(&import);

    let mut exempted = exemption("ex-job", &name, "Job");
    admin.apply(&exempted.to_string()).unwrap();
    until_reason(&admin, "ex-job", "Ready");
    let said = until(|| {
        let said = member.feed(&["create", "-f", "-"], &import.to_string()).unwrap();
        said.success.then_some(said)
    });
    assert_eq!(warnings(&said.stderr), [("BH302", TEMPLATE_LABEL)], "{said:?}");
    assert!(said.stderr.contains("ex-job"), "the warning names the exemption: {said:?}");
    // The job controller creates the pod. An owner reference counts if its controller wrote it and the owner exists.
    let made = until(|| pods(&member, &name).pop());
    assert!(made["spec"]["containers"].as_array().unwrap().len() == 1, "{made}");

    let annotations = until(|| {
        let events = it.cluster.audited("system:serviceaccount:kube-system:job-controller").unwrap();
        let of_this = events.iter().find(|event| event["objectRef"]["namespace"] == name.as_str());
        of_this.map(|event| event["annotations"].clone())
    });
    let annotation = |name: &str| &annotations[format!("workloads.bulkhead.dev/{name}")];
    assert_eq!(annotation("exempted"), "BH301 by ex-job,BH302 by ex-job");
    assert_eq!(annotation("decision"), "admitted");
    let series = "bulkhead_waived_violations_total{code=\"BH301\",reason=\"exempted\"}";
    assert!(it.replicas.iter().any(|replica| value(&metrics(replica.admin), series) > 0));

    // Nothing but the target: no other name, image or account, and no pod that claims to be the job's.
    job_refused(&job(&name, "import-2", &template(IMAGE, "import")));
    job_refused(&job(&name, "import", &template("registry.example.com/import:1", "import")));
    job_refused(&job(&name, "import", &template(IMAGE, "default")));
    let mut two = template(IMAGE, "import");
    two["spec"]["initContainers"] = json!([{ "name": "shell", "image": "registry.example.com/shell:1" }]);
    job_refused(&job(&name, "import", &two));
    let forged = pod(&name, "import-forged", &made["metadata"]["ownerReferences"]);
    refused(&member, &dry, &forged.to_string(), POD);
    let mut on_the_node = template(IMAGE, "import");
    on_the_node["spec"]["hostNetwork"] = json!(true);
    let on_the_node = job(&name, "import", &on_the_node).to_string();
    let host_network = ("BH301", "spec.template.spec.hostNetwork");
    refused(&member, &dry, &on_the_node, &[host_network, ("BH302", TEMPLATE_LABEL)]);
    // The running pod cannot be changed into another.
    let running = format!("pod/{}", made["metadata"]["name"].as_str().unwrap());
    let image = "import=registry.example.com/shell:1";
    refused(&member, &["set", "image", &running, image, "-n", &name], "", POD);
    let shell =
        r#"{"spec":{"ephemeralContainers":[{"name":"shell","image":"registry.example.com/shell:1"}]}}"#;
    let debug = ["patch", &running, "-n", &name, "--subresource=ephemeralcontainers", "-p", shell];
    refused(&member, &debug, "", POD);
    // No rules but those of the exemption are off.
    let token = ["create", "token", "import", "-n", &name, "--audience=istio-ca"];
    refused(&member, &token, "", &[("BH403", "spec.audiences[0]")]);

    // The audit lists exempted violations, which do not change its exit code.
    let (code, said) = bulkhead_as(&admin, &["audit", "-n", &name]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(code == 0 && !lines.is_empty(), "{said:?}");
    assert!(lines.iter().all(|line| line.contains("Exemption ex-job until 2")), "{said:?}");

    // The exemption expires by itself.
    member.ok(&["delete", "job", "import", "-n", &name]).unwrap();
    exempted["spec"]["expires"] = json!("2020-01-01T00:00:00Z");
    admin.apply(&exempted.to_string()).unwrap();
    until_reason(&admin, "ex-job", "Expired");
    until(|| {
        let said = member.feed(&dry, &import.to_string()).unwrap();
        !said.success && violations(&said.stderr) == [("BH302", TEMPLATE_LABEL)]
    });
}

/// Owners that own each other, or cannot exist, cost one lookup each and delay no other request.
#[test]
fn pod_whose_owner_owns_itself_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let (member, name) = prepared(&it, "ex-ring");
    admin.apply(&exemption("ex-ring", &name, "Job").to_string()).unwrap();
    until_reason(&admin, "ex-ring", "Ready");
    let mut own = job(&name, "import", &template(IMAGE, "import"));
    let owner = |kind: &str, name: &str| json!([{ "apiVersion": "x.example.com/v1", "kind": kind, "name": name, "uid": "x", "controller": true }]);
    own["metadata"]["ownerReferences"] = owner("Job", "import");
    until(|| member.feed(&["create", "-f", "-"], &own.to_string()).unwrap().success);
    let controller =
        it.cluster.powerful("system:serviceaccount:kube-system:job-controller", "ex-controllers").unwrap();
    for (kind, owned) in
        [("Job", "import"), ("Job", "../../../secrets"), ("Job", "a?b"), ("Nothing", "import")]
    {
        let pod = pod(&name, "ring", &owner(kind, owned)).to_string();
        let said = controller.feed(&["create", "--dry-run=server", "-f", "-"], &pod).unwrap();
        expect_refused(&said, POD);
    }
    // The webhook still answers.
    new_namespace(&new_tenant(&it, "ex-after"), "ex-after");
}

/// A Job of an exempted CronJob is covered only if the CronJob controller created it.
#[test]
fn exempted_cron_job_covers_its_jobs_and_their_pods() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let (member, name) = prepared(&it, "ex-cron");
    admin.apply(&exemption("ex-cron", &name, "CronJob").to_string()).unwrap();
    until_reason(&admin, "ex-cron", "Ready");
    let spec = json!({
        "schedule": "* * * * *",
        "jobTemplate": { "spec": { "template": template(IMAGE, "import") } },
    });
    let cron = object("batch/v1", "CronJob", &name, "import", &spec);
    until(|| member.feed(&["create", "-f", "-"], &cron.to_string()).unwrap().success);
    let by_hand = ["create", "job", "by-hand", "--from=cronjob/import", "-n", &name];
    refused(&member, &by_hand, "", &[("BH302", TEMPLATE_LABEL)]);
    // The shortest schedule is a minute.
    let pod = within(Duration::from_mins(2), || pods(&member, &name).pop());
    assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], "Job", "{pod}");
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1, "{pod}");
}

#[test]
fn exemption_that_is_too_wide_is_refused_and_a_useless_one_has_a_reason() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let useless = exemption("ex-wrong", "default", "Job");
    for (pointer, path, value) in [
        ("/spec/rules", "spec.rules[0]: ", json!(["BH201"])),
        ("/spec/rules", "spec.rules[0]: ", json!(["BH403"])),
        ("/spec/rules", "spec.rules[0]: ", json!(["BH102"])),
        ("/spec/rules", "spec.rules[0]: ", json!(["BH605"])),
        ("/spec/rules", "spec.rules: ", json!([])),
        ("/spec/target/images", "spec.target.images: ", json!([])),
        ("/spec/target/images/0", "spec.target.images[0]: ", json!("registry.example.com/import:latest")),
        ("/spec/target/kind", "spec.target.kind: ", json!("Namespace")),
        ("/spec/expires", "spec.expires: ", json!("soon")),
        ("/spec/reason", "spec.reason: ", json!("")),
    ] {
        let mut wrong = useless.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let said = admin.feed(&["create", "-f", "-"], &wrong.to_string()).unwrap();
        assert!(!said.success && said.stderr.contains(path), "{pointer}: {said:?}");
    }
    admin.apply(&useless.to_string()).unwrap();
    until_reason(&admin, "ex-wrong", "NotATenantNamespace");
    let mut unknown = useless;
    unknown["spec"]["rules"] = json!(["BH399"]);
    admin.apply(&unknown.to_string()).unwrap();
    until_reason(&admin, "ex-wrong", "UnknownRule");

    // A user with every right is not the platform.
    let argo = it.cluster.powerful("ex-argo", "ex-gitops").unwrap();
    let platform_only = [("BH901", "metadata")];
    refused(&argo, &["delete", "exemption", "ex-wrong"], "", &platform_only);
    let said = argo.run(&["delete", "sharedservice", "log-collector"]).unwrap();
    // Another test may have created this one.
    assert!(violations(&said.stderr) == platform_only || said.stderr.contains("NotFound"), "{said:?}");
    let status = r#"{"status":{"observedGeneration":9}}"#;
    let patch = ["patch", "exemption", "ex-wrong", "--subresource=status", "--type=merge", "-p", status];
    refused(&argo, &patch, "", &platform_only);
}
