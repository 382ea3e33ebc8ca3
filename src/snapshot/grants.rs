use super::namespace_names::is_named_for;
use super::{SharedService, Snapshot, Tenant};
use crate::api::Subject;
use crate::settings::{EgressGateway, Gateway};

impl Snapshot {
    /// The gateways that the tenant was granted, of those there are.
    pub fn gateways(&self, tenant: &Tenant) -> impl Iterator<Item = &Gateway> {
        tenant.grants.serve.gateways.iter().filter_map(|name| self.settings.gateway(name))
    }

    /// Returns the gateway through which the tenant reaches hosts outside the cluster, if any host is granted.
    pub fn egress_gateway(&self, tenant: &Tenant) -> Option<&EgressGateway> {
        self.settings.egress_gateway.as_ref().filter(|_| !tenant.grants.reach.hosts.is_empty())
    }

    /// Returns the hosts that the tenant may serve, as far as they overlap with those of older tenants.
    pub fn hosts_of_older_tenants<'t>(&'t self, tenant: &'t Tenant) -> impl Iterator<Item = &'t str> {
        let age = |tenant: &'t Tenant| (tenant.created, tenant.name.as_str());
        let older = self.tenants().filter(move |other| age(other) < age(tenant));
        let taken: Vec<&str> =
            older.flat_map(|other| &other.grants.serve.hosts).map(String::as_str).collect();
        let own = tenant.grants.serve.hosts.iter().map(String::as_str);
        own.filter(move |own| taken.iter().any(|taken| covers_host(taken, own) || covers_host(own, taken)))
    }

    /// True if the settings, a SharedService or a Tenant trusts the namespace because of its name.
    pub fn trusts_namespace(&self, namespace: &str) -> bool {
        self.settings.trusts_namespace(namespace)
            || self
                .shared_services()
                .any(|service| service.namespace == namespace || service.calls(namespace))
            || self.tenants().any(|tenant| {
                tenant.grants.callers.iter().any(|caller| caller.namespace == namespace)
                    || tenant.owners.iter().any(|owner| owner.home() == Some(namespace))
            })
    }

    /// True if an object of the platform names a tenant `tenant`, or a namespace with such a name, before it exists.
    pub fn expects_tenant(&self, tenant: &str) -> bool {
        let is_home = |namespace: &str| is_named_for(namespace, tenant);
        self.shared_services().any(|service| {
            service.calls_tenants.contains(tenant)
                || service.tenants.as_ref().is_some_and(|tenants| tenants.contains(tenant))
                || is_home(&service.namespace)
                || service.egress_namespaces().any(is_home)
        }) || self.tenants().any(|other| {
            other.grants.callers.iter().any(|caller| is_home(&caller.namespace))
                || other.owners.iter().filter_map(Subject::home).any(is_home)
        }) || self.exempted_namespaces().any(is_home)
    }

    /// Returns the tenant's granted shared services that exist and may serve it.
    pub fn reachable_services(&self, tenant: &Tenant) -> impl Iterator<Item = &SharedService> {
        let granted = tenant.grants.reach.shared_services.iter();
        granted
            .filter_map(|name| self.shared_services.get(name))
            .filter(|service| service.serves(&tenant.name))
    }

    /// Returns the shared services that may call the tenant's workloads.
    pub fn services_calling(&self, tenant: &str) -> impl Iterator<Item = &SharedService> {
        self.shared_services().filter(move |service| service.calls_tenants.contains(tenant))
    }

    /// Returns the tenants that reach the shared service: each has a grant, and the service may serve it.
    pub fn tenants_reaching(&self, service: &SharedService) -> impl Iterator<Item = &Tenant> {
        self.tenants().filter(|tenant| {
            tenant.grants.reach.shared_services.contains(&service.name) && service.serves(&tenant.name)
        })
    }
}

/// True if each name that `host` covers is one that `granted` covers. Both can begin with `*`.
pub fn covers_host(granted: &str, host: &str) -> bool {
    granted == host || granted.strip_prefix('*').is_some_and(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_cover_hosts_and_wildcards_below_them() {
        for (granted, host, is_covered) in [
            ("example.com", "example.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "*.b.example.com", true),
            ("*.example.com", "*b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "*.com", false),
            ("*.example.com", "*example.com", false),
            ("example.com", "*.example.com", false),
        ] {
            assert_eq!(covers_host(granted, host), is_covered, "{granted} {host}");
        }
    }
}
