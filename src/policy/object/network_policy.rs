use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::nullable;
use super::{JsonStr, Located, Path, Selector, UnreadSelector};
use crate::baseline;

/// Spec of a NetworkPolicy, limited to what it allows. `policyTypes` is not read: all rules are judged, in effect or
/// not.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pod_selector: Selector<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    ingress: Vec<Rule<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    egress: Vec<Rule<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rule<'a> {
    #[serde(borrow, rename = "from", alias = "to", deserialize_with = "nullable")]
    peers: Peers<'a>,
    /// Few rules look into the ports.
    #[serde(borrow)]
    ports: Option<&'a RawValue>,
}

/// The peers of a rule. Those that are only pods of the policy's own namespace are counted and not kept, because no rule
/// judges them.
#[derive(Debug, Default)]
struct Peers<'a> {
    count: usize,
    /// The other peers, each with its index.
    elsewhere: Vec<(usize, Peer<'a>)>,
}

/// The pods or addresses that a rule allows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Peer<'a> {
    #[serde(borrow)]
    pub pod_selector: Option<UnreadSelector<'a>>,
    /// `None` means the policy's own namespace.
    #[serde(borrow)]
    namespace_selector: Option<Selector<'a>>,
    /// The range of addresses. `except` is not read: the range is judged as a whole, because pod addresses can
    /// change.
    #[serde(borrow)]
    ip_block: Option<IpBlock<'a>>,
}

#[derive(Debug, Deserialize)]
struct IpBlock<'a> {
    #[serde(borrow)]
    cidr: JsonStr<'a>,
}

/// A port or a range of ports.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Port<'a> {
    #[serde(borrow)]
    protocol: Option<JsonStr<'a>>,
    #[serde(rename = "port")]
    first: Option<PortNumber>,
    #[serde(rename = "endPort")]
    last: Option<u16>,
}

/// A port number; `None` for a port name, because each pod defines its own number for the name.
#[derive(Debug)]
struct PortNumber(Option<u16>);

/// The direction of the traffic that a rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// A rule with its position in the policy.
#[derive(Clone, Copy, Debug)]
pub struct TrafficRule<'o, 'a> {
    pub direction: Direction,
    index: usize,
    pods: &'o Selector<'a>,
    peers: &'o Peers<'a>,
    ports: Option<&'a RawValue>,
}

impl<'a> NetworkPolicy<'a> {
    pub fn rules(&self) -> impl Iterator<Item = TrafficRule<'_, 'a>> {
        let lists = [(Direction::In, &self.ingress), (Direction::Out, &self.egress)];
        lists.into_iter().flat_map(|(direction, rules)| {
            let (rules, pods) = (rules.iter().enumerate(), &self.pod_selector);
            rules.map(move |(index, Rule { peers, ports })| TrafficRule {
                direction,
                index,
                pods,
                peers,
                ports: *ports,
            })
        })
    }
}

impl<'o, 'a> TrafficRule<'o, 'a> {
    pub fn path(&self) -> Path<'static> {
        let list = if self.direction == Direction::In { "ingress" } else { "egress" };
        Path::of(&["spec", list]).index(self.index)
    }

    /// Returns the name of the field that lists the peers.
    pub fn list(&self) -> &'static str {
        if self.direction == Direction::In { "from" } else { "to" }
    }

    /// True if the rule lists no peers.
    pub fn allows_all_peers(&self) -> bool {
        self.peers.count == 0
    }

    /// Returns the peers that are not only pods of the policy's own namespace.
    pub fn peers_elsewhere(self) -> impl Iterator<Item = Located<'static, &'o Peer<'a>>> {
        self.peers.elsewhere.iter().map(move |(index, value)| Located {
            value,
            path: self.path().fields(&[self.list()]).index(*index),
        })
    }

    /// True if the rule allows no other ports than these. Unreadable ports can be any.
    pub fn allows_only(&self, granted: &[baseline::Port]) -> bool {
        let ports = self.ports.and_then(|ports| serde_json::from_str::<Vec<Port<'_>>>(ports.get()).ok());
        let ports = ports.unwrap_or_default();
        let is_granted = |port: &Port<'_>| {
            let Some(PortNumber(Some(first))) = port.first else { return false };
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let last = port.last.unwrap_or(first);
            let is_open =
                |number| granted.iter().any(|known| known.protocol == protocol && known.number == number);
            first <= last && (first..=last).all(is_open)
        };
        !ports.is_empty() && ports.iter().all(is_granted)
    }

    /// True if every pod that the policy is for has all of `labels`.
    pub fn is_for(&self, labels: &BTreeMap<String, String>) -> bool {
        self.pods.requires_all(labels)
    }
}

impl Peer<'_> {
    fn is_in_own_namespace(&self) -> bool {
        self.pod_selector.is_some() && self.namespace_selector.is_none() && self.ip_block.is_none()
    }
}

impl<'o, 'a> Located<'static, &'o Peer<'a>> {
    /// Returns the range of addresses.
    pub fn cidr(&self) -> Option<Located<'static, &'o str>> {
        let block = self.value.ip_block.as_ref()?;
        Some(self.field("ipBlock", ()).field("cidr", &*block.cidr))
    }

    pub fn namespace_selector(&self) -> Option<Located<'static, &'o Selector<'a>>> {
        Some(self.field("namespaceSelector", self.value.namespace_selector.as_ref()?))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Peers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PeersVisitor;
        impl<'de> Visitor<'de> for PeersVisitor {
            type Value = Peers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of peers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut peers = Peers::default();
                while let Some(peer) = list.next_element::<Peer<'de>>()? {
                    if !peer.is_in_own_namespace() {
                        peers.elsewhere.push((peers.count, peer));
                    }
                    peers.count += 1;
                }
                Ok(peers)
            }
        }
        deserializer.deserialize_seq(PeersVisitor)
    }
}

impl<'de> Deserialize<'de> for PortNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortNumberVisitor;
        impl Visitor<'_> for PortNumberVisitor {
            type Value = PortNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                u16::try_from(number).map(|number| PortNumber(Some(number))).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(PortNumber(None))
            }
        }
        deserializer.deserialize_any(PortNumberVisitor)
    }
}
