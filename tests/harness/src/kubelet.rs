//! The writes of a kubelet, which no test starts.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;

/// Writes the status of a running pod with these addresses; returns the pod.
pub fn report_running(admin: &Kubectl, namespace: &str, name: &str, addresses: &[IpAddr]) -> Result<Value> {
    let patch =
        ["patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-o", "json", "-p"];
    let shown = admin.ok(&[&patch[..], &[&running(addresses).to_string()]].concat())?;
    serde_json::from_str(&shown).context("a pod")
}

/// The status of a running pod, as a merge patch.
#[must_use]
pub fn running(addresses: &[IpAddr]) -> Value {
    let now = "2026-01-01T00:00:00Z";
    let ready = json!({ "type": "Ready", "status": "True", "lastTransitionTime": now });
    let all: Vec<Value> = addresses.iter().map(|address| json!({ "ip": address })).collect();
    json!({ "status": {
        "phase": "Running", "podIP": addresses.first(), "podIPs": all, "conditions": [ready],
    } })
}
