use serde_json::Value;

use super::{Request, RuleReport};

/// The check of a rule: what it is given of the request.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// An object with the name of a baseline object.
    Baseline(fn(&Request<'_>, &Value, &mut RuleReport)),
    /// Any object.
    Object(fn(&Request<'_>, &mut RuleReport)),
}

impl Check {
    pub(in crate::policy) fn run(self, request: &Request<'_>, report: &mut RuleReport) {
        match self {
            Self::Baseline(check) => {
                if let Some(object) = request.object.baseline() {
                    check(request, object, report);
                }
            }
            Self::Object(check) => check(request, report),
        }
    }
}
