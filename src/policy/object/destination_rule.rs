use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of an Istio DestinationRule: how proxies secure their connections, and the namespaces whose proxies obey it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationRule<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    export_to: Vec<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    traffic_policy: TrafficPolicy<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    subsets: Vec<Subset<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Subset<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    traffic_policy: TrafficPolicy<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrafficPolicy<'a> {
    #[serde(borrow)]
    tls: Option<ClientTls<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    port_level_settings: Vec<PortPolicy<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PortPolicy<'a> {
    #[serde(borrow)]
    tls: Option<ClientTls<'a>>,
}

/// The TLS settings of a connection.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTls<'a> {
    /// Without a mode, the connection has no TLS.
    #[serde(borrow)]
    mode: Option<JsonStr<'a>>,
    #[serde(borrow)]
    sni: Option<JsonStr<'a>>,
    insecure_skip_verify: Option<bool>,
}

impl<'a> DestinationRule<'a> {
    /// Returns the namespaces whose proxies obey the rule. Without any, all do.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = &str> {
        self.export_to.iter().map(|namespace| &**namespace)
    }

    /// Returns the TLS settings of the host, of its ports, of its subsets, and of their ports.
    pub fn client_tls(&self) -> impl Iterator<Item = Located<'static, &ClientTls<'a>>> {
        let subsets = Located { value: self.subsets.as_slice(), path: Path::of(&["spec", "subsets"]) };
        let of_subsets =
            subsets.elements().map(|subset| subset.field("trafficPolicy", &subset.value.traffic_policy));
        let whole = Located { value: &self.traffic_policy, path: Path::of(&["spec", "trafficPolicy"]) };
        std::iter::once(whole).chain(of_subsets).flat_map(|policy| {
            let ports = policy.field("portLevelSettings", policy.value.port_level_settings.as_slice());
            let of_ports =
                ports.elements().filter_map(|port| Some(port.field("tls", port.value.tls.as_ref()?)));
            let whole = policy.value.tls.as_ref().map(|tls| policy.field("tls", tls));
            whole.into_iter().chain(of_ports)
        })
    }
}

impl<'o> Located<'static, &'o ClientTls<'_>> {
    pub fn mode(&self) -> Option<Located<'static, &'o str>> {
        Some(self.field("mode", self.value.mode.as_deref()?))
    }

    pub fn sni(&self) -> Option<Located<'static, &'o str>> {
        Some(self.field("sni", self.value.sni.as_deref()?))
    }

    pub fn insecure_skip_verify(&self) -> Option<Located<'static, bool>> {
        Some(self.field("insecureSkipVerify", self.value.insecure_skip_verify?))
    }
}
