//! No field of the mesh's containers and volumes may be another than the injector wrote: each value of an injected pod
//! is changed, one at a time, and a field is added to each object and an element to each list.

use bulkhead::kinds::Kind;
use bulkhead::policy::fields::{rows, table};
use bulkhead::policy::{ReviewObject, Verdict, judge};
use bulkhead::snapshot::{Snapshot, User};
use bulkhead::sources::files;
use bulkhead::webhook::wire::{self, AdmissionResponse};
use serde_json::{Value, json};
use support::judging::verdict;

/// Fields in the mesh's containers that a pod's author may set, as the end of a pointer without its indices: with
/// Istio's annotations, or because they change nothing that the mesh relies on.
const FREE: &[&str] = &[
    "/imagePullPolicy",
    "/resources",
    "/resources/limits",
    "/resources/limits/cpu",
    "/resources/limits/memory",
    "/resources/requests",
    "/resources/requests/cpu",
    "/resources/requests/memory",
    "/resizePolicy",
    "/terminationMessagePolicy",
    "/ports/name",
    // The version of the object that a field is of, and the unit of a resource.
    "/env/valueFrom/fieldRef/apiVersion",
    "/env/valueFrom/resourceFieldRef/divisor",
    "/readinessProbe/failureThreshold",
    "/readinessProbe/initialDelaySeconds",
    "/readinessProbe/periodSeconds",
    "/readinessProbe/successThreshold",
    "/readinessProbe/timeoutSeconds",
    "/readinessProbe/httpGet/scheme",
    "/startupProbe/failureThreshold",
    "/startupProbe/initialDelaySeconds",
    "/startupProbe/periodSeconds",
    "/startupProbe/successThreshold",
    "/startupProbe/timeoutSeconds",
    "/startupProbe/httpGet/scheme",
];

/// Fields of a gateway's container that its pod may set beside these.
const FREE_IN_GATEWAYS: &[&str] = &[
    "/ports/containerPort",
    "/securityContext/capabilities/drop",
    "/securityContext/readOnlyRootFilesystem",
    "/securityContext/runAsNonRoot",
];

/// Fields of a waypoint's container that may be set beside these: nothing is redirected past its user, and the image may be of
/// another version.
const FREE_IN_WAYPOINTS: &[&str] = &[
    "/image",
    "/securityContext/capabilities/drop",
    "/securityContext/readOnlyRootFilesystem",
    "/securityContext/runAsGroup",
    "/securityContext/runAsNonRoot",
    "/securityContext/runAsUser",
];

/// Fields of Istio's volumes that no proxy depends on.
const FREE_IN_VOLUMES: &[&str] = &[
    "/configMap/defaultMode",
    "/downwardAPI/defaultMode",
    "/projected/defaultMode",
    "/projected/sources/serviceAccountToken/expirationSeconds",
    "/downwardAPI/items/fieldRef/apiVersion",
];

/// Labels and annotations of a waypoint's pod with which nothing is configured: names in telemetry, and those of others.
const FREE_KEYS_OF_WAYPOINTS: &[&str] = &[
    "gateway.networking.k8s.io/gateway-class-name",
    "istio.io/rev",
    "prometheus.io/path",
    "prometheus.io/port",
    "prometheus.io/scrape",
    "service.istio.io/canonical-name",
    "service.istio.io/canonical-revision",
];

/// Variables whose value is computed from the pod.
const COMPUTED: &[&str] = &[
    "ISTIO_KUBE_APP_PROBERS",
    "ISTIO_META_APP_CONTAINERS",
    "ISTIO_META_OWNER",
    "ISTIO_META_POD_PORTS",
    "ISTIO_META_WORKLOAD_NAME",
];

/// The example's snapshot and its injected pod.
fn world_and_pod() -> (Snapshot, Value) {
    world_and("examples/injected/shop.json")
}

fn world_and(pod: &str) -> (Snapshot, Value) {
    let documents = files::read(&[support::WORLD.into()]).unwrap();
    let pod = std::fs::read_to_string(support::repository(pod)).unwrap();
    (files::snapshot(&documents).unwrap(), serde_json::from_str(&pod).unwrap())
}

/// True if the creation of a pod is refused, also because it cannot be read.
fn is_refused(pod: &Value, snapshot: &Snapshot) -> bool {
    let user = User { name: "alice", groups: vec!["acme-developers"] };
    !matches!(verdict(snapshot, &user, pod), Verdict::Judged { refused, .. } if refused.is_empty())
}

