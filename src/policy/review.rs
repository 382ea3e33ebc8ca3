use serde_json::value::RawValue;

use super::JudgeError;
use super::object::Stage;
use crate::snapshot::User;

/// A request to judge, from an API server or from a file in CI. The objects are raw JSON as received.
#[derive(Clone, Debug, Default)]
pub struct Review<'a> {
    pub operation: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    /// Empty for an object without a namespace.
    pub namespace: &'a str,
    pub user: User<'a>,
    /// The stage at which pods are judged: an API server asks about objects that it is about to store.
    pub stage: Stage,
    /// The time of the request, in seconds since 1970.
    pub time: i64,
    pub object: Option<&'a RawValue>,
    pub old_object: Option<&'a RawValue>,
}

impl Review<'_> {
    /// Returns the resource in RBAC notation: `deployments.apps/scale`.
    pub fn resource_name(&self) -> String {
        let mut name = self.resource.to_owned();
        for (mark, part) in [('.', self.group), ('/', self.subresource)] {
            if !part.is_empty() {
                name.push(mark);
                name.push_str(part);
            }
        }
        name
    }

    pub(super) fn unregistered(&self) -> JudgeError {
        JudgeError::Unregistered { operation: self.operation.to_owned(), resource: self.resource_name() }
    }
}
