//! The baseline as YAML, one file an object: what stands in `examples/rendered` is what the binary makes of
//! `examples/grants`. No cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_harness::cluster::folder;
use serde_json::Value;

use crate::blessed::compare;
use crate::cluster::BINARY;

/// What differs from `examples/grants`: something in the settings, or something beside them.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// Merged into the settings; YAML.
    pub(crate) settings: &'static str,
    /// Further documents; YAML.
    pub(crate) beside: &'static str,
}

const fn variant(name: &'static str, settings: &'static str) -> Variant {
    Variant { name, settings, beside: "" }
}

pub(crate) const VARIANTS: &[Variant] = &[
    variant("revision", "mesh: { revision: stable }"),
    variant("istio-cni", "mesh: { istioCni: true }"),
    variant("ambient", "mesh: { dataplane: Ambient, waypoints: [waypoint, edge] }"),
    variant("allow-any", "mesh: { outbound: ALLOW_ANY }"),
    variant("quiet", "mesh: { accessLog: \"\" }\nbaseline: { apiFairness: false }"),
    variant("same-namespace", "network: { sameTenant: Namespace }"),
    variant("calico-stored", "network: { calico: crd.projectcalico.org/v1 }"),
    variant("calico-served", "network: { calico: projectcalico.org/v3 }"),
    variant(
        "egress-gateway",
        "egressGateway: { namespace: istio-egress, service: egress, selector: { istio: egress } }",
    ),
    variant("mesh-wide", "meshWide: { manage: true }"),
    variant("deny-all-dry-run", "meshWide: { manage: true, denyAll: DryRun }"),
    variant("deny-all", "meshWide: { manage: true, denyAll: Enforce }"),
    Variant {
        name: "dual-stack",
        settings: "",
        beside: "\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: kubernetes, namespace: default }
addressType: IPv6
endpoints: [{ addresses: ['2001:db8::10'] }]
ports: [{ name: https, port: 6443, protocol: TCP }]
---
apiVersion: v1
kind: Service
metadata: { name: kube-dns, namespace: kube-system }
spec: { clusterIPs: [10.96.0.10, 'fd00:96::a'] }
",
    },
];

const GRANTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/grants");

/// Each object's text, by the path it is written to.
pub(crate) type Rendered = BTreeMap<String, String>;

/// What `bulkhead render` writes of the example, changed as the variant says.
pub(crate) fn rendered(variant: Option<&Variant>) -> Rendered {
    let (world, into) = (folder("world").unwrap(), folder("rendered").unwrap());
    for file in fs::read_dir(GRANTS).unwrap().map(|file| file.unwrap().path()) {
        fs::copy(&file, world.join(file.file_name().unwrap())).unwrap();
    }
    if let Some(variant) = variant {
        let file = world.join("settings.yaml");
        let read = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
        let mut settings = read(&fs::read_to_string(&file).unwrap());
        if !variant.settings.is_empty() {
            json_patch::merge(&mut settings, &read(variant.settings));
        }
        fs::write(file, settings.to_string()).unwrap();
        fs::write(world.join("beside.yaml"), variant.beside).unwrap();
    }
    let output = Command::new(BINARY)
        .args(["render", "--world", &world.display().to_string(), "--into", &into.display().to_string()])
        .output()
        .unwrap();
    let written = files(&into);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said, format!("{} files written into {}\n", written.len(), into.display()));
    written
}

