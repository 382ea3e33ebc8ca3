use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of an Istio VirtualService: the gateways of its routes for connections. The claims in it are read by its table
/// of fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct VirtualService<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    gateways: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    tls: Vec<ConnectionRoute<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    tcp: Vec<ConnectionRoute<'a>>,
}

/// A route for connections.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConnectionRoute<'a> {
    #[serde(borrow, rename = "match", deserialize_with = "nullable")]
    conditions: Vec<ConnectionMatch<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConnectionMatch<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    gateways: Vec<JsonStr<'a>>,
    /// The hosts that the caller names in its TLS handshake.
    #[serde(borrow, deserialize_with = "nullable")]
    sni_hosts: Vec<JsonStr<'a>>,
}

/// The name for the sidecars of the mesh, which an empty list of gateways means.
pub const MESH: &str = "mesh";

impl<'a> VirtualService<'a> {
    /// Returns the routes for connections to hosts of others: those without TLS, and those that match no name of the
    /// handshake, or one without a namespace. Istiod adds none there.
    pub fn routes_for_any_host(&self) -> impl Iterator<Item = Located<'static, &ConnectionRoute<'a>>> {
        let has_host = |condition: &ConnectionMatch<'_>| {
            !condition.sni_hosts.is_empty() && condition.sni_hosts.iter().all(|host| host.contains('.'))
        };
        let tls = Located { value: self.tls.as_slice(), path: Path::of(&["spec", "tls"]) };
        let tls = tls.elements().filter(move |route| {
            let conditions = &route.value.conditions;
            conditions.is_empty() || !conditions.iter().all(has_host)
        });
        let tcp = Located { value: self.tcp.as_slice(), path: Path::of(&["spec", "tcp"]) };
        tcp.elements().chain(tls)
    }

    /// Returns the gateways that follow a route.
    pub fn gateways<'o>(&'o self, route: &'o ConnectionRoute<'a>) -> impl Iterator<Item = &'o str> {
        let is_limited = |condition: &ConnectionMatch<'_>| !condition.gateways.is_empty();
        let is_open = route.conditions.is_empty() || !route.conditions.iter().all(is_limited);
        let gateways = self.gateways.iter().filter(move |_| is_open).map(|gateway| &**gateway);
        let is_default = is_open && self.gateways.is_empty();
        let limited = route.conditions.iter().flat_map(|condition| &condition.gateways);
        gateways.chain(is_default.then_some(MESH)).chain(limited.map(|gateway| &**gateway))
    }

    /// True if sidecars follow one of the routes for connections, with or without TLS.
    pub fn has_connections_of_sidecars(&self) -> bool {
        self.tcp.iter().chain(&self.tls).any(|route| self.gateways(route).any(|gateway| gateway == MESH))
    }
}
