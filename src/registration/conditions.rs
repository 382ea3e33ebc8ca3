//! Match conditions: what the API server need not ask about. They decide whether a Bulkhead that is down
//! is a nuisance or an outage.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::MatchCondition;

use crate::baseline::{self, MESH_LABELS};
use crate::policy::RULES;
use crate::policy::kind::Entry;
use crate::policy::rules::SERVICE_ACCOUNT_TOKEN;

/// The conditions of a validating entry; all must hold for a write to be sent.
pub(super) fn of(entry: Entry) -> Vec<MatchCondition> {
    let mut conditions = vec![not_the_api_server()];
    match entry {
        Entry::Namespaces => conditions.push(changes_a_guarded_label()),
        Entry::Policies => conditions.push(is_of_the_baseline()),
        Entry::Identities => conditions.extend([
            only_token_secrets(),
            condition("not-a-nodes-token", "!('system:nodes' in request.userInfo.groups)"),
        ]),
        Entry::Shared => conditions.extend([only_token_secrets(), not_a_controller()]),
        Entry::Workloads => conditions.extend([
            condition(
                "not-the-schedulers-binding",
                "!(request.?subResource.orValue('') == 'binding' \
                 && request.userInfo.username == 'system:kube-scheduler')",
            ),
            condition(
                "changes-something-judged",
                "request.operation != 'UPDATE' || object.?spec != oldObject.?spec \
                 || object.metadata.?labels != oldObject.metadata.?labels \
                 || object.metadata.?annotations != oldObject.metadata.?annotations \
                 || object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences",
            ),
        ]),
    }
    conditions
}

/// The conditions of the mutating entry.
pub(super) fn of_labels() -> Vec<MatchCondition> {
    vec![not_the_api_server(), changes_a_guarded_label()]
}

/// The API server writes for itself while it starts, before any webhook can answer: a bootstrap role that
/// is missing would otherwise keep it from starting.
fn not_the_api_server() -> MatchCondition {
    condition("not-the-api-server", "request.userInfo.username != 'system:apiserver'")
}

/// An update that leaves every label as it was that some rule reads, or that is put back when it is gone.
/// A namespace that is being deleted ends with updates of this kind, whoever's finalizer goes.
fn changes_a_guarded_label() -> MatchCondition {
    let guarded: BTreeSet<&str> =
        RULES.iter().flat_map(|rule| rule.guards).chain(MESH_LABELS).copied().collect();
    let keys: Vec<String> = guarded.iter().map(|key| format!("'{key}'")).collect();
    condition(
        "changes-a-guarded-label",
        &format!(
            "request.operation != 'UPDATE' || [{}].exists(key, \
             object.metadata.?labels[?key] != oldObject.metadata.?labels[?key])",
            keys.join(", ")
        ),
    )
}

/// An object under a name of the baseline; the name is not in the request of each deletion of a collection.
fn is_of_the_baseline() -> MatchCondition {
    let names: BTreeSet<&str> = baseline::names().collect();
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    condition(
        "is-of-the-baseline-or-a-route",
        &format!(
            "request.resource.resource == 'virtualservices' \
             || (request.operation == 'DELETE' ? oldObject : object).metadata.?name.orValue('') in [{}]",
            names.join(", ")
        ),
    )
}

/// No other secret leaves the API server.
fn only_token_secrets() -> MatchCondition {
    condition(
        "only-token-secrets",
        &format!(
            "request.resource.resource != 'secrets' || object.?type.orValue('') == '{SERVICE_ACCOUNT_TOKEN}'"
        ),
    )
}

/// What controllers and nodes make of what the platform wrote: shared services must restart by themselves.
fn not_a_controller() -> MatchCondition {
    condition(
        "not-a-controller",
        "!(request.userInfo.username.startsWith('system:serviceaccount:kube-system:') \
         || request.userInfo.username in ['system:kube-controller-manager', 'system:kube-scheduler'] \
         || 'system:nodes' in request.userInfo.groups)",
    )
}

fn condition(name: &str, expression: &str) -> MatchCondition {
    MatchCondition { name: name.to_owned(), expression: expression.to_owned() }
}
