use std::net::IpAddr;

use ipnet::IpNet;

/// A range of addresses in a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cidr(IpNet);

/// Longest prefix of a wide range. A wide range can match the addresses of any pod, and no grant is as wide.
const MAX_WIDE_PREFIX: u8 = 7;

impl Cidr {
    /// Parses a range. Returns `None` if the text is no range, or if programs read it differently: an IPv4 range in
    /// IPv6 notation.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        // This is stricter than the parser of `IpNet`: some programs read `010` as eight, others as ten.
        Self::new(IpNet::new(address.parse().ok()?, bits.parse().ok()?).ok()?)
    }

    /// Returns the range of this address alone; `None` for an IPv4 address in IPv6 notation.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        Self::new(IpNet::from(address))
    }

    fn new(range: IpNet) -> Option<Self> {
        let is_mapped = matches!(range, IpNet::V6(range) if range.addr().to_ipv4_mapped().is_some());
        (!is_mapped).then_some(Self(range.trunc()))
    }

    /// Parses one address. Returns `None` if the text is none, or an IPv4 address in IPv6 notation.
    pub(super) fn parse_address(text: &str) -> Option<Self> {
        Self::of(text.parse().ok()?)
    }

    pub(super) fn is_wide(self) -> bool {
        self.0.prefix_len() <= MAX_WIDE_PREFIX
    }

    /// True if the whole range is within the range `granted`.
    pub(super) fn is_within(self, granted: &str) -> bool {
        granted.parse::<IpNet>().is_ok_and(|granted| granted.contains(&self.0))
    }

    /// True if the range is exactly this address.
    pub(super) fn is_exactly(self, address: IpAddr) -> bool {
        self.0 == IpNet::from(address)
    }
}
