//! `bulkhead check`, `render` and `explain`, as a user runs them: exit codes and the data in their output.

use std::collections::BTreeSet;
use std::fs;

use bulkhead::kinds::Resource;
use bulkhead::policy::{RULES, Rule};
use serde_json::{Value, json};
use support::command::bulkhead;
use support::refusal::reported;
use support::repository;

const IN_WORLD: [&str; 3] = ["check", "--snapshot", "examples/snapshot"];

/// The exit code of `check -o json` and its findings.
fn findings(arguments: &[&str], input: &str) -> (i32, Vec<Value>) {
    let (code, out, note) = bulkhead(&[&["check", "-o", "json"], arguments].concat(), input);
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{note}")))
}

/// The numbers by which `check` sums up: judged objects, all objects, violations, warnings, exempted violations, objects
/// that cannot be judged.
fn sums(note: &str) -> Vec<usize> {
    let numbers = note.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn good_manifests_are_clean() {
    let (code, out, note) = bulkhead(&[&IN_WORLD[..], &["examples/good"]].concat(), "");
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(sums(&note), [31, 33, 0, 0, 0, 0], "{note}");
}

#[test]
fn injected_pod_is_clean() {
    let (code, out, _) = bulkhead(&[&IN_WORLD[..], &["examples/injected"]].concat(), "");
    assert_eq!((code, out.as_str()), (0, ""));
}

#[test]
fn bad_manifest_is_reported_with_file_and_line() {
    let (code, out, note) = bulkhead(&[&IN_WORLD[..], &["examples/bad/opted-out.yaml"]].concat(), "");
    let violation = (
        "examples/bad/opted-out.yaml:14: Deployment tenant-acme/quiet",
        "BH302",
        "spec.template.metadata.labels[sidecar.istio.io/inject]",
    );
    assert_eq!((code, reported(&out)), (1, vec![violation]), "{out}");
    assert_eq!(out.lines().count(), 1, "{out}");
    assert_eq!(sums(&note), [1, 1, 1, 0, 0, 0], "{note}");
}

/// kubectl creates the items of a typed list too.
#[test]
fn items_of_typed_lists_are_judged() {
    let pod = json!({ "metadata": { "name": "mine", "namespace": "tenant-acme" }, "spec": { "hostPID": true, "containers": [] } });
    let typed = json!({ "apiVersion": "v1", "kind": "PodList", "items": [pod] });
    let mut whole = pod.clone();
    whole["apiVersion"] = json!("v1");
    whole["kind"] = json!("Pod");
    let full = json!({ "apiVersion": "v1", "kind": "PodList", "items": [whole] });
    let nested = json!({ "apiVersion": "v1", "kind": "List", "items": [typed] });
    for list in [typed, full, nested] {
        let (code, findings) = findings(&["--snapshot", "examples/snapshot", "-"], &list.to_string());
        let codes: Vec<&str> = findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert_eq!((code, codes), (1, vec!["BH306"]), "{list}");
    }
}

/// kubectl prints a list of one kind as a typed list, whatever the kind is.
#[test]
fn typed_list_of_every_kind_is_read_as_its_items() {
    let (_, _, note) = bulkhead(&["check", "--as", "alice", "-"], "");
    assert_eq!(sums(&note), [0, 0, 0, 0, 0, 0], "an empty input: {note}");
    for resource in Resource::all().filter(|resource| resource.subresource.is_empty()) {
        let kind = resource.kind;
        let item = json!({ "metadata": { "name": "mine", "namespace": "tenant-acme" }, "spec": {} });
        let list = json!({
            "apiVersion": kind.api_version(), "kind": format!("{}List", kind.name()), "items": [item.clone(), item],
        });
        let (code, _, note) = bulkhead(&[&IN_WORLD[..], &["--as", "alice", "-"]].concat(), &list.to_string());
        let one = json!({
            "apiVersion": kind.api_version(), "kind": kind.name(),
            "metadata": { "name": "mine", "namespace": "tenant-acme" }, "spec": {},
        });
        let (code_of_one, _, note_of_one) =
            bulkhead(&[&IN_WORLD[..], &["--as", "alice", "-"]].concat(), &one.to_string());
        assert_eq!(code, code_of_one, "{}: {note}{note_of_one}", kind.name());
        // Bulkhead's own kinds are incomplete here, which is an error of the configuration.
        if code != 2 {
            let twice: Vec<usize> = sums(&note_of_one).into_iter().map(|number| 2 * number).collect();
            assert_eq!(sums(&note), twice, "{}: {note}{note_of_one}", kind.name());
        }
    }
}

/// Templates that render nothing, lists, hooks, and objects without a namespace.
#[test]
fn output_of_helm_template_is_judged() {
    let helm = fs::read_to_string(repository("tests/fast/inputs/helm-template.yaml")).unwrap();
    let arguments = [&IN_WORLD[..], &["-n", "tenant-acme", "-"]].concat();
    let (code, out, note) = bulkhead(&arguments, &helm);
    let violations = [
        ("-:50: Deployment tenant-acme/release-name-web", "BH301", "spec.template.spec.hostNetwork"),
        (
            "-:79: Pod tenant-acme/release-name-web-test-connection",
            "BH302",
            "metadata.annotations[sidecar.istio.io/inject]",
        ),
    ];
    assert_eq!((code, reported(&out)), (1, violations.to_vec()), "{out}");
    assert_eq!(sums(&note), [5, 5, 2, 0, 0, 0], "{note}");
    let windows = helm.replace('\n', "\r\n");
    let (code, out, _) = bulkhead(&arguments, &windows);
    assert_eq!((code, reported(&out)), (1, violations.to_vec()), "{out}");
}

/// Such as a chart's values, or an object whose `kind` is misspelled.
#[test]
fn document_that_is_no_object_is_named() {
    let input = "replicas: 1\n---\napiVersion: v1\nknid: Pod\n---\njust text\n";
    for (arguments, expected) in [(&["check", "-"][..], 0), (&["check", "--strict", "-"], 3)] {
        let (code, out, note) = bulkhead(arguments, input);
        assert_eq!((code, out.as_str()), (expected, ""), "{note}");
        let places: Vec<&str> = note.lines().skip(1).map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["-:1", "-:3", "-:6"], "{note}");
    }
}

