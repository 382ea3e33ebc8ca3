use serde::Deserialize;

use super::text::nullable;
use super::{Entries, Text};
use crate::policy::path::{At, Path};

/// A VirtualService, as far as it changes what a request says.
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
    request: Changes<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Changes<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    set: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    add: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    remove: Vec<Text<'a>>,
}

impl<'a> VirtualService<'a> {
    /// The name of every header of a request that is set, added or removed.
    pub fn request_headers(&'a self) -> Vec<At<'a, &'a str>> {
        let mut found = Vec::new();
        for (index, http) in self.http.iter().enumerate() {
            let path = Path::of(&["spec", "http"]).index(index);
            http.headers.names(&path, &mut found);
            for (index, route) in http.route.iter().enumerate() {
                route.headers.names(&path.clone().fields(&["route"]).index(index), &mut found);
            }
        }
        found
    }
}

impl<'a> Headers<'a> {
    fn names(&'a self, owner: &Path<'a>, found: &mut Vec<At<'a, &'a str>>) {
        let path = owner.clone().fields(&["headers", "request"]);
        for (verb, entries) in [("set", &self.request.set), ("add", &self.request.add)] {
            let at = |name: &'a Text<'a>| At { value: &**name, path: path.clone().fields(&[verb]).key(name) };
            found.extend(entries.iter().map(|(name, _)| at(name)));
        }
        let at = |(index, name): (usize, &'a Text<'a>)| At {
            value: &**name,
            path: path.clone().fields(&["remove"]).index(index),
        };
        found.extend(self.request.remove.iter().enumerate().map(at));
    }
}
