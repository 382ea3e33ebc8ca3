/// A sort of name in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// A header of requests that a route writes.
    RequestHeader,
    /// Hosts that a proxy knows, as `NAMESPACE/HOST`.
    KnownHost,
    /// Pods, namespaces and addresses in a rule of a NetworkPolicy.
    Peer,
    /// The host name to which a Service of type `ExternalName` leads.
    ExternalName,
    /// An address in an Endpoints or an EndpointSlice.
    EndpointAddress,
    /// A subject that a RoleBinding gives a role.
    Subject,
}

impl ClaimKind {
    /// True if the field is a text that names something. Other claims are read from a typed view.
    pub fn is_text(self) -> bool {
        match self {
            Self::RequestHeader | Self::KnownHost | Self::ExternalName | Self::EndpointAddress => true,
            Self::Peer | Self::Subject => false,
        }
    }
}
