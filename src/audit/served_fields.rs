//! The fields that an API server serves, compared with the tables of fields.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::Value;

use crate::kinds::{Kind, Resource};
use crate::policy::fields::{Node, join, rows, table, tree};

/// A field that the cluster serves and no table lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnlistedField {
    pub kind: Kind,
    pub path: String,
}

/// The result of a comparison of a kind's table with schemas of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The fields of the schemas that no row covers.
    pub unlisted: BTreeSet<String>,
    /// The rows that are a field of a schema.
    served_rows: BTreeSet<String>,
}

impl Comparison {
    /// Compares the schema of `kind` in an OpenAPI v3 document, if it has one.
    pub fn add(&mut self, kind: Kind, document: &Value) {
        let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
        let is_of_kind = |schema: &&Value| {
            let names = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
            names.into_iter().flatten().any(|name| {
                name.get("group").and_then(Value::as_str) == Some(kind.group())
                    && name.get("kind").and_then(Value::as_str) == Some(kind.name())
            })
        };
        if let Some(schema) = schemas.and_then(|schemas| schemas.values().find(is_of_kind)) {
            self.compare(tree(kind), document, schema, String::new());
        }
    }

    /// Returns the rows of the kind's table that no schema has.
    pub fn unserved_rows(&self, kind: Kind) -> BTreeSet<String> {
        let rows = rows(table(kind), |_| false).into_iter().map(|row| row.path);
        rows.filter(|path| !self.served_rows.contains(path)).collect()
    }

    /// Ends where the tree ends, so that a schema may contain itself.
    fn compare(&mut self, node: &Node, document: &Value, schema: &Value, path: String) {
        if node.treatment.is_some() {
            self.served_rows.insert(path);
            return;
        }
        let schema = Fields::of(document, schema);
        for (name, inner) in &schema.named {
            let path = join(&path, name);
            match node.field(name) {
                Some(node) => self.compare(node, document, inner, path),
                None => drop(self.unlisted.insert(path)),
            }
        }
        for (elements, suffix) in [(schema.items, "[]"), (schema.values, "{}")] {
            let Some(inner) = elements else { continue };
            let path = format!("{path}{suffix}");
            match node.elements() {
                Some(node) => self.compare(node, document, inner, path),
                None => drop(self.unlisted.insert(path)),
            }
        }
        if schema.is_open || schema.is_scalar() {
            self.unlisted.insert(if schema.is_open { join(&path, "*") } else { path });
        }
    }
}

/// The fields of a schema and of the schemas that it refers to.
#[derive(Default)]
struct Fields<'d> {
    named: BTreeMap<&'d str, &'d Value>,
    /// The schema of each item of a list.
    items: Option<&'d Value>,
    /// The schema of each value of a map.
    values: Option<&'d Value>,
    /// True if an object may have further fields.
    is_open: bool,
}

impl<'d> Fields<'d> {
    fn of(document: &'d Value, schema: &'d Value) -> Self {
        let mut fields = Self::default();
        let (mut queue, mut seen) = (vec![schema], BTreeSet::new());
        while let Some(schema) = queue.pop() {
            if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
                && seen.insert(reference)
            {
                queue.extend(reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer)));
            }
            queue.extend(schema.get("allOf").and_then(Value::as_array).into_iter().flatten());
            let properties = schema.get("properties").and_then(Value::as_object);
            fields
                .named
                .extend(properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
            fields.items = schema.get("items").or(fields.items);
            let values = schema.get("additionalProperties").filter(|values| **values != Value::Bool(false));
            fields.values = values.or(fields.values);
            fields.is_open |=
                schema.get("x-kubernetes-preserve-unknown-fields").and_then(Value::as_bool) == Some(true);
        }
        fields
    }

    fn is_scalar(&self) -> bool {
        self.named.is_empty() && self.items.is_none() && self.values.is_none() && !self.is_open
    }
}

/// Returns the fields that the cluster serves and no table lists. Every authenticated user may read the schemas.
pub async fn unlisted_fields(client: &Client) -> Result<BTreeSet<UnlistedField>, kube::Error> {
    #[derive(Deserialize)]
    struct Index {
        paths: BTreeMap<String, Value>,
    }
    let index: Index =
        serde_json::from_str(&get(client, "/openapi/v3").await?).map_err(kube::Error::SerdeError)?;
    let mut found = BTreeSet::new();
    for path in index.paths.keys() {
        let kinds = kinds_in(path);
        if kinds.is_empty() {
            continue;
        }
        let document = get(client, &format!("/openapi/v3/{path}")).await?;
        let document: Value = serde_json::from_str(&document).map_err(kube::Error::SerdeError)?;
        for kind in kinds {
            let mut comparison = Comparison::default();
            comparison.add(kind, &document);
            found.extend(comparison.unlisted.into_iter().map(|path| UnlistedField { kind, path }));
        }
    }
    Ok(found)
}

