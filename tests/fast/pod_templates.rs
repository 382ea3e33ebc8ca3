//! Pod templates in objects of the kinds that the setting `podTemplates` lists.

use std::path::Path;
use std::sync::LazyLock;

use bulkhead::policy::{JudgeError, Review, Verdict, WaiverReason, judge};
use bulkhead::registration::{Places, Service, rbac, validating};
use bulkhead::settings::Settings;
use bulkhead::snapshot::{Snapshot, User};
use bulkhead::sources::files;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use support::command::bulkhead;
use support::objects::{changed, object};
use support::refusal::reported;
use support::{WORLD, repository};

const SETTINGS: &str = "examples/snapshots/pod-templates.yaml";
const LABEL: &str = "sidecar.istio.io/inject";

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let settings = files::read(&[repository(SETTINGS)]).unwrap();
    let world = files::read(&[WORLD.into()]).unwrap();
    let others = world.iter().filter(|document| !document.is_settings());
    files::snapshot(settings.iter().chain(others).collect::<Vec<_>>()).unwrap()
});

/// A Rollout with a change in its template.
fn rollout(change: impl FnOnce(&mut Value)) -> Value {
    let template =
        json!({ "spec": { "containers": [{ "name": "app", "image": "registry.example.com/app:1" }] } });
    let spec = json!({ "replicas": 1, "strategy": { "canary": { "steps": [] } }, "template": template });
    let rollout = object("argoproj.io/v1alpha1", "Rollout", "tenant-acme", "web", &spec);
    changed(rollout, |rollout| change(&mut rollout["spec"]["template"]))
}

fn opted_out(template: &mut Value) {
    template["metadata"] = json!({ "labels": { LABEL: "false" } });
}

fn raw(object: &Value) -> Box<RawValue> {
    to_raw_value(object).unwrap()
}

/// The verdict on a write to `resource`, such as `rollouts.argoproj.io`.
fn verdict(operation: &str, resource: &str, object: &Value, old: Option<&Value>) -> Verdict {
    let (resource, group) = resource.split_once('.').unwrap();
    let (object, old) = (raw(object), old.map(raw));
    let review = Review {
        operation,
        group,
        resource,
        namespace: "tenant-acme",
        user: User { name: "alice", groups: vec!["acme-developers"] },
        object: Some((&*object).into()),
        old_object: old.as_deref(),
        ..Review::default()
    };
    judge(&review, &SNAPSHOT)
}

/// The violations for which a write is refused: codes, fields and pointers.
#[track_caller]
fn refused(verdict: Verdict) -> Vec<(&'static str, String, String)> {
    let Verdict::Judged { refused, .. } = verdict else { panic!("{verdict:?}") };
    refused.into_iter().map(|violation| (violation.code, violation.field, violation.pointer)).collect()
}

fn violation(code: &'static str, field: &str, pointer: &str) -> (&'static str, String, String) {
    (code, field.to_owned(), pointer.to_owned())
}

#[test]
fn template_of_a_kind_in_the_settings_is_judged() {
    let rollouts = "rollouts.argoproj.io";
    let attack = rollout(|template| {
        opted_out(template);
        template["spec"]["hostNetwork"] = json!(true);
        template["spec"]["newField"] = json!(1);
    });
    let metadata = "spec.template.metadata.labels[sidecar.istio.io/inject]";
    let expected = [
        violation("BH301", "spec.template.spec.hostNetwork", "/spec/template/spec/hostNetwork"),
        violation("BH302", metadata, "/spec/template/metadata/labels/sidecar.istio.io~1inject"),
        violation("BH908", "spec.template.spec.newField", "/spec/template/spec/newField"),
    ];
    assert_eq!(refused(verdict("CREATE", rollouts, &attack, None)), expected);
    assert_eq!(refused(verdict("CREATE", rollouts, &rollout(|_| {}), None)), []);
    for without in [json!({}), json!({ "replicas": 1 }), json!({ "template": null }), Value::Null] {
        let rollout = object("argoproj.io/v1alpha1", "Rollout", "tenant-acme", "web", &without);
        assert_eq!(refused(verdict("CREATE", rollouts, &rollout, None)), [], "{without}");
    }
}

