//! The baseline as `bulkhead render` writes it, for the example `examples/grants` and its variants.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use bulkhead_harness::cluster::folder;
use serde_json::Value;

use crate::{BINARY, repository};

/// A variant of `examples/grants`: other settings, or further objects.
pub struct Variant {
    pub name: &'static str,
    /// Merged into the settings; YAML.
    pub settings: &'static str,
    /// Further documents; YAML.
    pub beside: &'static str,
}

const fn variant(name: &'static str, settings: &'static str) -> Variant {
    Variant { name, settings, beside: "" }
}

pub const VARIANTS: &[Variant] = &[
    variant("revision", "mesh: { revision: stable }"),
    variant("istio-cni", "mesh: { istioCni: true }"),
    variant("ambient", "mesh: { dataplane: Ambient, waypoints: [waypoint, edge] }"),
    Variant {
        name: "ambient-tenant",
        settings: "",
        beside: "\
apiVersion: bulkhead.dev/v1alpha1
kind: Tenant
metadata: { name: moved }
spec:
  owners: [{ kind: Group, name: moved-developers }]
  dataplane: Ambient
---
apiVersion: v1
kind: Namespace
metadata:
  name: tenant-moved
  labels: { bulkhead.dev/tenant: moved, tenant: moved, istio.io/dataplane-mode: ambient }
",
    },
    variant("allow-any", "mesh: { outbound: ALLOW_ANY }"),
    variant("quiet", "mesh: { accessLog: \"\" }\nbaseline: { apiFairness: false }"),
    Variant {
        name: "openshift-dns",
        settings: "network: { dns: { preset: OpenShift } }",
        beside: "\
apiVersion: v1
kind: Service
metadata: { name: dns-default, namespace: openshift-dns }
spec: { clusterIPs: [172.30.0.10] }
",
    },
    variant("same-namespace", "network: { sameTenant: Namespace }"),
    variant("calico-stored", "network: { calico: crd.projectcalico.org/v1 }"),
    variant("calico-served", "network: { calico: projectcalico.org/v3 }"),
    variant("cilium", "network: { cilium: true }"),
    variant("admin-network-policy", "network: { adminNetworkPolicy: policy.networking.k8s.io/v1alpha1 }"),
    variant("cluster-network-policy", "network: { adminNetworkPolicy: policy.networking.k8s.io/v1alpha2 }"),
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

/// The text of each object, by the path that it is written to.
pub type Rendered = BTreeMap<String, String>;

/// Everything that `bulkhead render` writes for the example, or for a variant of it.
pub fn rendered(variant: Option<&Variant>) -> Rendered {
    let (snapshot, into) = (folder("snapshot").unwrap(), folder("rendered").unwrap());
    for file in fs::read_dir(repository("examples/grants")).unwrap().map(|file| file.unwrap().path()) {
        fs::copy(&file, snapshot.join(file.file_name().unwrap())).unwrap();
    }
    if let Some(variant) = variant {
        let file = snapshot.join("settings.yaml");
        let read = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
        let mut settings = read(&fs::read_to_string(&file).unwrap());
        if !variant.settings.is_empty() {
            json_patch::merge(&mut settings, &read(variant.settings));
        }
        fs::write(file, settings.to_string()).unwrap();
        fs::write(snapshot.join("beside.yaml"), variant.beside).unwrap();
    }
    let output = Command::new(&*BINARY)
        .args([
            "render",
            "--snapshot",
            &snapshot.display().to_string(),
            "--output-dir",
            &into.display().to_string(),
        ])
        .output()
        .unwrap();
    let written = files(&into);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    // One line, which sums up: nothing was missing.
    let sum = [written.len().to_string(), into.display().to_string()];
    assert!(said.lines().count() == 1 && sum.iter().all(|part| said.contains(part)), "{said}");
    written
}

/// The files below a folder, by their path from there.
pub fn files(folder: &Path) -> Rendered {
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

/// The objects that the variant adds to the example or changes, and the paths of those that it leaves out.
pub fn differing(base: &Rendered, variant: &Rendered) -> (Rendered, Vec<String>) {
    let differs = |(path, text): &(&String, &String)| base.get(*path) != Some(text);
    let other = variant.iter().filter(differs).map(|(path, text)| (path.clone(), text.clone()));
    (other.collect(), base.keys().filter(|path| !variant.contains_key(*path)).cloned().collect())
}
