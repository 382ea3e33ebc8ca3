//! The real Helm as an owner of a tenant, with the chart that `helm create` makes.

use std::fs;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::helm::Helm;
use serde_json::{Value, json};
use support::objects::tenant;
use support::refusal::violations;

use super::{NAMESPACE, Stage, has_proxy, wait_until_bound};

/// A NetworkPolicy as charts have it: every caller may reach the port.
const POLICY: &str = r"{{- if .Values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: {{ .Release.Name }} }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/instance: {{ .Release.Name }} } }
  policyTypes: [Ingress]
  ingress: [{ ports: [{ port: http }] }]
{{- end }}
";

#[test]
fn owner_installs_changes_and_uninstalls_a_chart() {
    let stage = Stage::of("helm");
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    stage.admin().apply(&tenant("acme", &owners).to_string()).unwrap();
    let owner = stage.owner();
    stage.create_namespace(&owner);
    wait_until_bound(&owner);

    let folder = folder("works-with-helm").unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let (chart, values) = (path("shop"), path("values.yaml"));
    let helm = Helm::new(owner);
    helm.ok(&["create", &chart]).unwrap();
    fs::write(folder.join("shop/templates/policy.yaml"), POLICY).unwrap();
    fs::write(&values, stage.file("values.yaml")).unwrap();
    let here = ["--namespace", NAMESPACE];
    let run = |arguments: &[&str]| helm.run(&[arguments, &here].concat()).unwrap();
    let ok = |arguments: &[&str]| {
        let said = run(arguments);
        assert!(said.success, "{arguments:?}: {said:?}");
        said.stdout
    };

    // With the chart's policy, the refusal is the error of the command.
    let said = run(&["install", "shop", &chart, "--set", "networkPolicy.enabled=true"]);
    assert!(!said.success, "{said:?}");
    assert_eq!(violations(&said.stderr), [("BH501", "spec.ingress[0]")], "{said:?}");

    ok(&["upgrade", "--install", "shop", &chart, "--values", &values]);
    assert!(has_proxy(&stage.pod("app.kubernetes.io/instance=shop")));
    ok(&[
        "upgrade",
        "shop",
        &chart,
        "--values",
        &values,
        "--set",
        "replicaCount=2",
        "--set",
        "podLabels.tier=web",
    ]);
    assert!(has_proxy(&stage.pod("tier=web")));
    let history: Value = serde_json::from_str(&ok(&["history", "shop", "-o", "json"])).unwrap();
    let upgrades =
        history.as_array().unwrap().iter().filter(|entry| entry["description"] == "Upgrade complete");
    let revisions: Vec<String> = upgrades.map(|entry| entry["revision"].to_string()).collect();
    assert_eq!(revisions, ["2", "3"], "{history}");
    ok(&["rollback", "shop", "2"]);

    // The pod of the hook is created; there is no kubelet to run it.
    let said = run(&["test", "shop", "--timeout", "3s"]);
    assert!(violations(&said.stderr).is_empty(), "{said:?}");
    assert!(has_proxy(&stage.pod("app.kubernetes.io/instance=shop,app.kubernetes.io/name=shop")));
    let hook = ["get", "pod", "shop-test-connection", "-n", NAMESPACE, "-o", "json"];
    let hook = stage.admin().ok(&hook).unwrap();
    assert!(has_proxy(&serde_json::from_str(&hook).unwrap()));

    ok(&["uninstall", "shop"]);
    assert_eq!(ok(&["list", "-o", "json"]).trim(), "[]");
}
