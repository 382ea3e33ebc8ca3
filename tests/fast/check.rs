//! `bulkhead check` and `bulkhead explain`, as a user runs them; no cluster.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::cluster::BINARY;

/// Exit code, stdout, stderr.
pub(crate) fn bulkhead(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn good_manifests_are_clean() {
    let (code, out, note) = bulkhead(&["check", "--world", "examples/world", "examples/good"], "");
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(note, "3 of 3 objects judged: 0 violations, 0 could not be judged\n");
}

#[test]
fn what_istio_makes_of_a_good_pod_is_clean() {
    let (code, out, _) = bulkhead(&["check", "--world", "examples/world", "examples/injected"], "");
    assert_eq!((code, out.as_str()), (0, ""));
}

#[test]
fn bad_manifests_are_reported_with_file_and_line() {
    let (code, out, note) =
        bulkhead(&["check", "--world", "examples/world", "examples/bad/opted-out.yaml"], "");
    assert_eq!(
        out,
        "examples/bad/opted-out.yaml:14: Deployment tenant-acme/quiet: BH302 \
         spec.template.metadata.labels[sidecar.istio.io/inject]: `false` keeps this pod out of the mesh of tenant \
         acme; remove the label\n"
    );
    assert_eq!(note, "1 of 1 objects judged: 1 violations, 0 could not be judged\n");
    assert_eq!(code, 1);
}

#[test]
fn json_names_the_pointer() {
    let arguments = ["check", "-o", "json", "--world", "examples/world", "examples/bad/opted-out.yaml"];
    let (code, out, _) = bulkhead(&arguments, "");
    let findings: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(findings[0]["pointer"], "/spec/template/metadata/labels/sidecar.istio.io~1inject");
    assert_eq!((&findings[0]["code"], &findings[0]["line"], code), (&"BH302".into(), &14.into(), 1));
}

#[test]
fn tenants_and_namespaces_may_stand_among_the_manifests() {
    let manifests = "apiVersion: bulkhead.dev/v1alpha1\nkind: Tenant\nmetadata: {name: gamma}\nspec: {}\n---\n\
                     apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant-gamma, labels: {bulkhead.dev/tenant: gamma}}\n---\n\
                     apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {hostNetwork: true, containers: [{name: app}]}\n";
    let (code, out, note) = bulkhead(&["check", "-n", "tenant-gamma", "-"], manifests);
    assert!(out.starts_with("-:13: Pod tenant-gamma/bare: BH301 spec.hostNetwork: "), "{out}");
    assert_eq!((code, note.as_str()), (1, "1 of 3 objects judged: 1 violations, 0 could not be judged\n"));
}

#[test]
fn who_creates_a_namespace_is_asked_with_as() {
    let arguments = ["check", "--world", "examples/world", "examples/bad/forged-namespace.yaml"];
    assert_eq!(bulkhead(&arguments, "").0, 0);
    let as_alice = ["--as", "alice", "--as-group", "acme-developers"];
    let (code, out, _) = bulkhead(&[&arguments[..], &as_alice].concat(), "");
    assert!(code == 1 && out.contains("BH102 metadata.labels[bulkhead.dev/tenant]"), "{out}");
    let as_beta = ["--as", "system:serviceaccount:argocd:beta-deployer"];
    let (code, out, _) = bulkhead(&[&arguments[..], &as_beta].concat(), "");
    assert!(code == 1 && out.contains("BH104 metadata.name") && out.contains("BH106"), "{out}");
    let own = "apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant-beta}\n";
    let arguments = ["check", "--world", "examples/world", "-"];
    assert_eq!(bulkhead(&[&arguments[..], &as_beta].concat(), own).0, 0);
}

#[test]
fn what_cannot_be_judged_is_not_clean() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n";
    let (code, out, _) = bulkhead(&["check", "-"], pod);
    assert_eq!(
        (code, out.as_str()),
        (3, "-:1: Pod a: could not be judged: it names no namespace; give --namespace\n")
    );
    let (code, out, _) = bulkhead(&["check", "-n", "nowhere", "-"], pod);
    assert!(
        code == 3 && out.contains("namespace `nowhere` is neither in --world nor among the manifests"),
        "{out}"
    );
    let broken = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: tenant-acme}\nspec: {replicas: 1}\n";
    let (code, out, _) = bulkhead(&["check", "--world", "examples/world", "-"], broken);
    assert!(code == 3 && out.contains("a Deployment without a pod template"), "{out}");
}

