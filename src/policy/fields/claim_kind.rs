/// A sort of name in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// A header of requests that a route or a policy writes.
    RequestHeader,
    /// Hosts that a proxy knows, as `NAMESPACE/HOST`.
    KnownHost,
    /// A host for which an object has routes, settings or endpoints.
    ServedHost,
    /// A host to which a route leads.
    ReachedHost,
    /// An address to which an object applies, or of an endpoint.
    Address,
    /// A gateway that a route is for.
    Gateway,
    /// The namespace of a VirtualService that a route is continued in.
    Delegate,
    /// A namespace that sees an object.
    Export,
    /// Pods, namespaces and addresses in a rule of a NetworkPolicy.
    Peer,
    /// The host name to which a Service of type `ExternalName` leads.
    ExternalName,
    /// An address in an Endpoints or an EndpointSlice.
    EndpointAddress,
    /// A subject that a RoleBinding gives a role.
    Subject,
    /// A URL from which istiod fetches keys.
    KeySource,
    /// Callers in an AuthorizationPolicy.
    Caller,
}

impl ClaimKind {
    /// True if the field is a text that names something. Other claims are read from a typed view.
    pub fn is_text(self) -> bool {
        match self {
            Self::RequestHeader
            | Self::KnownHost
            | Self::ServedHost
            | Self::ReachedHost
            | Self::Address
            | Self::Gateway
            | Self::Delegate
            | Self::Export
            | Self::ExternalName
            | Self::EndpointAddress => true,
            Self::Peer | Self::Subject | Self::KeySource | Self::Caller => false,
        }
    }
}
