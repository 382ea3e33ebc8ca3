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
    /// True if the relabeling can write a label whose name begins with `start`, which begins with `_`.
    ///
    /// The keys that a `labelmap` copies begin with a letter or a digit only if no relabeling of the monitor writes
    /// `__meta_` labels.
    pub fn can_write(&self, start: &str) -> bool {
        if self.is("labelmap") {
            let replacement = self.replacement();
            return can_begin(replacement, start) && !(is_capture(replacement) && self.captures_key());
        }
        let writes_none = ["keep", "drop", "keepequal", "dropequal", "labeldrop", "labelkeep"];
        let target = self.target_label.as_deref().unwrap_or_default();
        can_begin(target, start) && !writes_none.iter().any(|action| self.is(action))
    }

    /// True if the relabeling writes nothing but `http` or `https` into one label.
    pub fn writes_http_scheme(&self) -> bool {
        let has_one_target = self.target_label.as_deref().is_some_and(|target| !target.contains('$'));
        let captures_scheme = || {
            matches!(self.regex.as_deref(), Some("(https?)" | "(http|https)"))
                && is_capture(self.replacement())
        };
        self.is("replace")
            && has_one_target
            && (matches!(self.replacement(), "http" | "https") || captures_scheme())
    }

    fn is(&self, action: &str) -> bool {
        self.action.as_deref().unwrap_or("replace").eq_ignore_ascii_case(action)
    }

    /// Older versions of the operator leave an empty replacement out.
    fn replacement(&self) -> &str {
        self.replacement.as_deref().filter(|text| !text.is_empty()).unwrap_or("$1")
    }

    /// True if the only group of the expression is the key of a label or an annotation of Kubernetes, which begins with a
    /// letter or a digit: `__meta_kubernetes_pod_label_(.+)`.
    fn captures_key(&self) -> bool {
        let regex = self.regex.as_deref().unwrap_or_default();
        let Some((prefix, group)) = regex.strip_suffix(')').and_then(|regex| regex.split_once('(')) else {
            return false;
        };
        let is_literal = prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_before_key = prefix.ends_with("_label_") || prefix.ends_with("_annotation_");
        let has_one_group = !group.contains(['(', ')']) && !group.starts_with('?') && !group.ends_with('\\');
        prefix.starts_with("__meta_kubernetes_") && is_literal && is_before_key && has_one_group
    }
}

/// True if a name with references to groups, such as `label_$1`, can begin with `start`.
fn can_begin(template: &str, start: &str) -> bool {
    template.starts_with(start)
        || template.split_once('$').is_some_and(|(literal, _)| start.starts_with(literal))
}

fn is_capture(replacement: &str) -> bool {
    matches!(replacement, "$1" | "${1}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use serde_json::json;

    use super::Relabeling;

    fn can_write_address(relabeling: &serde_json::Value) -> bool {
        let text = relabeling.to_string();
        serde_json::from_str::<Relabeling<'_>>(&text).unwrap().can_write("__address__")
    }

    #[test]
    fn names_that_can_be_an_address_are_found() {
        for relabeling in [
            json!({ "targetLabel": "__address__" }),
            json!({ "action": "Replace", "targetLabel": "__address__", "replacement": "10.0.0.1" }),
            json!({ "action": "lowercase", "targetLabel": "__address__" }),
            json!({ "action": "HashMod", "targetLabel": "__address__" }),
            json!({ "targetLabel": "$1" }),
            json!({ "targetLabel": "__add$1" }),
            json!({ "targetLabel": "${1}_address__" }),
            json!({ "targetLabel": "__address__$1" }),
            json!({ "action": "LabelMap", "replacement": "__address__" }),
            json!({ "action": "labelmap", "replacement": "__addr${1}", "regex": "__meta_kubernetes_pod_label_(.+)" }),
            json!({ "action": "labelmap", "replacement": "$1$2", "regex": "__meta_kubernetes_pod_label_(.+)" }),
            json!({ "action": "labelmap" }),
            json!({ "action": "labelmap", "replacement": "", "regex": "x(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_a(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_.(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_.+_label_(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(x|__address__)*" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_((x)(.+))" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(?:x)(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(?x)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(x\\)" }),
            json!({ "action": "labelmap", "regex": "a|__meta_kubernetes_pod_label_(.+)" }),
        ] {
            assert!(can_write_address(&relabeling), "{relabeling}");
        }
    }

    #[test]
    fn names_that_cannot_be_an_address_are_admitted() {
        for relabeling in [
            json!({}),
            json!({ "targetLabel": "address" }),
            json!({ "targetLabel": "__metrics_path__", "replacement": "$1" }),
            json!({ "targetLabel": "label_$1" }),
            json!({ "targetLabel": "__param_$1" }),
            json!({ "action": "keep", "targetLabel": "__address__" }),
            json!({ "action": "LabelDrop", "regex": "__address__" }),
            json!({ "action": "KeepEqual", "targetLabel": "__address__" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)" }),
            json!({ "action": "labelmap", "regex": "__meta_kubernetes_pod_label_(app|team.*)" }),
            json!({ "action": "LabelMap", "regex": "__meta_kubernetes_service_annotation_(.*)", "replacement": "${1}" }),
            json!({ "action": "labelmap", "regex": ".*_param_(.+)", "replacement": "__param_$1" }),
            json!({ "action": "labelmap", "regex": "(.+)", "replacement": "pod_$1" }),
        ] {
            assert!(!can_write_address(&relabeling), "{relabeling}");
        }
    }
}