/// The files below a folder, by their path from there.
fn files(folder: &Path) -> Rendered {
    let mut found = Rendered::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// What the variant has that the example has not, or has otherwise; and the paths of what it lacks.
pub(crate) fn differing(base: &Rendered, variant: &Rendered) -> (Rendered, Vec<String>) {
    let differs = |(path, text): &(&String, &String)| base.get(*path) != Some(text);
    let other = variant.iter().filter(differs).map(|(path, text)| (path.clone(), text.clone()));
    (other.collect(), base.keys().filter(|path| !variant.contains_key(*path)).cloned().collect())
}

/// The files that show what the baseline is.
fn snapshots() -> Rendered {
    let base = rendered(None);
    let mut snapshots: Rendered =
        base.iter().map(|(path, text)| (format!("base/{path}"), text.clone())).collect();
    for variant in VARIANTS {
        let (other, gone) = differing(&base, &rendered(Some(variant)));
        let heading = [variant.settings, variant.beside].concat();
        let mut text = "# What differs from base/ with\n".to_owned();
        text.extend(heading.lines().flat_map(|line| ["#   ", line, "\n"]));
        text.extend(gone.iter().flat_map(|path| ["# Gone: ", path, "\n"]));
        text.push_str(&other.into_values().collect::<Vec<_>>().join("---\n"));
        snapshots.insert(format!("variants/{}.yaml", variant.name), text);
    }
    snapshots
}

#[test]
fn every_object_stands_in_the_repository() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rendered");
    let snapshots = snapshots();
    for room in ["base", "variants"] {
        for stale in files(&folder.join(room)).into_keys().map(|path| format!("{room}/{path}")) {
            if !snapshots.contains_key(&stale) {
                assert!(std::env::var_os("BLESS").is_some(), "{stale}: nothing renders it any more");
                fs::remove_file(folder.join(stale)).unwrap();
            }
        }
    }
    for (path, text) in &snapshots {
        compare(&format!("examples/rendered/{path}"), text);
    }
}

/// The page that explains the baseline.
fn page() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/baseline.md")).unwrap()
}

/// A new object has a place where people see it: its file is named in the page, beside a snapshot of it.
#[test]
fn every_file_of_the_baseline_is_explained_and_shown() {
    const ROOMS: [&str; 4] = ["namespace", "tenant", "shared_service", "cluster"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = page();
    for room in ROOMS {
        for file in files(&root.join("src/baseline").join(room)).keys().filter(|file| *file != "mod.rs") {
            let link = format!("](../src/baseline/{room}/{file})");
            let row = page.lines().find(|line| line.contains(&link));
            let row = row.unwrap_or_else(|| panic!("docs/baseline.md: no row of {room}/{file}"));
            let shown = row.split("](../").skip(1).filter_map(|rest| rest.split(')').next());
            let shown: Vec<PathBuf> = shown
                .filter(|path| path.starts_with("examples/rendered/"))
                .map(|path| root.join(path))
                .collect();
            assert!(!shown.is_empty(), "{room}/{file}: no snapshot in its row");
            // What is somebody's own is in capitals.
            let is_own = |letter: char| letter.is_ascii_uppercase();
            let name = row.split('`').nth(1).unwrap().split(is_own).next().unwrap();
            for path in shown {
                let text = fs::read_to_string(&path).unwrap();
                let is_named = |line: &str| line.trim_start().starts_with("name: ") && line.contains(name);
                assert!(text.lines().any(is_named), "{}: no `{name}`", path.display());
            }
        }
    }
}

/// Names as the page writes them: what is somebody's own is in capitals there.
fn written(name: &str) -> String {
    for (start, own) in [
        ("bulkhead-host-", "HOST"),
        ("bulkhead-address-", "CIDR"),
        ("bulkhead-callback-", "NUMBER"),
        ("bulkhead-gateway-", "GATEWAY"),
        ("bulkhead-deny-cross-tenant-", "WAYPOINT"),
        ("bulkhead-tenant-", "TENANT"),
        ("bulkhead-reader-", "TENANT"),
    ] {
        if name.starts_with(start) {
            return format!("{start}{own}");
        }
    }
    let name = name.replace("log-collector", "SERVICE").replace("bulkhead-events", "bulkhead-SERVICE");
    name.replace("bulkhead-acme", "bulkhead-TENANT").replace("bulkhead-beta", "bulkhead-TENANT")
}

#[test]
fn every_object_is_named_in_the_page() {
    let page = page();
    let mut missing = BTreeSet::new();
    for variant in std::iter::once(None).chain(VARIANTS.iter().map(Some)) {
        for text in rendered(variant).values() {
            let object: Value = serde_saphyr::from_str(text).unwrap();
            let kind = object["kind"].as_str().unwrap();
            let name = written(object["metadata"]["name"].as_str().unwrap());
            let is_named =
                page.lines().any(|line| line.contains(kind) && line.contains(&format!("`{name}`")));
            if kind != "Namespace" && !is_named {
                missing.insert(format!("{kind} `{name}`"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/baseline.md: {missing:?}");
}
