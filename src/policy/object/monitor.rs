use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of a ServiceMonitor or a PodMonitor: the namespaces of its targets, and what can change their addresses.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitor<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    namespace_selector: NamespaceSelector<'a>,
    /// Those of a ServiceMonitor.
    #[serde(borrow, deserialize_with = "nullable")]
    endpoints: Vec<Endpoint<'a>>,
    /// Those of a PodMonitor.
    #[serde(borrow, deserialize_with = "nullable")]
    pod_metrics_endpoints: Vec<Endpoint<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NamespaceSelector<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    match_names: Vec<JsonStr<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint<'a> {
    #[serde(borrow)]
    oauth2: Option<OAuth2<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    relabelings: Vec<Relabeling<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OAuth2<'a> {
    #[serde(borrow)]
    token_url: Option<JsonStr<'a>>,
}

/// A step that changes the labels of a target before Prometheus calls it. Labels that begin with `__` are the parts of
/// its URL.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Relabeling<'a> {
    #[serde(borrow)]
    action: Option<JsonStr<'a>>,
    #[serde(borrow)]
    regex: Option<JsonStr<'a>>,
    #[serde(borrow)]
    replacement: Option<JsonStr<'a>>,
    #[serde(borrow)]
    target_label: Option<JsonStr<'a>>,
}

impl<'a> Monitor<'a> {
    /// Returns the namespaces of targets that the monitor names.
    pub fn namespaces(&self) -> impl Iterator<Item = Located<'static, &JsonStr<'a>>> {
        let path = Path::of(&["spec", "namespaceSelector", "matchNames"]);
        Located { value: self.namespace_selector.match_names.as_slice(), path }.elements()
    }

    pub fn relabelings(&self) -> impl Iterator<Item = Located<'static, &Relabeling<'a>>> {
        self.endpoints().flat_map(|endpoint| {
            endpoint.field("relabelings", endpoint.value.relabelings.as_slice()).elements()
        })
    }

    /// Returns the URLs from which Prometheus gets tokens.
    pub fn token_urls(&self) -> impl Iterator<Item = Located<'static, &str>> {
        self.endpoints().filter_map(|endpoint| {
            let url = endpoint.value.oauth2.as_ref()?.token_url.as_deref()?;
            Some(endpoint.field("oauth2", ()).field("tokenUrl", url))
        })
    }

    fn endpoints(&self) -> impl Iterator<Item = Located<'static, &Endpoint<'a>>> {
        let lists = [("endpoints", &self.endpoints), ("podMetricsEndpoints", &self.pod_metrics_endpoints)];
        lists.into_iter().flat_map(|(field, list)| {
            Located { value: list.as_slice(), path: Path::of(&["spec", field]) }.elements()
        })
    }
}

impl Relabeling<'_> {
    /// Returns the action, which Prometheus reads in any case.
    pub fn action(&self) -> &str {
        self.action.as_deref().unwrap_or("replace")
    }

    pub fn regex(&self) -> &str {
        self.regex.as_deref().unwrap_or("(.*)")
    }

    /// Older versions of the operator leave an empty replacement out.
    pub fn replacement(&self) -> &str {
        self.replacement.as_deref().filter(|text| !text.is_empty()).unwrap_or("$1")
    }

    pub fn target_label(&self) -> &str {
        self.target_label.as_deref().unwrap_or_default()
    }
}
