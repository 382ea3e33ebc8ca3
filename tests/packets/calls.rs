//! Calls between pods as the tables show them: the caller, the way, and the result.

use std::thread;
use std::time::Duration;

use bulkhead_harness::dataplane::Answer;
use bulkhead_harness::network::has_ipv6;

use Ending::{Arrives, Dropped, Failed, LedAway, Refused};
use Protocol::{Http, Tcp};
use Though::{AllAllowed, RouteTaken};
use Way::{Around, Namesake, OtherTrustDomain, Plaintext, PlaintextByIpv6, Usual};
use Who::{
    AnotherTenant, Auditor, Gateway, GrantedCaller, GrantedGateway, Neighbour, Outsider, SharedService,
    Sibling,
};

/// The namespaces of two tenants, and of shared services.
pub(crate) const ACME: &str = "tenant-pkt-acme";
pub(crate) const MORE: &str = "tenant-pkt-acme-more";
pub(crate) const BETA: &str = "tenant-pkt-beta";
pub(crate) const SHARED: &str = "shared-services";

/// Answers of a proxy by policy: of the called one, or of the caller's own, which does not know the host.
const REFUSALS: [&str; 2] = ["403\nRBAC: access denied", "502"];
/// Errors at the caller if a proxy closes the connection: by policy on TCP, or without mTLS; and the answer of the double
/// of ztunnel, which is ztunnel's own.
const CLOSED: [&str; 3] = ["EOF", "connection reset by peer", "tunnel: 401 Unauthorized"];

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) who: Who,
    pub(crate) protocol: Protocol,
    pub(crate) way: Way,
    pub(crate) though: Option<Though>,
    /// Without Bulkhead; with it, by the proxies alone; with it, and with network policies enforced.
    pub(crate) endings: [Ending; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
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
pub(crate) enum Protocol {
    Http,
    Tcp,
}

/// The way in which a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
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
pub(crate) enum Though {
    /// The called tenant: an AuthorizationPolicy that allows everything.
    AllAllowed,
    /// Another tenant: a VirtualService for the called host.
    RouteTaken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
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

pub(crate) const fn row(who: Who, protocol: Protocol, way: Way, endings: [Ending; 3]) -> Row {
    Row { who, protocol, way, though: None, endings }
}

pub(crate) const fn though(
    though: Though,
    who: Who,
    protocol: Protocol,
    way: Way,
    endings: [Ending; 3],
) -> Row {
    Row { who, protocol, way, though: Some(though), endings }
}

impl Row {
    /// False for a call by IPv6 on a machine that has none.
    pub(crate) fn is_sent(&self) -> bool {
        self.way != PlaintextByIpv6 || has_ipv6()
    }

    /// The row of the documents' table with these results.
    pub(crate) fn written(&self, endings: [&Ending; 3]) -> String {
        let who = self.who.words();
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

impl Who {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Neighbour => "same namespace",
            Sibling => "same tenant, another namespace",
            AnotherTenant => "another tenant",
            Outsider => "a pod outside the mesh",
            GrantedGateway => "a gateway that was granted",
            Gateway => "a gateway that was not granted",
            GrantedCaller => "a caller that was granted port 9090, which is TCP",
            SharedService => "a shared service that may not call the tenant",
            Auditor => "a shared service that may call it",
        }
    }

    /// The name of the pod that calls, or is the gateway.
    pub(crate) fn pod(self) -> &'static str {
        match self {
            Neighbour => "neighbour",
            Sibling => "sibling",
            AnotherTenant => "another",
            Outsider => "outsider",
            GrantedGateway => "public",
            Gateway => "private",
            GrantedCaller => "scraper",
            SharedService => "log-collector",
            Auditor => "auditor",
        }
    }
}

impl Way {
    pub(crate) fn words(self) -> &'static str {
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
    pub(crate) fn words(&self) -> &str {
        match self {
            Arrives => "arrives",
            LedAway => "led to another tenant's pod",
            Refused => "refused",
            Dropped => "dropped",
            Failed(reason) => reason,
        }
    }
}

/// The result of `find` for each row. All rows are tried again until all are as expected, because proxies need a moment to
/// get a new configuration.
pub(crate) fn settled<R: Sync, F: PartialEq + Send>(
    rows: &[R],
    expected: impl Fn(&R) -> &F,
    find: impl Fn(&R) -> F + Sync,
) -> Vec<F> {
    let mut last = Vec::new();
    for _ in 0..20 {
        // At once: a call that the network drops takes seconds.
        last = thread::scope(|scope| {
            let calls: Vec<_> = rows.iter().map(|row| scope.spawn(|| find(row))).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        if last.iter().eq(rows.iter().map(&expected)) {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    last
}

/// The end of a call for this workload.
pub(crate) fn ending(answer: Answer, workload: &str) -> Ending {
    match answer {
        Answer::Said(said) if said.contains(workload) => Ending::Arrives,
        answer if is_refusal(&answer) => Ending::Refused,
        answer if is_drop(&answer) => Ending::Dropped,
        Answer::Said(said) | Answer::Refused(said) => Ending::Failed(said),
    }
}

/// True if no answer came to the first packet: at the caller, or at the proxy that calls for it.
pub(crate) fn is_drop(answer: &Answer) -> bool {
    match answer {
        Answer::Said(said) => said.starts_with("503\n") && said.contains("connection timeout"),
        Answer::Refused(said) => said.starts_with("dial tcp") && said.ends_with("i/o timeout"),
    }
}

pub(crate) fn is_refusal(answer: &Answer) -> bool {
    match answer {
        Answer::Said(said) => REFUSALS.contains(&said.as_str()),
        Answer::Refused(said) => CLOSED.iter().any(|end| said.ends_with(end)),
    }
}
