//! References in routes of the Gateway API, as istiod reads them.

use super::{Claim, Owner, gateway, host};
use crate::kinds::Kind;
use crate::policy::Request;
use crate::policy::object::{Located, Reference, Route};

const GATEWAYS: &str = "gateway.networking.k8s.io";
const MESH: &str = "networking.istio.io";
/// Another name of the group of Services. Istiod has it in its own tables.
const CORE: &str = "core";

/// A sort of object that a reference names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Referent {
    Gateway,
    /// A set of listeners, which has a Gateway.
    Listeners,
    /// A Service of this cluster or of a set of clusters.
    Service,
    ServiceEntry,
    /// A host, by its name.
    Host,
    /// A pool of pods, with a Service that chooses among them.
    Pool,
    Other,
}

impl Referent {
    fn of(reference: &Reference<'_>, default: (&str, &str)) -> Self {
        match reference.kind_or(default) {
            (GATEWAYS, "Gateway") => Self::Gateway,
            (GATEWAYS, "ListenerSet") => Self::Listeners,
            ("" | CORE, "Service") | ("multicluster.x-k8s.io", "ServiceImport") => Self::Service,
            (MESH, "ServiceEntry") => Self::ServiceEntry,
            (MESH, "Hostname") => Self::Host,
            ("inference.networking.k8s.io", "InferencePool") => Self::Pool,
            _ => Self::Other,
        }
    }

    fn of_parent(reference: &Reference<'_>) -> Self {
        Self::of(reference, (GATEWAYS, "Gateway"))
    }
}

/// Returns the parents whose callers get the route: Services, and hosts of ServiceEntries.
pub(super) fn served<'o>(route: &'o Route<'o>) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    parents(route, |referent| matches!(referent, Referent::Service | Referent::ServiceEntry))
}

/// Returns the other parents: gateways.
pub(super) fn gateways<'o>(route: &'o Route<'o>) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    parents(route, |referent| !matches!(referent, Referent::Service | Referent::ServiceEntry))
}

fn parents<'o>(
    route: &'o Route<'o>,
    is_meant: impl Fn(Referent) -> bool,
) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    let parents = route.parents().filter(move |parent| is_meant(Referent::of_parent(parent.value)));
    parents.map(|Located { value, path }| Located { value: Claim::Parent(value), path })
}

/// Returns the objects to which the route leads.
pub(super) fn backends<'o>(route: &'o Route<'o>) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    route.backends().map(|Located { value, path }| Located { value: Claim::Backend(value), path })
}

pub(super) fn resolve_parent(request: &Request<'_>, parent: &Reference<'_>) -> Owner {
    let referent = Referent::of_parent(parent);
    let name = parent.name();
    match (referent, foreign_namespace(request, parent)) {
        (Referent::Service, Some(namespace)) if request.tenant.is_none() => {
            let is_others = host::is_protected(request, namespace) && !applies_to_own_callers(request.kind);
            if is_others { Owner::Foreign } else { Owner::Own }
        }
        // Other namespaces can have an entry for the same host.
        (Referent::ServiceEntry, _) if !applies_to_own_callers(request.kind) => Owner::Foreign,
        (Referent::Host | Referent::Pool | Referent::Other, _) => Owner::Foreign,
        (_, None) => Owner::Own,
        (Referent::Gateway, Some(namespace)) => gateway::resolve_name(request, namespace, name),
        (Referent::Service, Some(namespace)) if applies_to_own_callers(request.kind) => {
            host::owner_of_service(request, namespace, name)
        }
        (Referent::Service | Referent::ServiceEntry | Referent::Listeners, Some(_)) => Owner::Foreign,
    }
}

pub(super) fn resolve_backend(request: &Request<'_>, backend: &Reference<'_>) -> Owner {
    let referent = Referent::of(backend, ("", "Service"));
    let name = backend.name();
    match (referent, foreign_namespace(request, backend)) {
        (Referent::Host, _) => host::resolve(request, name),
        // Istiod makes a host name of it.
        (Referent::Service, _) if name.contains('.') => Owner::Malformed,
        (Referent::Service | Referent::Pool, None) => Owner::Own,
        (Referent::Service, Some(namespace)) => host::owner_of_service(request, namespace, name),
        (
            Referent::Pool
            | Referent::Gateway
            | Referent::Listeners
            | Referent::ServiceEntry
            | Referent::Other,
            _,
        ) => Owner::Foreign,
    }
}

/// Returns the namespace of the object, if it is not one of the tenant's.
fn foreign_namespace<'o>(request: &Request<'_>, reference: &'o Reference<'_>) -> Option<&'o str> {
    reference.namespace().filter(|namespace| *namespace != request.namespace().0 && !request.owns(namespace))
}

/// True for routes that istiod gives only to callers in their own namespace, if they are for a Service of another one.
/// Routes of connections go to every proxy.
fn applies_to_own_callers(kind: Kind) -> bool {
    matches!(kind, Kind::HttpRoute | Kind::GrpcRoute)
}