/// A rule that only warns, and a tenant that is observed.
#[test]
fn warnings_fail_with_fail_on_warn_alone() {
    let deployment = fs::read_to_string(repository("examples/bad/opted-out.yaml")).unwrap();
    let settings = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nrules: {BH302: Warn}\n";
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant-acme, labels: {bulkhead.dev/tenant: acme}}\n";
    let tenant = |mode: &str| {
        format!(
            "apiVersion: bulkhead.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: acme}}\nspec: {{enforcement: {mode}}}\n"
        )
    };
    let enforced = format!("{}---\n{namespace}---\n{settings}---\n{deployment}", tenant("Enforce"));
    let observed = format!("{}---\n{namespace}---\n{deployment}", tenant("Observe"));
    for input in [enforced, observed] {
        for (fail_on, expected) in [(&[][..], 0), (&["--fail-on", "error"], 0), (&["--fail-on", "warn"], 1)] {
            let (code, findings) = findings(&[fail_on, &["-"]].concat(), &input);
            let [finding] = findings.as_slice() else { panic!("{findings:?}") };
            assert_eq!(
                (code, &finding["level"], &finding["code"]),
                (expected, &json!("warning"), &json!("BH302"))
            );
            assert!(finding["admitted"].is_string(), "{finding}");
        }
    }
}

/// Lists and containers in any order of their fields, and volumes, of which a view keeps the source as it is.
#[test]
fn unknown_fields_of_a_pod_are_found_at_every_place() {
    let deployment = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: tenant-acme }
spec:
  template:
    spec:
      newA: 1
      containers:
        - image: registry.example.com/web:1
          livenessProbe: { httpGet: { port: 80, newB: 1 } }
          name: web
          ports: [{ containerPort: 80, newC: 1 }]
      volumes: [{ name: v, projected: { sources: [{ newD: {} }] } }]
";
    let (code, out, _) = bulkhead(&[&IN_WORLD[..], &["-"]].concat(), deployment);
    let paths: Vec<_> = reported(&out).into_iter().map(|(_, code, path)| (code, path)).collect();
    let expected = [
        "spec.template.spec.newA",
        "spec.template.spec.containers[0].livenessProbe.httpGet.newB",
        "spec.template.spec.containers[0].ports[0].newC",
        "spec.template.spec.volumes[0].projected.sources[0].newD",
    ];
    assert_eq!((code, paths), (1, expected.map(|path| ("BH908", path)).to_vec()), "{out}");
}

#[test]
fn json_output_names_the_pointer() {
    let (code, findings) = findings(&["--snapshot", "examples/snapshot", "examples/bad/opted-out.yaml"], "");
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    let data = ["code", "line", "pointer"].map(|key| finding[key].clone());
    let pointer = "/spec/template/metadata/labels/sidecar.istio.io~1inject";
    assert_eq!((code, data), (1, [json!("BH302"), json!(14), json!(pointer)]));
}

