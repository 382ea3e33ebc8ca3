use serde_json::value::RawValue;

use super::JudgeError;
use super::object::Stage;
use crate::snapshot::User;

/// A request to judge, whoever brings it: an API server, or a file in CI. The objects are as they came.
#[derive(Clone, Debug, Default)]
pub struct Review<'a> {
    pub operation: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    /// Empty for an object that is in no namespace.
    pub namespace: &'a str,
    pub user: User<'a>,
    /// How final a pod's text is: an API server asks about what it is about to store.
    pub stage: Stage,
    /// When it is asked, in seconds since 1970.
    pub time: i64,
    pub object: Option<&'a RawValue>,
    pub old_object: Option<&'a RawValue>,
}

impl Review<'_> {
    /// As RBAC writes it: `deployments.apps/scale`.
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
