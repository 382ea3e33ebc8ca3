use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Metadata};

/// An Endpoints or an EndpointSlice, limited to its ports. Its addresses are claims.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Endpoints<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pub metadata: Metadata<'a>,
    /// The ports of an EndpointSlice.
    #[serde(borrow, deserialize_with = "nullable")]
    ports: Vec<EndpointPort<'a>>,
    /// The ports of an Endpoints, in groups.
    #[serde(borrow, deserialize_with = "nullable")]
    subsets: Vec<Subset<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subset<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    ports: Vec<EndpointPort<'a>>,
}

/// A port of endpoints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointPort<'a> {
    port: Option<u16>,
    #[serde(borrow)]
    protocol: Option<JsonStr<'a>>,
}

impl<'a> Endpoints<'a> {
    /// Returns the ports of all addresses.
    pub fn ports(&self) -> impl Iterator<Item = &EndpointPort<'a>> {
        self.ports.iter().chain(self.subsets.iter().flat_map(|subset| &subset.ports))
    }
}

impl EndpointPort<'_> {
    /// Returns the protocol and the number; `None` without a number, which means any port.
    pub fn protocol_and_number(&self) -> Option<(&str, u16)> {
        Some((self.protocol.as_deref().unwrap_or("TCP"), self.port?))
    }
}