#[test]
fn tenant_and_namespace_among_the_manifests_are_used() {
    let manifests = "apiVersion: bulkhead.dev/v1alpha1\nkind: Tenant\nmetadata: {name: gamma}\nspec: {}\n---\n\
                     apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant-gamma, labels: {bulkhead.dev/tenant: gamma}}\n---\n\
                     apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {hostNetwork: true, containers: [{name: app}]}\n";
    let (code, out, note) = bulkhead(&["check", "-n", "tenant-gamma", "-"], manifests);
    let violation = ("-:13: Pod tenant-gamma/bare", "BH301", "spec.hostNetwork");
    assert_eq!((code, reported(&out)), (1, vec![violation]), "{out}");
    assert_eq!(sums(&note), [1, 3, 1, 0, 0, 0], "{note}");
}

#[test]
fn namespace_is_judged_as_created_by_the_user_of_as() {
    let file = "examples/bad/forged-namespace.yaml";
    let arguments = [&IN_WORLD[..], &[file]].concat();
    assert_eq!(bulkhead(&arguments, "").0, 0);
    let judged = |user: &[&str]| {
        let (code, out, _) = bulkhead(&[&arguments[..], user].concat(), "");
        let violations: Vec<(String, String)> =
            reported(&out).iter().map(|(_, code, path)| ((*code).to_owned(), (*path).to_owned())).collect();
        (code, violations)
    };
    let violation = |code: &str, path: &str| (code.to_owned(), path.to_owned());
    let label = "metadata.labels[bulkhead.dev/tenant]";
    assert_eq!(
        judged(&["--as", "alice", "--as-group", "acme-developers"]),
        (1, vec![violation("BH102", label)])
    );
    let as_beta = ["--as", "system:serviceaccount:argocd:beta-deployer"];
    assert_eq!(judged(&as_beta), (1, vec![violation("BH104", "metadata.name"), violation("BH106", label)]));
    let own = "apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant-beta}\n";
    assert_eq!(bulkhead(&[&IN_WORLD[..], &["-"], &as_beta].concat(), own).0, 0);
}

#[test]
fn manifest_that_cannot_be_judged_is_not_clean() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: tenant-acme}\nspec: {replicas: 1}\n";
    for (arguments, manifest, kind, names) in [
        (&["-"][..], pod, "Pod", "--namespace"),
        (&["-n", "nowhere", "-"], pod, "Pod", "`nowhere`"),
        (&["--snapshot", "examples/snapshot", "-"], deployment, "Deployment", "Deployment"),
    ] {
        let (code, findings) = findings(arguments, manifest);
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        let reason = finding["unjudged"].as_str().unwrap();
        assert!(reason.contains(names), "{reason}");
        let data = ["file", "line", "kind", "name", "code"].map(|key| finding[key].clone());
        assert_eq!((code, data), (3, [json!("-"), json!(1), json!(kind), json!("a"), Value::Null]));
        let (code, out, _) = bulkhead(&[&["check"], arguments].concat(), manifest);
        assert_eq!((code, out.lines().count(), reported(&out)), (3, 1, Vec::new()), "{out}");
        assert!(out.contains(reason), "{out}");
    }
}

/// Kinds that only Kubernetes acts on, and those that the settings list, are not named.
#[test]
fn kinds_that_no_rule_judges_are_named() {
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": { "name": "web", "namespace": "tenant-acme" },
    });
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": { "name": "web", "namespace": "tenant-acme" },
    });
    let settings = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Settings",
        "platform": { "reviewedKinds": [{
            "group": "cert-manager.io", "kind": "Certificate", "resource": "certificates",
        }] },
    });
    let line = "no rule judges Certificate (cert-manager.io): 2 in the manifests";
    let [unknown, reviewed] = [vec![&certificate, &budget, &certificate], vec![&certificate, &settings]]
        .map(|items| json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string());
    for (arguments, input, expected) in [
        (&["check", "-"][..], &unknown, 0),
        (&["check", "--strict", "-"], &unknown, 3),
        (&["check", "--strict", "-"], &reviewed, 0),
    ] {
        let (code, out, note) = bulkhead(arguments, input);
        assert_eq!((code, out.as_str()), (expected, ""), "{note}");
        let names: Vec<&str> = note.lines().filter(|line| line.starts_with("no rule")).collect();
        assert_eq!(names, if *input == unknown { vec![line] } else { vec![] }, "{note}");
    }
}