/// Each way to change one value, or to add one, at or below `pointer`.
fn mutations(value: &Value, pointer: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                mutations(field, &format!("{pointer}/{name}"), found);
            }
            let mut more = value.clone();
            more["aFieldOfTheNextVersion"] = json!("x");
            found.push((pointer.to_owned(), more));
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                mutations(element, &format!("{pointer}/{index}"), found);
            }
            let mut more = elements.clone();
            more.push(match elements.first() {
                Some(Value::Object(_)) => json!({ "name": "x" }),
                _ => json!("x"),
            });
            found.push((pointer.to_owned(), json!(more)));
        }
        Value::String(text) => found.push((pointer.to_owned(), json!(format!("{text}x")))),
        Value::Number(number) => found.push((pointer.to_owned(), json!(number.as_i64().unwrap() + 1))),
        Value::Bool(set) => found.push((pointer.to_owned(), json!(!set))),
        Value::Null => {}
    }
}

fn is_free(pod: &Value, pointer: &str) -> bool {
    let fields: String = pointer
        .split('/')
        .skip(4)
        .filter(|field| field.parse::<usize>().is_err())
        .flat_map(|field| ["/", field])
        .collect();
    // Levels of logging, which annotations set.
    let argument = pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let is_level = argument.starts_with("--") && argument.contains("evel=");
    let variable =
        pointer.strip_suffix("/value").and_then(|variable| pod.pointer(variable)?["name"].as_str());
    // Then the API server finds no volume for a mount.
    let is_renamed = pointer.starts_with("/spec/volumes") && fields == "/name" && argument != "istio-token";
    FREE.contains(&fields.as_str())
        || is_renamed
        || is_level
        || variable.is_some_and(|name| COMPUTED.contains(&name))
}

/// An admission review of `pod`. With `as_sent`, the fields have an API server's order.
fn review_of(pod: &Value, as_sent: bool) -> String {
    let object = format!(r#""object":{pod},"oldObject":null,"#);
    let (before, after) = if as_sent { ("", object) } else { (object.as_str(), String::new()) };
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{{before}"uid":"1",
        "resource":{{"group":"","version":"v1","resource":"pods"}},"namespace":"tenant-acme","operation":"CREATE",
        "userInfo":{{"username":"alice","groups":["acme-developers"]}},{after}"dryRun":false}}}}"#
    )
}

/// Returns the answer to a review, and if its pod was read in the same pass.
fn answer(review: &str, snapshot: &Snapshot) -> (String, bool) {
    let envelope = wire::read(review.as_bytes(), Some(snapshot)).unwrap();
    let review = envelope.review();
    let answer = AdmissionResponse::from_verdict(&judge(&review, snapshot)).write(envelope.uid()).unwrap();
    (String::from_utf8(answer).unwrap(), matches!(review.object, Some(ReviewObject::Read(..))))
}

