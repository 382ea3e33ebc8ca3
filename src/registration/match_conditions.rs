//! Match conditions: CEL expressions that select the writes which the API server sends to the webhook
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions>).
//!
//! While Bulkhead is down, the API server refuses every write that matches. So the conditions decide if that is a
//! nuisance or an outage.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::MatchCondition;

use crate::baseline::{self, NAME_PREFIX};
use crate::keys::TENANT_LABEL;
use crate::kinds::{Kind, Resource, WebhookEntry};
use crate::policy::proxy::INJECTED_CONTAINERS;
use crate::policy::rules::SERVICE_ACCOUNT_TOKEN;
use crate::policy::{NamespaceClass, RULES, Rule};
use crate::settings::Settings;
use crate::snapshot::{
    BASELINE_READY, CONTROLLER_MANAGER, NAMESPACE_CONTROLLER, QUOTA_CONTROLLER, kube_controller_accounts,
};

/// Returns the conditions of a validating entry. The API server sends a write only if all of them are true.
pub(super) fn for_validating(entry: WebhookEntry, settings: &Settings) -> Vec<MatchCondition> {
    let mut conditions = vec![not_api_server()];
    match entry {
        WebhookEntry::Namespaces => conditions.push(touches_protected_fields(settings)),
        WebhookEntry::Cluster => conditions.push(condition(
            "touches-judged-fields",
            &format!(
                "request.operation != 'UPDATE' || object.?spec != oldObject.?spec \
                 || object.?status != oldObject.?status || {ATTACHMENTS_DIFFER}"
            ),
        )),
        WebhookEntry::Policies => conditions.extend([
            baseline_or_judged_policy(),
            not_namespace_deletion(),
            // The quota controller updates the counts with every pod.
            condition(
                "not-quota-status",
                &format!(
                    "!(request.?subResource.orValue('') == 'status' \
                     && request.userInfo.username in ['{QUOTA_CONTROLLER}', '{CONTROLLER_MANAGER}'])"
                ),
            ),
        ]),
        WebhookEntry::Identities => {
            let not_node_token_request = condition("not-node-token-request", &format!("!{IS_NODE}"));
            conditions.extend([only_token_secrets(), not_node_token_request, not_namespace_deletion()]);
        }
        WebhookEntry::Shared => {
            conditions.extend([only_token_secrets(), not_controller_or_node()]);
            conditions.extend(settings.mesh_wide.map(|_| mesh_root_managed_only(settings)));
        }
        WebhookEntry::Workloads => conditions.extend([
            // Commands in other containers do not involve the webhook.
            condition(
                "connects-to-proxy",
                &format!(
                    "request.operation != 'CONNECT' || request.?subResource.orValue('') == 'proxy' \
                     || object.?container.orValue('') in [{}]",
                    INJECTED_CONTAINERS.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
                ),
            ),
            condition(
                "not-scheduler-binding",
                "!(request.?subResource.orValue('') == 'binding' \
                 && request.userInfo.username == 'system:kube-scheduler')",
            ),
            // In the kinds that create pods only the template is judged. Scaling, pausing or finishing such an object
            // does not involve the webhook.
            condition(
                "touches-pod-or-template",
                "request.operation != 'UPDATE' || (request.resource.resource == 'pods' \
                 ? object.?spec != oldObject.?spec || object.metadata.?labels != oldObject.metadata.?labels \
                 || object.metadata.?annotations != oldObject.metadata.?annotations \
                 || object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences \
                 : object.?spec.?template != oldObject.?spec.?template \
                 || object.?spec.?jobTemplate != oldObject.?spec.?jobTemplate)",
            ),
        ]),
    }
    conditions
}

/// Returns the conditions of the mutating entry.
pub(super) fn for_mutating() -> Vec<MatchCondition> {
    vec![not_api_server(), touches_labels()]
}

/// Leaves out the writes that the API server makes for itself while it starts, before any webhook can answer.
/// Otherwise a missing bootstrap role would prevent the start.
fn not_api_server() -> MatchCondition {
    condition("not-api-server", "request.userInfo.username != 'system:apiserver'")
}

/// Leaves out updates of a namespace that change nothing that a rule reads. Outside tenants' namespaces the rules
/// read little.
///
/// Compares whole maps and lists, and walks none: the API server's cost of a condition is the user's to choose if it
/// grows with their entries, and above a limit it refuses the write to everyone.
fn touches_protected_fields(settings: &Settings) -> MatchCondition {
    let watched_labels: BTreeSet<&str> = RULES.iter().flat_map(Rule::watched_labels).copied().collect();
    let watched_labels: Vec<String> = watched_labels.iter().map(|key| format!("'{key}'")).collect();
    let shared_namespaces: Vec<String> =
        settings.shared_namespaces.iter().map(|name| format!("'{name}'")).collect();
    condition(
        "touches-protected-fields",
        &format!(
            "request.operation != 'UPDATE' \
             || [{watched_labels}].exists(key, object.metadata.?labels[?key] != oldObject.metadata.?labels[?key]) \
             || {ready_conditions_differ} \
             || (('{TENANT_LABEL}' in oldObject.metadata.?labels.orValue({{}}) || oldObject.metadata.name in [{shared_namespaces}]) && (\
             object.metadata.?labels != oldObject.metadata.?labels \
             || object.metadata.?annotations != oldObject.metadata.?annotations || {ATTACHMENTS_DIFFER} \
             || (object.?spec != oldObject.?spec && !(request.userInfo.username in \
             ['{NAMESPACE_CONTROLLER}', '{CONTROLLER_MANAGER}']))))",
            watched_labels = watched_labels.join(", "),
            ready_conditions_differ = ready_conditions_differ(),
            shared_namespaces = shared_namespaces.join(", "),
        ),
    )
}

