//! Calls to a tenant's service: the caller, the way, and the expected result.

use bulkhead_harness::network::has_ipv6;

use Ending::{Arrives, Dropped, Failed, LedAway, Refused};
use Protocol::{Http, Tcp};
use Though::{AllAllowed, RouteTaken};
use Way::{Around, Namesake, OtherTrustDomain, Plaintext, PlaintextByIpv6, Usual};
use Who::{
    AnotherTenant, Auditor, Gateway, GrantedCaller, GrantedGateway, Neighbour, Outsider, SharedService,
    Sibling,
};

#[derive(Debug)]
pub(super) struct Row {
    pub(super) who: Who,
    pub(super) protocol: Protocol,
    pub(super) way: Way,
    pub(super) though: Option<Though>,
    /// Without Bulkhead; with it, by the proxies alone; with it, and with network policies enforced.
    pub(super) endings: [Ending; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Neighbour,
    Sibling,
    AnotherTenant,
    Outsider,
    GrantedGateway,
    Gateway,
    /// May call 9090 only.
    GrantedCaller,
    SharedService,
    /// A shared service that may call the tenant.
    Auditor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Tcp,
}

/// The way in which a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the caller's proxy; through a gateway, from outside the mesh.
    Usual,
    /// Around the caller's proxy, with the caller's own certificate.
    Around,
    /// Around it, with none.
    Plaintext,
    /// The same, to the IPv6 address of the called pod.
    PlaintextByIpv6,
    /// Around it, with one of the mesh's own CA for the called tenant's name in another trust domain.
    OtherTrustDomain,
    /// Around it, with one for another tenant's account that has the name of a shared service's account.
    Namesake,
}

/// An object that a tenant has written before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Though {
    /// The called tenant: an AuthorizationPolicy that allows everything.
    AllAllowed,
    /// Another tenant: a VirtualService for the called host.
    RouteTaken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Arrives,
    /// Another tenant's pod answers.
    LedAway,
    /// A proxy refuses the call, or closes the connection.
    Refused,
    /// The network drops the connection's first packet.
    Dropped,
    /// For any other reason, which proves nothing.
    Failed(String),
}

/// The rows with an object that a tenant has written come last.
pub(super) const ROWS: &[Row] = &[
    row(Neighbour, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Neighbour, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Neighbour, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Neighbour, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    row(Neighbour, Http, PlaintextByIpv6, [Arrives, Arrives, Arrives]),
    row(Sibling, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Sibling, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Sibling, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Sibling, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    row(AnotherTenant, Http, Usual, [Arrives, Refused, Refused]),
    row(AnotherTenant, Tcp, Usual, [Arrives, Refused, Refused]),
    row(AnotherTenant, Http, Around, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Tcp, Around, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(AnotherTenant, Http, PlaintextByIpv6, [Arrives, Arrives, Dropped]),
    row(Outsider, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(Outsider, Tcp, Plaintext, [Arrives, Refused, Dropped]),
    row(Outsider, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(Outsider, Http, PlaintextByIpv6, [Arrives, Arrives, Dropped]),
    row(GrantedGateway, Http, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedGateway, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedGateway, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Gateway, Http, Usual, [Arrives, Refused, Dropped]),
    row(Gateway, Tcp, Usual, [Arrives, Refused, Refused]),
    row(Gateway, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(Gateway, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(GrantedCaller, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(GrantedCaller, Http, Usual, [Arrives, Refused, Dropped]),
    row(SharedService, Http, Usual, [Arrives, Refused, Refused]),
    row(SharedService, Tcp, Usual, [Arrives, Refused, Refused]),
    row(SharedService, Http, Around, [Arrives, Refused, Dropped]),
    row(SharedService, Tcp, Around, [Arrives, Refused, Dropped]),
    row(SharedService, Http, Plaintext, [Arrives, Refused, Dropped]),
    row(SharedService, Http, OtherTrustDomain, [Arrives, Refused, Dropped]),
    row(Auditor, Http, Usual, [Arrives, Arrives, Arrives]),
    row(Auditor, Tcp, Usual, [Arrives, Arrives, Arrives]),
    row(Auditor, Http, Plaintext, [Arrives, Refused, Refused]),
    row(Auditor, Http, OtherTrustDomain, [Arrives, Refused, Refused]),
    row(AnotherTenant, Http, Namesake, [Arrives, Refused, Dropped]),
    though(AllAllowed, AnotherTenant, Http, Around, [Arrives, Refused, Dropped]),
    though(AllAllowed, AnotherTenant, Tcp, Around, [Arrives, Refused, Dropped]),
    though(RouteTaken, Neighbour, Http, Usual, [LedAway, Arrives, Arrives]),
    though(RouteTaken, Sibling, Http, Usual, [LedAway, Arrives, Arrives]),
    though(RouteTaken, GrantedGateway, Http, Usual, [Arrives, Arrives, Arrives]),
    though(RouteTaken, Auditor, Http, Usual, [LedAway, Arrives, Arrives]),
    though(RouteTaken, SharedService, Http, Usual, [LedAway, Refused, Refused]),
];

const fn row(who: Who, protocol: Protocol, way: Way, endings: [Ending; 3]) -> Row {
    Row { who, protocol, way, though: None, endings }
}

const fn though(though: Though, who: Who, protocol: Protocol, way: Way, endings: [Ending; 3]) -> Row {
    Row { who, protocol, way, though: Some(though), endings }
}

impl Row {
    /// False for a call by IPv6 on a machine that has none.
    pub(super) fn is_sent(&self) -> bool {
        self.way != PlaintextByIpv6 || has_ipv6()
    }

    /// The row of the documents' table with these results.
    pub(super) fn written(&self, endings: [&Ending; 3]) -> String {
        let who = match self.who {
            Neighbour => "same namespace",
            Sibling => "same tenant, another namespace",
            AnotherTenant => "another tenant",
            Outsider => "a pod outside the mesh",
            GrantedGateway => "a gateway that was granted",
            Gateway => "a gateway that was not granted",
            GrantedCaller => "a caller that was granted port 9090, which is TCP",
            SharedService => "a shared service that may not call the tenant",
            Auditor => "a shared service that may call it",
        };
        let protocol = match self.protocol {
            Http => "HTTP",
            Tcp => "TCP",
        };
        let though = match self.though {
            None => "",
            Some(AllAllowed) => "; the tenant's own policy allows all callers",
            Some(RouteTaken) => "; another tenant's VirtualService names the host",
        };
        let [without, proxies, network] = endings.map(Ending::words);
        let way = self.way.words();
        format!("| {who} | {protocol}{way}{though} | {without} | {proxies} | {network} |\n")
    }
}

impl Way {
    pub(super) fn words(self) -> &'static str {
        match self {
            Usual => "",
            Around => ", around its own proxy",
            Plaintext => ", plaintext",
            PlaintextByIpv6 => ", plaintext, by IPv6",
            OtherTrustDomain => ", as the tenant in another trust domain",
            Namesake => ", from an account called as that shared service's",
        }
    }
}

impl Ending {
    pub(super) fn words(&self) -> &str {
        match self {
            Arrives => "arrives",
            LedAway => "led to another tenant's pod",
            Refused => "refused",
            Dropped => "dropped",
            Failed(reason) => reason,
        }
    }
}
