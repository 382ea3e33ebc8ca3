//! Calls to a tenant's service: the caller, the way, and the expected result.

use Ending::{Arrives, Dropped, LedAway, Refused};
use Protocol::{Http, Tcp};
use Though::{AllAllowed, RouteTaken};
use Way::{Around, Namesake, OtherTrustDomain, Plaintext, PlaintextByIpv6, Usual};
use Who::{
    AnotherTenant, Auditor, Gateway, GrantedCaller, GrantedGateway, Neighbour, Outsider, SharedService,
    Sibling,
};

pub(super) use crate::calls::{Ending, Protocol, Row, Though, Way, Who};
use crate::calls::{row, though};

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