/// Leaves out the updates after which no label of a tenant's namespace can be missing.
fn touches_labels() -> MatchCondition {
    condition(
        "touches-labels",
        &format!(
            "request.operation != 'UPDATE' || ('{TENANT_LABEL}' in oldObject.metadata.?labels.orValue({{}}) \
             && object.metadata.?labels != oldObject.metadata.?labels)"
        ),
    )
}

/// Returns CEL that is true if the conditions that the baseline is ready differ, or could: the namespace controller
/// writes other conditions in every namespace that ends, and must not depend on Bulkhead.
fn ready_conditions_differ() -> String {
    let conditions = |object: &str| format!("{object}.?status.?conditions.orValue([])");
    let (new, old) = (conditions("object"), conditions("oldObject"));
    let ready = format!(".filter(condition, condition.type == '{BASELINE_READY}')");
    format!(
        "({new} != {old} && (size({new}) + size({old}) > {MAX_CONDITIONS} || {new}{ready} != {old}{ready}))"
    )
}

/// CEL that is true if the owner references or the finalizers differ. Nobody can add finalizers to an object that is
/// being deleted, so that the controllers that remove them do not depend on Bulkhead.
const ATTACHMENTS_DIFFER: &str = "object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences \
     || (object.metadata.?finalizers != oldObject.metadata.?finalizers && !has(oldObject.metadata.deletionTimestamp))";

/// Keeps objects with a baseline name, and objects that are judged under any name. Of the latter, keeps only creates
/// and updates that change judged fields, and no deletes.
fn baseline_or_judged_policy() -> MatchCondition {
    let names: BTreeSet<&str> = baseline::namespace_object_names().collect();
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let is_judged = |kind: Kind| {
        let mut rules =
            RULES.iter().filter(|rule| rule.scopes().contains(&NamespaceClass::Tenant) && rule.judges(kind));
        rules.any(|rule| !rule.judges_baseline_objects_only())
    };
    let judged = Resource::all()
        .filter(|resource| resource.kind.entry() == Some(WebhookEntry::Policies) && is_judged(resource.kind));
    let judged: Vec<String> = judged.map(|resource| format!("'{}'", resource.plural)).collect();
    condition(
        "baseline-or-judged-policy",
        &format!(
            "{OBJECT_NAME}.startsWith('{NAME_PREFIX}') || {OBJECT_NAME} in [{}] \
             || (request.resource.resource in [{}] && (request.operation == 'CREATE' \
             || (request.operation == 'UPDATE' && (object.?spec != oldObject.?spec \
             || object.metadata.?labels != oldObject.metadata.?labels \
             || object.metadata.?annotations != oldObject.metadata.?annotations))))",
            names.join(", "),
            judged.join(", "),
        ),
    )
}

/// In the mesh's root namespace, keeps only objects with a baseline name. All other writes there do not depend on
/// Bulkhead.
fn mesh_root_managed_only(settings: &Settings) -> MatchCondition {
    let policies = Kind::all_managed().filter(|kind| kind.entry() == Some(WebhookEntry::Policies));
    let resources: Vec<String> = policies.map(|kind| format!("'{}'", kind.plural())).collect();
    let names: Vec<String> =
        baseline::cluster_object_names().iter().map(|name| format!("'{name}'")).collect();
    condition(
        "mesh-root-managed-only",
        &format!(
            "request.namespace != '{}' || (request.resource.resource in [{}] \
             && ({OBJECT_NAME}.startsWith('{NAME_PREFIX}') || {OBJECT_NAME} in [{}]))",
            settings.mesh_root,
            resources.join(", "),
            names.join(", ")
        ),
    )
}

/// The number of conditions up to which a match condition looks at each. Namespaces have at most six of Kubernetes' own.
const MAX_CONDITIONS: usize = 32;

/// CEL for the name of the written object. The request itself has no name for the deletes of a collection.
const OBJECT_NAME: &str = "(request.operation == 'DELETE' ? oldObject : object).metadata.?name.orValue('')";

/// Leaves out all other Secrets, so that they do not leave the API server.
fn only_token_secrets() -> MatchCondition {
    condition(
        "only-token-secrets",
        &format!(
            "request.resource.resource != 'secrets' || object.?type.orValue('') == '{SERVICE_ACCOUNT_TOKEN}'"
        ),
    )
}

/// Leaves out deletes by the namespace controller, so that a terminating namespace empties even during an outage.
fn not_namespace_deletion() -> MatchCondition {
    condition(
        "not-namespace-deletion",
        &format!("!(request.operation == 'DELETE' && request.userInfo.username == '{NAMESPACE_CONTROLLER}')"),
    )
}

/// CEL that is true for a node. It requires both the name and the group, because other users can have either one.
const IS_NODE: &str =
    "(request.userInfo.username.startsWith('system:node:') && 'system:nodes' in request.userInfo.groups)";

/// Leaves out writes of controllers and nodes that follow from an object of the platform, because shared services
/// must restart without Bulkhead.
fn not_controller_or_node() -> MatchCondition {
    let accounts = kube_controller_accounts().chain([CONTROLLER_MANAGER, NAMESPACE_CONTROLLER]);
    let accounts: Vec<String> = accounts.map(|account| format!("'{account}'")).collect();
    let accounts = accounts.join(", ");
    condition("not-controller-or-node", &format!("!(request.userInfo.username in [{accounts}] || {IS_NODE})"))
}

fn condition(name: &str, expression: &str) -> MatchCondition {
    MatchCondition { name: name.to_owned(), expression: expression.to_owned() }
}
