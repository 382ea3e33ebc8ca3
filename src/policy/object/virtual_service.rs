use serde::Deserialize;

use super::text::nullable;
use super::{JsonStr, Located, Path, StringMap};

/// Spec of an Istio VirtualService, limited to the fields that change request headers.
#[derive(Debug, Default, Deserialize)]
pub struct VirtualService<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    http: Vec<Http<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Http<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    headers: Headers<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    route: Vec<Route<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Route<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    headers: Headers<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Headers<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    request: HeaderOperations<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct HeaderOperations<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    set: StringMap<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    add: StringMap<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    remove: Vec<JsonStr<'a>>,
}

impl<'a> VirtualService<'a> {
    /// Returns the name of every request header that is set, added or removed.
    pub fn request_headers(&'a self) -> Vec<Located<'a, &'a str>> {
        let mut found = Vec::new();
        for (index, http) in self.http.iter().enumerate() {
            let path = Path::of(&["spec", "http"]).index(index);
            http.headers.collect_names(&path, &mut found);
            for (index, route) in http.route.iter().enumerate() {
                route.headers.collect_names(&path.clone().fields(&["route"]).index(index), &mut found);
            }
        }
        found
    }
}

impl<'a> Headers<'a> {
    fn collect_names(&'a self, owner: &Path<'a>, found: &mut Vec<Located<'a, &'a str>>) {
        let path = owner.clone().fields(&["headers", "request"]);
        for (operation, entries) in [("set", &self.request.set), ("add", &self.request.add)] {
            let located = |name: &'a JsonStr<'a>| Located {
                value: &**name,
                path: path.clone().fields(&[operation]).key(name),
            };
            found.extend(entries.iter().map(|(name, _)| located(name)));
        }
        let located = |(index, name): (usize, &'a JsonStr<'a>)| Located {
            value: &**name,
            path: path.clone().fields(&["remove"]).index(index),
        };
        found.extend(self.request.remove.iter().enumerate().map(located));
    }
}