#[test]
fn pod_gets_the_same_answer_if_it_is_read_in_the_same_pass_as_its_review() {
    let (snapshot, pod) = world_and_pod();
    let mut all = vec![(String::new(), pod.clone()), (String::new(), json!(null))];
    mutations(&pod, "", &mut all);
    let (mut read_early, mut refused) = (0, 0);
    for (pointer, changed) in all {
        let mut mutated = pod.clone();
        *mutated.pointer_mut(&pointer).unwrap() = changed;
        let (one, is_early) = answer(&review_of(&mutated, true), &snapshot);
        let (two, is_also_early) = answer(&review_of(&mutated, false), &snapshot);
        assert_eq!(one, two, "{pointer}");
        assert!(!is_also_early);
        read_early += usize::from(is_early);
        refused += usize::from(!one.contains(r#""allowed":true"#));
    }
    assert!(read_early > 400 && refused > 200, "{read_early} read early, {refused} refused");
}

/// Sets the field at this path of a table, such as `env[].valueFrom.fieldRef.fieldPath`, in a new element of each list.
fn set(value: &mut Value, path: &str, new: &Value) {
    let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
    let name = field.trim_end_matches(['[', ']', '{', '}']);
    let slot = if field.ends_with("[]") {
        if !value[name].is_array() {
            value[name] = json!([]);
        }
        let list = value[name].as_array_mut().unwrap();
        list.push(json!(null));
        list.last_mut().unwrap()
    } else {
        &mut value[name]
    };
    if field.ends_with("{}") {
        *slot = json!({ "x": new });
    } else if let Some(rest) = rest {
        if !slot.is_object() {
            *slot = json!({});
        }
        set(slot, rest, new);
    } else {
        *slot = new.clone();
    }
}

/// Each field of the schema of a pod, with values of each type.
#[test]
fn field_that_the_injector_does_not_write_is_refused() {
    let (snapshot, pod) = world_and_pod();
    let values = [json!("x"), json!(1), json!(true), json!({}), json!(["x"])];
    let (mut refused, mut wrong) = (0, Vec::new());
    for row in rows(table(Kind::Pod), |_| false) {
        for (list, range) in [("initContainers", 0..2), ("volumes", 0..9)] {
            let Some(path) = row.path.strip_prefix(&format!("spec.{list}[].")) else { continue };
            let fields: String = path
                .split('.')
                .flat_map(|field| ["/", field.trim_end_matches(['[', ']', '{', '}'])])
                .collect();
            if path == "name" || FREE.contains(&fields.as_str()) {
                continue;
            }
            for (index, value) in range.flat_map(|index| values.iter().map(move |value| (index, value))) {
                let mut changed = pod.clone();
                set(&mut changed["spec"][list][index], path, value);
                if changed != pod && !is_refused(&changed, &snapshot) {
                    wrong.push(format!("{list}[{index}].{path}: {value}"));
                }
                refused += 1;
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(refused > 2_500, "{refused}");
}

/// A text that Envoy's bootstrap would have unescaped, and a value that a pod cannot set.
#[test]
fn value_that_reaches_the_bootstrap_or_another_host_is_refused() {
    let (snapshot, pod) = world_and_pod();
    let proxy = "/spec/initContainers/1";
    let argument = |value: &str| {
        let mut changed = pod.clone();
        changed.pointer_mut(&format!("{proxy}/args")).unwrap().as_array_mut().unwrap().push(json!(value));
        changed
    };
    let replaced = |old: &str, new: &str| {
        let mut changed = pod.clone();
        let arguments = changed.pointer_mut(&format!("{proxy}/args")).unwrap().as_array_mut().unwrap();
        *arguments.iter_mut().find(|argument| argument.as_str().unwrap().starts_with(old)).unwrap() =
            json!(new);
        changed
    };
    let variable = |name: &str, value: &str| {
        let mut changed = pod.clone();
        let list = changed.pointer_mut(&format!("{proxy}/env")).unwrap().as_array_mut().unwrap();
        list.retain(|variable| variable["name"] != name);
        list.push(json!({ "name": name, "value": value }));
        changed
    };
    let scrape = |path: &str, port: &str| {
        let value = json!({ "scrape": "true", "path": path, "port": port });
        variable("ISTIO_PROMETHEUS_ANNOTATIONS", &value.to_string())
    };
    for changed in [
        argument("--outlierLogPath=/x\"},\"node\":{\"id\":\"y"),
        argument("--outlierLogPath=/tmp/x"),
        argument("--stsPort=8080"),
        replaced("$(POD_NAMESPACE)", "$(POD_NAMESPACE).svc.x\",\"cluster\":\"y"),
        variable("ISTIO_META_WORKLOAD_NAME", "x\",\"metadata\":{}"),
        scrape("@192.0.2.1:80/x", "8080"),
        scrape("/metrics", "8080@192.0.2.1"),
        variable("PROXY_CONFIG", "{\"discoveryAddress\":\"istiod.elsewhere.svc:15012\"}"),
    ] {
        assert!(is_refused(&changed, &snapshot), "{}", changed["spec"]["initContainers"][1]);
    }
    let distroless = |suffix: &str| {
        let mut changed = pod.clone();
        for index in [0, 1] {
            let image = &mut changed["spec"]["initContainers"][index]["image"];
            *image = json!(format!("{}{suffix}", image.as_str().unwrap()));
        }
        changed
    };
    for harmless in [
        scrape("/metrics", "8080"),
        scrape("", ""),
        variable("PROXY_CONFIG", "{\"concurrency\":2}"),
        variable("ISTIO_META_DNS_CAPTURE", "true"),
        distroless("-distroless"),
    ] {
        assert!(!is_refused(&harmless, &snapshot), "{}", harmless["spec"]["initContainers"][1]);
    }
    assert!(is_refused(&distroless("-debug"), &snapshot));
}

#[test]
fn changed_field_of_an_injected_container_or_volume_is_refused() {
    let (snapshot, pod) = world_and_pod();
    assert!(!is_refused(&pod, &snapshot), "the injector's own pod");

    let of_the_mesh = ["/spec/initContainers/0", "/spec/initContainers/1"];
    let (refused, free) =
        expect_only_free_changes(&snapshot, &pod, &of_the_mesh, 9, |pointer| is_free(&pod, pointer));
    assert!(refused > 200 && free < 80, "{refused} refused, {free} free");
}

#[test]
fn changed_field_of_a_gateways_container_or_volume_is_refused() {
    let (snapshot, pod) = world_and("examples/injected/gateway.json");
    assert!(!is_refused(&pod, &snapshot), "the injector's own pod");

    let is_free = |pointer: &str| {
        let names = pointer.split('/').skip(4).filter(|field| field.parse::<usize>().is_err());
        let fields: String = names.flat_map(|field| ["/", field]).collect();
        // The pod has no volumes of other names.
        !pointer.starts_with("/spec/volumes/")
            && (FREE_IN_GATEWAYS.contains(&fields.as_str()) || is_free(&pod, pointer))
    };
    let (refused, free) = expect_only_free_changes(&snapshot, &pod, &["/spec/containers/0"], 8, is_free);
    assert!(refused > 120 && free < 50, "{refused} refused, {free} free");

    // Nothing is added to the pod.
    let shell = json!({ "name": "shell", "image": "registry.example.com/shell:1" });
    for list in ["containers", "initContainers", "ephemeralContainers", "volumes"] {
        let mut more = pod.clone();
        match &mut more["spec"][list] {
            Value::Array(elements) => elements.push(shell.clone()),
            absent => *absent = json!([shell]),
        }
        assert!(is_refused(&more, &snapshot), "{list}");
    }
}

/// Without the injector: each value of the pod that istiod's template makes, in an ambient mesh.
#[test]
fn changed_field_of_a_waypoint_is_refused() {
    let (_, pod) = world_and("examples/waypoint.json");
    let snapshot = crate::examples::snapshot("ambient");
    assert!(!is_refused(&pod, snapshot), "istiod's own pod");

    let arguments: Vec<&str> = pod["spec"]["containers"][0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap())
        .collect();
    let is_level = |pointer: &str| {
        let index =
            pointer.strip_prefix("/spec/containers/0/args/").and_then(|index| index.parse::<usize>().ok());
        // Levels of logging, and the domain of the cluster, which the settings do not have.
        index.is_some_and(|index| {
            index > 0 && (arguments[index - 1].ends_with("evel") || arguments[index - 1] == "--domain")
        })
    };
    let is_free = |pointer: &str| {
        let names = pointer.split('/').skip(4).filter(|field| field.parse::<usize>().is_err());
        let fields: String = names.flat_map(|field| ["/", field]).collect();
        is_level(pointer)
            || FREE_IN_WAYPOINTS.contains(&fields.as_str())
            // The next number is a port of the proxy too.
            || pointer == "/spec/containers/0/ports/0/containerPort"
            || !pointer.starts_with("/spec/volumes/") && is_free(&pod, pointer)
            || pointer.starts_with("/spec/volumes/") && FREE_IN_VOLUMES.contains(&fields.as_str())
    };
    let parts = ["/spec/containers/0", "/spec/serviceAccountName"];
    let (refused, free) = expect_only_free_changes(snapshot, &pod, &parts, 8, is_free);
    assert!(refused > 150 && free < 60, "{refused} refused, {free} free");

    // Nothing is added to the pod.
    let shell = json!({ "name": "shell", "image": "registry.example.com/shell:1" });
    for list in ["containers", "initContainers", "ephemeralContainers", "volumes"] {
        let mut more = pod.clone();
        match &mut more["spec"][list] {
            Value::Array(elements) => elements.push(shell.clone()),
            absent => *absent = json!([shell]),
        }
        assert!(is_refused(&more, snapshot), "{list}");
    }
    // Istio's labels and annotations must be these, and the others are free.
    for map in ["labels", "annotations"] {
        for key in pod["metadata"][map].as_object().unwrap().keys() {
            for value in [None, Some("other")] {
                let mut changed = pod.clone();
                let entries = changed["metadata"][map].as_object_mut().unwrap();
                match value {
                    Some(value) => drop(entries.insert(key.clone(), json!(value))),
                    None => drop(entries.remove(key)),
                }
                let is_free = FREE_KEYS_OF_WAYPOINTS.contains(&key.as_str())
                    || value.is_none() && key == "istio.io/waypoint-for";
                assert_ne!(is_refused(&changed, snapshot), is_free, "{key}: {value:?}");
            }
        }
    }
    // In a mesh with sidecars it is refused.
    assert!(is_refused(&pod, &world_and_pod().0));
}

/// Refuses each change of these containers and of the first volumes, apart from the free ones. The numbers of both.
fn expect_only_free_changes(
    snapshot: &Snapshot,
    pod: &Value,
    containers: &[&str],
    volumes: usize,
    is_free: impl Fn(&str) -> bool,
) -> (usize, usize) {
    let of_the_mesh = containers.iter().map(|pointer| (*pointer).to_owned());
    let of_the_mesh = of_the_mesh.chain((0..volumes).map(|volume| format!("/spec/volumes/{volume}")));
    let mut all = Vec::new();
    for pointer in of_the_mesh {
        mutations(pod.pointer(&pointer).unwrap(), &pointer, &mut all);
    }
    let (mut refused, mut free, mut wrong) = (0, 0, Vec::new());
    for (pointer, changed) in all {
        let mut mutated = pod.clone();
        *mutated.pointer_mut(&pointer).unwrap() = changed.clone();
        let is_free = is_free(&pointer);
        if is_refused(&mutated, snapshot) == is_free {
            wrong.push(format!("{pointer}: {changed}"));
        }
        *(if is_free { &mut free } else { &mut refused }) += 1;
    }
    assert_eq!(wrong, Vec::<String>::new());
    (refused, free)
}