#[test]
fn usage_and_configuration_are_errors_of_their_own() {
    for (arguments, input, expected) in [
        (&["check", "absent.yaml"][..], "", "bulkhead: absent.yaml: No such file"),
        (&["check", "-"], "a: [", "bulkhead: -: "),
        (
            &["check", "-"],
            "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nmesh: {images: []}\n",
            "-:3:8: Settings: mesh.images: unknown field `images`, expected one of",
        ),
        (
            &["check", "-"],
            "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nmesh: {proxyImages: ['a:1']}\n",
            "`a:1` is not an image repository",
        ),
        (&["explain", "BH000"], "", "no rule `BH000`"),
        (
            &["serve", "--settings", "absent.yaml", "--development-certificate", "a"],
            "",
            "absent.yaml: No such file",
        ),
        (&["serve"], "", "--tls-cert"),
    ] {
        let (code, _, note) = bulkhead(arguments, input);
        assert!(code == 2 && note.contains(expected), "{arguments:?}: {code} {note}");
    }
}

/// A file that is cut short does not mean the defaults.
#[test]
fn settings_say_that_they_are_settings() {
    for text in ["", "{}", "kind: Setting\n", "apiVersion: bulkhead.dev/v1alpha1\nkind: Tenant\n"] {
        let (code, _, said) = bulkhead(&["manifests", "webhooks", "--settings", "-"], text);
        assert!(code == 2 && said.contains("no document of `kind: Settings`"), "{text}: {said}");
    }
}

#[test]
fn a_part_of_the_baseline_is_rendered() {
    let render = |part: &[&str]| bulkhead(&[&["render", "--world", "examples/world"], part].concat(), "");
    let names = |text: &str| {
        let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(text).unwrap();
        let place = |object: &serde_json::Value| {
            object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned()
        };
        objects.iter().map(place).collect::<std::collections::BTreeSet<_>>()
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
        assert!(names(&out).iter().eq(expected), "{part:?}: {out}");
    }
    let (code, _, note) = bulkhead(&["render", "--world", "examples/good"], "");
    assert_eq!(
        (code, note.as_str()),
        (
            0,
            "no EndpointSlice `default/kubernetes` in examples/good: the API servers' addresses are missing\n\
             no Service `kube-dns` of `kube-system` in examples/good: DNS' own addresses are missing\n"
        )
    );
    for (part, expected) in [
        (&["--tenant", "gamma"][..], "no Tenant `gamma` in examples/world"),
        (&["--shared-service", "gamma"], "no SharedService `gamma` in examples/world"),
        (&["-n", "gamma"], "no Namespace `gamma` in examples/world"),
        (&["-n", "kube-system"], "nothing of the baseline stands in the namespace `kube-system`"),
        (&["--into", "README.md"], "writing README.md/_cluster/"),
        (&["--settings", "a"], "cannot be used with"),
        (&["--tenant", "acme", "--cluster-wide"], "cannot be used with"),
    ] {
        let (code, out, note) = render(part);
        assert!((code, out.as_str()) == (2, "") && note.contains(expected), "{part:?}: {code} {note}");
    }
}

#[test]
fn explain_prints_manuals() {
    let (code, out, _) = bulkhead(&["explain", "bh301"], "");
    assert!(code == 0 && out.starts_with("# BH301 `missing-sidecar`\n\n## What it does\n"), "{out}");
    let (code, out, _) = bulkhead(&["explain"], "");
    assert!(code == 0 && out.lines().count() == bulkhead::policy::RULES.len(), "{out}");
}
