//! The baseline as YAML, one file an object: `examples/rendered` holds what the binary renders of `examples/grants`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::command::bulkhead;
use support::rendered::{Rendered, VARIANTS, Variant, differing, files, rendered};
use support::repository;
use support::snapshot_files::{compare, is_blessing};

/// The files of `examples/rendered`, by their paths.
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
fn rendered_objects_match_the_examples() {
    let root = repository("examples/rendered");
    let snapshots = snapshots();
    for folder in ["base", "variants"] {
        for stale in files(&root.join(folder)).into_keys().map(|path| format!("{folder}/{path}")) {
            if !snapshots.contains_key(&stale) {
                assert!(is_blessing(), "{stale}: nothing renders it any more");
                fs::remove_file(root.join(stale)).unwrap();
            }
        }
    }
    for (path, text) in &snapshots {
        compare(&format!("examples/rendered/{path}"), text);
    }
}

#[test]
fn calico_and_admin_network_policies_are_rendered_together() {
    let base = rendered(None);
    let added = |settings| {
        let variant = Variant { name: "both", settings, beside: "" };
        let (added, gone) = differing(&base, &rendered(Some(&variant)));
        assert_eq!((added.is_empty(), gone.len()), (false, 0));
        added
    };
    let mut each = added("network: { calico: crd.projectcalico.org/v1 }");
    each.append(&mut added("network: { adminNetworkPolicy: policy.networking.k8s.io/v1alpha2 }"));
    let both = "network: { calico: crd.projectcalico.org/v1, adminNetworkPolicy: policy.networking.k8s.io/v1alpha2 }";
    assert_eq!(added(both), each);
}

/// One tenant's baseline in one file, which `istioctl analyze` reads in the cluster tier.
#[test]
fn rendered_tenant_matches_the_example() {
    let (code, out, note) = bulkhead(&["render", "--snapshot", "examples/snapshot", "--tenant", "acme"], "");
    assert_eq!((code, note.as_str()), (0, ""));
    compare("examples/rendered/acme.yaml", &out);
}

/// The page that explains the baseline.
fn page() -> String {
    fs::read_to_string(repository("docs/baseline.md")).unwrap()
}

/// The page has a row for each file of the baseline, with a link to the file and to a snapshot of its object.
#[test]
fn baseline_files_are_documented_with_an_example() {
    const FOLDERS: [&str; 4] = ["namespace", "tenant", "shared_service", "cluster"];
    let page = page();
    for folder in FOLDERS {
        let all = files(&repository("src/baseline").join(folder));
        for file in all.keys().filter(|file| !["mod.rs", "site.rs"].contains(&file.as_str())) {
            let link = format!("](../src/baseline/{folder}/{file})");
            let row = page.lines().find(|line| line.contains(&link));
            let row = row.unwrap_or_else(|| panic!("docs/baseline.md: no row of {folder}/{file}"));
            let shown = row.split("](../").skip(1).filter_map(|rest| rest.split(')').next());
            let shown: Vec<PathBuf> =
                shown.filter(|path| path.starts_with("examples/rendered/")).map(repository).collect();
            assert!(!shown.is_empty(), "{folder}/{file}: no snapshot in its row");
            // The page writes the variable part of a name in capitals.
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

/// A name as the page writes it, with the variable part in capitals.
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
fn rendered_objects_are_named_in_the_baseline_page() {
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
