//! Match conditions: what the API server need not ask about. They decide whether a Bulkhead that is down
//! is a nuisance or an outage.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::MatchCondition;

use crate::policy::RULES;
use crate::policy::kind::Entry;

/// The conditions of a validating entry; all must hold for a write to be sent.
pub(super) fn of(entry: Entry) -> Vec<MatchCondition> {
    let mut conditions = vec![not_the_api_server()];
    match entry {
        Entry::Namespaces => conditions.extend([namespace_controller_changes_something(), touches_a_guarded_label()]),
        Entry::Workloads => conditions.extend([
            condition(
                "not-a-kubelet-status",
                "!(request.?subResource.orValue('') == 'status' && 'system:nodes' in request.userInfo.groups)",
            ),
            condition(
                "not-the-scheduler-binding",
                "!(request.?subResource.orValue('') == 'binding' \
                 && request.userInfo.username == 'system:kube-scheduler')",
            ),
            condition(
                "changes-something-judged",
                &format!("request.operation != 'UPDATE' || object.?spec != oldObject.?spec || {METADATA_DIFFERS}"),
            ),
        ]),
    }
    conditions
}

/// The conditions of the mutating entry: a label is only ever missing where none is, or where one was.
pub(super) fn of_labels() -> Vec<MatchCondition> {
    vec![not_the_api_server(), namespace_controller_changes_something(), touches_a_guarded_label()]
}

/// The API server writes for itself while it starts, before any webhook can answer: a bootstrap role that
/// is missing would otherwise keep it from starting.
fn not_the_api_server() -> MatchCondition {
    condition("not-the-api-server", "request.userInfo.username != 'system:apiserver'")
}

/// A namespace that is being deleted must always end.
fn namespace_controller_changes_something() -> MatchCondition {
    condition(
        "not-the-end-of-a-namespace",
        &format!(
            "request.operation != 'UPDATE' || !(request.userInfo.username in \
             ['system:serviceaccount:kube-system:namespace-controller', 'system:kube-controller-manager']) \
             || {METADATA_DIFFERS}"
        ),
    )
}

/// An update in which neither state has a label that some rule reads changes nothing any rule could judge.
fn touches_a_guarded_label() -> MatchCondition {
    let guarded: BTreeSet<&str> = RULES.iter().flat_map(|rule| rule.guards).copied().collect();
    let keys: Vec<String> = guarded.iter().map(|key| format!("'{key}'")).collect();
    condition(
        "touches-a-guarded-label",
        &format!(
            "request.operation != 'UPDATE' || [{}].exists(key, key in object.metadata.?labels.orValue({{}}) \
             || key in oldObject.metadata.?labels.orValue({{}}))",
            keys.join(", ")
        ),
    )
}

const METADATA_DIFFERS: &str = "object.metadata.?labels != oldObject.metadata.?labels \
     || object.metadata.?annotations != oldObject.metadata.?annotations \
     || object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences";

fn condition(name: &str, expression: &str) -> MatchCondition {
    MatchCondition { name: name.to_owned(), expression: expression.to_owned() }
}