/// Returns the judged kinds whose resources are in the document at `path`: `api/v1`, `apis/GROUP/VERSION`.
pub fn kinds_in(path: &str) -> BTreeSet<Kind> {
    let segments: Vec<&str> = path.split('/').collect();
    let group = match segments.as_slice() {
        ["api", _] => "",
        ["apis", group, _] => group,
        _ => return BTreeSet::new(),
    };
    Resource::all().filter(|resource| resource.group == group).map(|resource| resource.kind).collect()
}

async fn get(client: &Client, path: &str) -> Result<String, kube::Error> {
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A document with the schema of a NetworkPolicy: `spec` as given.
    fn document(spec: &Value) -> Value {
        json!({ "components": { "schemas": {
            "Policy": {
                "type": "object",
                "x-kubernetes-group-version-kind": [
                    { "group": "networking.k8s.io", "kind": "NetworkPolicy", "version": "v1" },
                ],
                "properties": {
                    "kind": { "type": "string" },
                    "spec": { "allOf": [{ "$ref": "#/components/schemas/Spec" }], "default": {} },
                },
            },
            "Spec": { "properties": spec },
            "Circle": { "$ref": "#/components/schemas/Circle" },
            "Peer": { "properties": {
                "ipBlock": { "properties": { "cidr": {}, "country": {} } },
                "namespaceSelector": { "properties": { "matchLabels": { "additionalProperties": {} } } },
                "peers": { "type": "array", "items": { "$ref": "#/components/schemas/Peer" } },
            } },
        } } })
    }

    fn unlisted(spec: &Value) -> Vec<String> {
        let mut comparison = Comparison::default();
        comparison.add(Kind::NetworkPolicy, &document(spec));
        comparison.unlisted.into_iter().collect()
    }

    #[test]
    fn fields_without_a_row_are_found_through_references() {
        let peers = json!({ "items": { "$ref": "#/components/schemas/Peer" } });
        let spec = json!({ "egress": { "items": { "properties": { "to": peers } } }, "mode": {}, "podSelector": {} });
        let found = unlisted(&spec);
        assert_eq!(found, ["spec.egress[].to[].ipBlock.country", "spec.egress[].to[].peers", "spec.mode"]);
    }

    #[test]
    fn fields_with_any_content_need_a_row_of_their_own() {
        let open = json!({ "x-kubernetes-preserve-unknown-fields": true });
        assert_eq!(unlisted(&json!({ "podSelector": open, "egress": open })), ["spec.egress.*"]);
        assert_eq!(unlisted(&json!({ "egress": { "additionalProperties": true } })), ["spec.egress{}"]);
        assert_eq!(unlisted(&json!({ "egress": { "type": "string" } })), ["spec.egress"]);
    }

    #[test]
    fn references_in_a_circle_end() {
        assert_eq!(
            unlisted(&json!({ "egress": { "$ref": "#/components/schemas/Circle" } })),
            ["spec.egress"]
        );
    }

    #[test]
    fn rows_without_a_field_are_found() {
        let mut comparison = Comparison::default();
        comparison.add(Kind::NetworkPolicy, &document(&json!({ "podSelector": {}, "policyTypes": {} })));
        let rows = comparison.unserved_rows(Kind::NetworkPolicy);
        assert!(rows.contains("spec.ingress[].from[].ipBlock.cidr"));
        assert!(!rows.contains("spec.podSelector"));
    }

    #[test]
    fn tokens_and_bindings_are_in_the_document_of_their_resource() {
        assert!(kinds_in("api/v1").contains(&Kind::TokenRequest));
        assert!(kinds_in("api/v1").contains(&Kind::Binding));
        assert!(kinds_in("apis/networking.istio.io/v1beta1").contains(&Kind::VirtualService));
        assert!(kinds_in("apis/networking.istio.io").is_empty());
        assert!(kinds_in(".well-known/openid-configuration").is_empty());
    }
}
