use std::collections::BTreeMap;

use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path, WorkloadSelector};

/// Spec of an Istio PeerAuthentication: its selector and the mTLS modes required of callers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerAuthentication<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pub selector: WorkloadSelector<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    mtls: Mtls<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    port_level_mtls: BTreeMap<JsonStr<'a>, Option<Mtls<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mtls<'a> {
    #[serde(borrow)]
    mode: Option<JsonStr<'a>>,
}

impl<'a> PeerAuthentication<'a> {
    /// Returns the mode for ports without a mode of their own; `None` if it is inherited.
    pub fn mode(&self) -> Option<Located<'static, &str>> {
        Some(Located { value: self.mtls.mode()?, path: Self::mtls_path().fields(&["mode"]) })
    }

    pub fn mtls_path() -> Path<'static> {
        Path::of(&["spec", "mtls"])
    }

    /// Returns each port-level mode, with the port as it is written in the object.
    pub fn ports(&'a self) -> impl Iterator<Item = (&'a str, Located<'a, &'a str>)> {
        self.port_level_mtls.iter().filter_map(|(port, mtls)| {
            let path = Path::of(&["spec", "portLevelMtls"]).key(port).fields(&["mode"]);
            Some((&**port, Located { value: mtls.as_ref()?.mode()?, path }))
        })
    }
}

impl Mtls<'_> {
    fn mode(&self) -> Option<&str> {
        self.mode.as_deref().filter(|mode| *mode != "UNSET")
    }
}