#[test]
fn usage_or_configuration_error_exits_with_2() {
    for (arguments, input, names) in [
        (&["check", "absent.yaml"][..], "", &["absent.yaml"][..]),
        (&["check", "-"], "a: [", &["-: "]),
        (
            &["check", "-"],
            "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nmesh: {images: []}\n",
            &["-:3:8", "mesh.images", "`images`"],
        ),
        (
            &["check", "-"],
            "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nmesh: {proxyImages: ['a:1']}\n",
            &["mesh.proxyImages[0]", "`a:1`"],
        ),
        (&["explain", "BH000"], "", &["`BH000`"]),
        (&["serve", "--settings", "absent.yaml", "--development-certificate", "a"], "", &["absent.yaml"]),
        (&["serve", "--snapshot", "examples/snapshot"], "", &["--tls-cert"]),
    ] {
        let (code, _, note) = bulkhead(arguments, input);
        assert!(code == 2 && names.iter().all(|name| note.contains(name)), "{arguments:?}: {code} {note}");
    }
}

/// An empty file, such as one that is cut short, does not mean the defaults.
#[test]
fn settings_file_without_settings_is_an_error() {
    for text in ["", "{}", "kind: Setting\n", "apiVersion: bulkhead.dev/v1alpha1\nkind: Tenant\n"] {
        let (code, out, note) = bulkhead(&["manifests", "webhooks", "--settings", "-"], text);
        assert!((code, out.as_str()) == (2, "") && note.contains("kind: Settings"), "{text}: {note}");
    }
}

#[test]
fn render_of_a_part_prints_only_that_part() {
    let render =
        |part: &[&str]| bulkhead(&[&["render", "--snapshot", "examples/snapshot"], part].concat(), "");
    let namespaces = |text: &str| {
        let objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
        let namespace =
            |object: &Value| object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        objects.iter().map(namespace).collect::<BTreeSet<_>>()
    };
    for (part, expected) in [
        (&["--tenant", "beta"][..], &["", "tenant-beta"][..]),
        (&["-n", "shared-services"], &["shared-services"]),
        (&["--shared-service", "log-collector"], &["shared-services"]),
        (&["--cluster-wide"], &["", "istio-system"]),
        (&[], &["", "istio-system", "shared-services", "tenant-acme", "tenant-acme-new", "tenant-beta"]),
    ] {
        let (code, out, note) = render(part);
        assert_eq!((code, note.as_str()), (0, ""));
        assert!(namespaces(&out).iter().eq(expected), "{part:?}: {out}");
    }
    let (code, _, note) = bulkhead(&["render", "--snapshot", "examples/good"], "");
    let lines: Vec<&str> = note.lines().collect();
    let [servers, dns] = lines.as_slice() else { panic!("{note}") };
    assert_eq!(code, 0);
    assert!(
        servers.contains("EndpointSlice `default/kubernetes`") && servers.contains("examples/good"),
        "{note}"
    );
    assert!(dns.contains("Service `kube-dns`") && dns.contains("examples/good"), "{note}");
    for (part, names) in [
        (&["--tenant", "gamma"][..], &["Tenant `gamma`", "examples/snapshot"][..]),
        (&["--shared-service", "gamma"], &["SharedService `gamma`", "examples/snapshot"]),
        (&["-n", "gamma"], &["Namespace `gamma`", "examples/snapshot"]),
        (&["-n", "kube-system"], &["`kube-system`"]),
        (&["--output-dir", "README.md"], &["README.md/_cluster/"]),
        (&["--settings", "a"], &["--settings", "--snapshot"]),
        (&["--tenant", "acme", "--cluster-wide"], &["--tenant", "--cluster-wide"]),
    ] {
        let (code, out, note) = render(part);
        assert_eq!((code, out.as_str()), (2, ""), "{part:?}: {note}");
        assert!(names.iter().all(|name| note.contains(name)), "{part:?}: {note}");
    }
}

#[test]
fn explain_prints_manuals() {
    let (code, out, _) = bulkhead(&["explain", "bh301"], "");
    assert!(code == 0 && out.starts_with("# BH301 `missing-sidecar`\n\n## "), "{out}");
    let (code, out, _) = bulkhead(&["explain"], "");
    let codes = out.lines().map(|line| line.get(.."BH301".len()).unwrap());
    assert!(code == 0 && codes.eq(RULES.iter().map(Rule::code)), "{out}");
}
