use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, Located, Path};

/// Spec of a route of the Gateway API: its parents, and the objects that it sends calls to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Route<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    parent_refs: Vec<Reference<'a>>,
    #[serde(deserialize_with = "nullable")]
    hostnames: Vec<IgnoredAny>,
    #[serde(borrow, deserialize_with = "nullable")]
    rules: Vec<RouteRule<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RouteRule<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    backend_refs: Vec<Reference<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    filters: Vec<Filter<'a>>,
}

/// A reference to an object. The defaults of its group and kind depend on the field.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference<'a> {
    #[serde(borrow)]
    group: Option<JsonStr<'a>>,
    #[serde(borrow)]
    kind: Option<JsonStr<'a>>,
    #[serde(borrow)]
    namespace: Option<JsonStr<'a>>,
    #[serde(borrow)]
    name: Option<JsonStr<'a>>,
    /// Filters for the calls that a rule sends to this object.
    #[serde(borrow, deserialize_with = "nullable")]
    filters: Vec<Filter<'a>>,
}

/// A filter, limited to the objects that it calls.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter<'a> {
    #[serde(borrow)]
    request_mirror: Option<Call<'a>>,
    #[serde(borrow)]
    external_auth: Option<Call<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Call<'a> {
    #[serde(borrow)]
    backend_ref: Option<Reference<'a>>,
}

impl<'a> Route<'a> {
    /// Returns the Gateways and Services whose calls the route is for.
    pub fn parents(&self) -> impl Iterator<Item = Located<'static, &Reference<'a>>> {
        Located { value: self.parent_refs.as_slice(), path: Path::of(&["spec", "parentRefs"]) }.elements()
    }

    /// True if the route names the hosts that it is for.
    pub fn has_hostnames(&self) -> bool {
        !self.hostnames.is_empty()
    }

    /// Returns the objects to which calls or their copies are sent.
    pub fn backends(&self) -> impl Iterator<Item = Located<'static, &Reference<'a>>> {
        let rules = Located { value: self.rules.as_slice(), path: Path::of(&["spec", "rules"]) };
        rules.elements().flat_map(|rule| {
            let of_rule = called(rule.field("filters", rule.value.filters.as_slice()));
            let backends = rule.field("backendRefs", rule.value.backend_refs.as_slice()).elements();
            let backends = backends.flat_map(|backend| {
                let filters = backend.field("filters", backend.value.filters.as_slice());
                std::iter::once(backend).chain(called(filters))
            });
            backends.chain(of_rule)
        })
    }
}

/// Returns the objects that filters call.
fn called<'o, 'a>(
    filters: Located<'static, &'o [Filter<'a>]>,
) -> impl Iterator<Item = Located<'static, &'o Reference<'a>>> {
    filters.elements().flat_map(|filter| {
        let calls = [
            ("requestMirror", filter.value.request_mirror.as_ref()),
            ("externalAuth", filter.value.external_auth.as_ref()),
        ];
        calls.into_iter().filter_map(move |(field, call)| {
            let reference = call?.backend_ref.as_ref()?;
            Some(filter.field(field, ()).field("backendRef", reference))
        })
    })
}

impl Reference<'_> {
    /// Returns the group and the kind; `default` replaces those that are left out.
    pub fn kind_or<'s>(&'s self, default: (&'s str, &'s str)) -> (&'s str, &'s str) {
        (self.group.as_deref().unwrap_or(default.0), self.kind.as_deref().unwrap_or(default.1))
    }

    /// Returns the namespace; `None` is the route's own.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}
