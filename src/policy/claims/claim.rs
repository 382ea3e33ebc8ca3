use crate::policy::object::{BoundSubject, Caller, Reference, Selector, TrafficRule, UnreadSelector};

/// A name in an object.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'o> {
    /// The name of a request header that a route or a policy writes.
    RequestHeader(&'o str),
    /// Hosts that a proxy knows, written as `NAMESPACE/HOST`.
    KnownHost(&'o str),
    /// A host for which the object has routes, settings or endpoints.
    ServedHost(&'o str),
    /// A host to which a route leads.
    ReachedHost(&'o str),
    /// An address to which an object applies, or of an endpoint.
    Address(&'o str),
    /// A gateway that a route is for.
    Gateway(&'o str),
    /// The namespace of a VirtualService that a route is continued in.
    Delegate(&'o str),
    /// A namespace that sees the object.
    Export(&'o str),
    /// A range of addresses that a rule of a NetworkPolicy allows.
    Cidr(TrafficRule<'o, 'o>, &'o str),
    /// The namespaces that a rule of a NetworkPolicy allows, and the pods in them.
    Namespaces { rule: TrafficRule<'o, 'o>, namespaces: &'o Selector<'o>, pods: Option<UnreadSelector<'o>> },
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
    /// A URL from which istiod fetches keys.
    KeySource(&'o str),
    /// Callers that an AuthorizationPolicy names.
    Caller(Caller<'o>),
    /// A Gateway or a Service whose calls a route of the Gateway API is for.
    Parent(&'o Reference<'o>),
    /// An object to which a route of the Gateway API leads.
    Backend(&'o Reference<'o>),
}

impl<'o> Claim<'o> {
    /// Returns the name, as the object has it; empty for a claim that is no single text.
    pub fn text(&self) -> &'o str {
        match *self {
            Self::RequestHeader(text)
            | Self::KnownHost(text)
            | Self::ServedHost(text)
            | Self::ReachedHost(text)
            | Self::Address(text)
            | Self::Gateway(text)
            | Self::Delegate(text)
            | Self::Export(text)
            | Self::ExternalName(text)
            | Self::EndpointAddress(text)
            | Self::KeySource(text)
            | Self::Cidr(_, text) => text,
            Self::Caller(caller) => caller.text,
            Self::Namespaces { .. } | Self::EmptyPeer(_) | Self::NoPeers(_) | Self::Subject(_) => "",
            Self::Parent(reference) | Self::Backend(reference) => reference.name(),
        }
    }
}
