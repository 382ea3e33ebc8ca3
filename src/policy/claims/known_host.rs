use super::Owner;
use crate::baseline;
use crate::policy::Request;

/// Resolves a host as a Sidecar names it: `NAMESPACE/HOST`.
pub(super) fn resolve(request: &Request<'_>, host: &str) -> Owner {
    let Some((namespace, name)) = host.split_once('/') else { return Owner::Malformed };
    // Istio excludes a host of `~`.
    if namespace.starts_with('~') || namespace == "." || request.owns(namespace) {
        return Owner::Own;
    }
    let is_granted = || {
        request.tenant_object().is_some_and(|tenant| {
            let mut hosts = baseline::known_hosts(request.snapshot, tenant);
            hosts.any(|(known, full)| known == namespace && full == name)
        })
    };
    if namespace == request.snapshot.settings.mesh_root || is_granted() {
        Owner::Granted
    } else if namespace == "*" {
        Owner::Anyone
    } else {
        Owner::Foreign
    }
}
