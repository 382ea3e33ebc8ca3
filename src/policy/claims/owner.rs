use crate::policy::Retry;

/// The owner of what a claim names, as the tenant of the request sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The tenant itself. Also for names that concern no one else.
    Own,
    /// Another owner, for whom the tenant has a grant.
    Granted,
    /// The platform, which grants it to no one.
    Platform,
    /// Another owner, for whom the tenant has no grant.
    Foreign,
    /// Any owner.
    Anyone,
    /// Programs read the name in different ways.
    Malformed,
}

impl Owner {
    /// Returns the retry that may change the owner: the snapshot may lack a new namespace or a new grant.
    pub fn retry(self) -> Retry {
        match self {
            Self::Foreign => Retry::Refresh,
            Self::Own | Self::Granted | Self::Platform | Self::Anyone | Self::Malformed => Retry::Never,
        }
    }
}