#[test]
fn each_template_of_a_list_is_judged() {
    let good = json!({ "spec": { "containers": [] } });
    let node_sets = json!([
        { "name": "a", "podTemplate": good },
        { "name": "b" },
        { "name": "c", "podTemplate": changed(good.clone(), opted_out) },
        { "name": "d", "podTemplate": { "spec": { "hostPID": true } } },
    ]);
    let spec = json!({ "nodeSets": node_sets });
    let cluster = object("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "tenant-acme", "logs", &spec);
    let found = refused(verdict("CREATE", "elasticsearches.elasticsearch.k8s.elastic.co", &cluster, None));
    let fields: Vec<_> = found.iter().map(|(code, field, _)| (*code, field.as_str())).collect();
    let expected = [
        ("BH302", "spec.nodeSets[2].podTemplate.metadata.labels[sidecar.istio.io/inject]"),
        ("BH306", "spec.nodeSets[3].podTemplate.spec.hostPID"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn old_template_is_only_a_warning_while_it_is_unchanged() {
    let rollouts = "rollouts.argoproj.io";
    let old = rollout(opted_out);
    let scaled = changed(old.clone(), |rollout| rollout["spec"]["replicas"] = json!(2));
    let Verdict::Judged { refused: found, admitted, .. } = verdict("UPDATE", rollouts, &scaled, Some(&old))
    else {
        panic!()
    };
    let reasons: Vec<_> = admitted.iter().map(|waived| (waived.violation.code, &waived.reason)).collect();
    assert_eq!(
        (found.as_slice(), reasons.as_slice()),
        (&[][..], &[("BH302", &WaiverReason::Preexisting)][..])
    );

    let image = changed(old.clone(), |rollout| {
        rollout["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/app:2");
    });
    let codes: Vec<_> =
        refused(verdict("UPDATE", rollouts, &image, Some(&old))).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["BH302"]);
    assert_eq!(refused(verdict("UPDATE", rollouts, &rollout(|_| {}), Some(&old))), []);
}

#[test]
fn value_of_another_shape_is_unreadable() {
    let node_sets = |value: Value| json!({ "nodeSets": value });
    for (resource, spec, path) in [
        ("rollouts.argoproj.io", json!({ "template": "none" }), "`spec.template`"),
        ("rollouts.argoproj.io", json!({ "template": { "spec": { "containers": {} } } }), "`spec.template`"),
        ("rollouts.argoproj.io", json!({ "template": [] }), "`spec.template`"),
        ("rollouts.argoproj.io", json!([]), "`spec`"),
        ("elasticsearches.elasticsearch.k8s.elastic.co", node_sets(json!({})), "`spec.nodeSets`"),
        ("elasticsearches.elasticsearch.k8s.elastic.co", node_sets(json!([1])), "`spec.nodeSets[0]`"),
        (
            "elasticsearches.elasticsearch.k8s.elastic.co",
            node_sets(json!(vec![json!({ "podTemplate": {} }); 101])),
            "100",
        ),
    ] {
        let verdict = verdict("CREATE", resource, &json!({ "spec": spec }), None);
        let Verdict::Unjudged(error @ JudgeError::Unreadable(_)) = &verdict else { panic!("{verdict:?}") };
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
fn kind_outside_the_settings_is_unregistered() {
    for (operation, resource) in [
        ("CREATE", "experiments.argoproj.io"),
        ("CREATE", "rollouts.example.com"),
        ("DELETE", "rollouts.argoproj.io"),
    ] {
        let verdict = verdict(operation, resource, &rollout(opted_out), None);
        assert!(matches!(verdict, Verdict::Unjudged(JudgeError::Unregistered { .. })), "{verdict:?}");
    }
}

#[test]
fn check_judges_the_kinds_of_the_setting() {
    let settings = std::fs::read_to_string(repository(SETTINGS)).unwrap();
    let cluster = "---\napiVersion: bulkhead.dev/v1alpha1\nkind: Tenant\nmetadata: { name: acme }\nspec: {}\n---\n\
                   apiVersion: v1\nkind: Namespace\n\
                   metadata: { name: tenant-acme, labels: { bulkhead.dev/tenant: acme } }\n---\n";
    let attack = rollout(|template| template["spec"]["hostNetwork"] = json!(true));
    let (code, out, note) = bulkhead(&["check", "-"], &format!("{settings}{cluster}{attack}"));
    let found: Vec<_> = reported(&out)
        .into_iter()
        .map(|(place, code, field)| (place.split_once(": ").unwrap().1, code, field))
        .collect();
    assert_eq!(
        (code, found),
        (1, vec![("Rollout tenant-acme/web", "BH301", "spec.template.spec.hostNetwork")]),
        "{out}{note}"
    );
    let (code, out, note) = bulkhead(&["check", "-"], &format!("{settings}{cluster}{}", rollout(|_| {})));
    assert_eq!((code, out.as_str()), (0, ""), "{note}");
    let (code, _, note) = bulkhead(&["check", "-"], &format!("{cluster}{attack}"));
    assert!(code == 0 && note.starts_with("0 of "), "without the setting: {note}");
}

const PATH: &str = "/validate/workloads";

/// The rules of the webhooks for workloads, and their condition for updates.
fn registered(settings: &Settings) -> (Vec<Value>, String) {
    let service = Service {
        namespace: String::new(),
        name: String::new(),
        port: 443,
        ca_bundle: None,
        settings_config_map: String::new(),
    };
    let configuration = serde_json::to_value(validating(&service, Places::of_settings(settings))).unwrap();
    let entries = configuration["webhooks"].as_array().unwrap();
    let with_kinds = |entry: &&Value| entry["rules"].to_string().contains("argoproj.io");
    assert!(entries.iter().filter(with_kinds).all(|entry| entry["clientConfig"]["service"]["path"] == PATH));
    let of_workloads = entries.iter().filter(|entry| entry["clientConfig"]["service"]["path"] == PATH);
    let rules = of_workloads.clone().flat_map(|entry| entry["rules"].as_array().unwrap());
    let mut conditions =
        of_workloads.flat_map(|entry| entry["matchConditions"].as_array().into_iter().flatten());
    let condition = conditions.find(|condition| condition["name"] == "touches-pod-or-template").unwrap();
    (rules.cloned().collect(), condition["expression"].as_str().unwrap().to_owned())
}

#[test]
fn registration_and_rbac_follow_the_setting() {
    let settings = files::settings(Path::new(&repository(SETTINGS))).unwrap();
    let (default_rules, default_condition) = registered(&Settings::default());
    let (rules, condition) = registered(&settings);
    let rules_for = |operation: &str| {
        [("argoproj.io", "rollouts"), ("elasticsearch.k8s.elastic.co", "elasticsearches")].map(
            |(group, resource)| {
                json!({
                    "apiGroups": [group], "apiVersions": ["*"], "operations": [operation],
                    "resources": [resource], "scope": "Namespaced",
                })
            },
        )
    };
    let (added, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| !default_rules.contains(rule));
    assert_eq!((others, added), (default_rules, [rules_for("CREATE"), rules_for("UPDATE")].concat()));
    for field in ["object[?'spec'][?'template']", "object[?'spec'][?'nodeSets'] "] {
        assert!(condition.contains(field) && !default_condition.contains(field), "{condition}");
    }
    let lists = |settings: &Settings| {
        let objects = rbac("bulkhead-system", settings);
        let rules = objects.iter().flat_map(|object| object["rules"].as_array().into_iter().flatten());
        let of_group = rules.filter(|rule| rule["apiGroups"] == json!(["argoproj.io"])).cloned();
        of_group.collect::<Vec<_>>()
    };
    let list = json!({ "apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": ["list"] });
    assert_eq!((lists(&Settings::default()), lists(&settings)), (vec![], vec![list]));
}
