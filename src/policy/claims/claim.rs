use crate::policy::object::{BoundSubject, Selector, TrafficRule};

/// A name in an object.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'o> {
    /// The name of a request header that a route writes.
    RequestHeader(&'o str),
    /// Hosts that a proxy knows, written as `NAMESPACE/HOST`.
    KnownHost(&'o str),
    /// A range of addresses that a rule of a NetworkPolicy allows.
    Cidr(TrafficRule<'o, 'o>, &'o str),
    /// The namespaces that a rule of a NetworkPolicy allows, and the pods in them.
    Namespaces { rule: TrafficRule<'o, 'o>, namespaces: &'o Selector<'o>, pods: Option<&'o Selector<'o>> },
    /// A peer without a selector and without a range.
    EmptyPeer(TrafficRule<'o, 'o>),
    /// A rule without peers.
    NoPeers(TrafficRule<'o, 'o>),
    /// The host name to which a Service of type `ExternalName` leads.
    ExternalName(&'o str),
    /// An address in an Endpoints or an EndpointSlice.
    EndpointAddress(&'o str),
    /// A subject that a RoleBinding gives a role.
    Subject(&'o BoundSubject<'o>),
}
