use std::net::IpAddr;

use ipnet::IpNet;

/// A range of addresses that a policy names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cidr(IpNet);

/// Of as many addresses, or more, everybody has some; no grant is as wide.
const MAX_WIDE_PREFIX: u8 = 7;

impl Cidr {
    /// `None` for what is no range, or is written so that readers differ: an IPv4 range as one of IPv6.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        // Stricter than a range's own parser: `010` is eight to some and ten to others.
        let range = IpNet::new(address.parse().ok()?, bits.parse().ok()?).ok()?;
        let is_mapped = matches!(range, IpNet::V6(range) if range.addr().to_ipv4_mapped().is_some());
        (!is_mapped).then_some(Self(range.trunc()))
    }

    pub(super) fn is_wide(self) -> bool {
        self.0.prefix_len() <= MAX_WIDE_PREFIX
    }

    /// Whether all of it is within the range that `granted` says.
    pub(super) fn is_within(self, granted: &str) -> bool {
        granted.parse::<IpNet>().is_ok_and(|granted| granted.contains(&self.0))
    }

    /// Whether it is this address and no other.
    pub(super) fn is_exactly(self, address: IpAddr) -> bool {
        self.0 == IpNet::from(address)
    }
}
