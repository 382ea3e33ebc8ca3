//! Match conditions: CEL expressions that select the writes which the API server sends to the webhook
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions>).
//!
//! While Bulkhead is down, the API server refuses every write that matches. So the conditions decide if that is a
//! nuisance or an outage.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::MatchCondition;

use super::Service;
use super::places::Places;
use crate::baseline::{self, NAME_PREFIX};
use crate::keys::{SERVICE_ACCOUNT_ANNOTATION, TENANT_LABEL};
use crate::kinds::{Kind, MESH_GROUPS, Resource, WORKLOAD_ENTRIES, WebhookEntry};
use crate::policy::object::{KUBELET_SIGNERS, POD_ADDRESSES, SERVICE_ADDRESSES};
use crate::policy::proxy::INJECTED_CONTAINERS;
use crate::policy::rules::{MESH_CONFIG_MAPS, SERVICE_ACCOUNT_TOKEN};
use crate::policy::{NamespaceClass, RULES, Rule};
use crate::settings::{
    CONTROLLER_MANAGER, ENDPOINT_CONTROLLERS, KUBE_SYSTEM, NAMESPACE_CONTROLLER, PROBE_NAMESPACE,
    QUOTA_CONTROLLER, Settings, VOLUME_BINDER, kube_controller_accounts, kube_controllers,
};
use crate::snapshot::BASELINE_READY;

/// Returns the conditions of a validating entry. The API server sends a write only if all of them are true.
pub(super) fn for_validating(
    entry: WebhookEntry,
    service: &Service,
    places: Places<'_>,
) -> Vec<MatchCondition> {
    let settings = places.settings;
    let mut conditions = vec![not_api_server()];
    match entry {
        WebhookEntry::Namespaces => conditions.push(touches_protected_fields(places)),
        WebhookEntry::Cluster => conditions.extend([
            condition(
                "touches-judged-fields",
                &format!(
                    "request.operation != 'UPDATE' || object.?spec != oldObject.?spec \
                     || object.?status != oldObject.?status || {ATTACHMENTS_DIFFER} || {OWN_METADATA_DIFFERS}"
                ),
            ),
            // Nodes join and renew their certificates without the webhook.
            condition(
                "not-kubelet-certificate",
                &format!(
                    "request.resource.resource != 'certificatesigningrequests' \
                     || !(object.spec.signerName in [{}])",
                    quoted(KUBELET_SIGNERS)
                ),
            ),
        ]),
        WebhookEntry::Policies => conditions.extend([
            baseline_or_judged_policy(settings),
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
            conditions.extend([
                only_token_secrets(),
                only_foreign_trust_roots(settings),
                not_node_token_request,
                not_namespace_deletion(),
            ]);
        }
        WebhookEntry::Services => {
            conditions.extend([not_endpoint_controller(), touches_service_or_endpoints()]);
        }
        WebhookEntry::Shared => {
            conditions.extend([
                not_event_lease_or_review(),
                not_network_annotation(),
                condition(
                    "not-kubernetes-or-bulkhead",
                    &format!("!({} || {IS_NODE})", is_trusted_account(settings)),
                ),
                not_platform_or_own_account(places),
            ]);
        }
        WebhookEntry::Credentials => {
            conditions.extend([only_token_secrets(), not_controller_or_node(), trusted_account(places)]);
        }
        WebhookEntry::Unowned => conditions.extend([
            condition(
                "writes-routes",
                "request.operation == 'CREATE' \
                 || (request.operation == 'UPDATE' && object.?spec != oldObject.?spec)",
            ),
            condition("not-platform", &format!("!{}", is_platform(settings))),
        ]),
        WebhookEntry::Workloads => conditions.extend([
            // Commands in other containers do not involve the webhook. Without a name Kubernetes takes the only container.
            condition(
                "connects-to-proxy",
                &format!(
                    "request.operation != 'CONNECT' || request.?subResource.orValue('') == 'proxy' \
                     || object.?container.orValue('') in [{}]",
                    quoted(INJECTED_CONTAINERS.iter().copied().chain([""]))
                ),
            ),
            condition(
                "not-scheduler-binding",
                "!(request.?subResource.orValue('') == 'binding' \
                 && request.userInfo.username == 'system:kube-scheduler')",
            ),
            touches_pod_or_template(settings),
        ]),
        WebhookEntry::Settings => conditions.push(touches_settings(&service.settings_config_map)),
    }
    conditions
}

/// Leaves out all other ConfigMaps, and updates that leave the settings as they are: invalid settings that were written
/// in an outage must not keep finalizers on the object.
fn touches_settings(config_map: &str) -> MatchCondition {
    condition(
        "touches-settings",
        &format!(
            "{OBJECT_NAME} in [{}] && (request.operation != 'UPDATE' || object.?data != oldObject.?data)",
            quoted([config_map])
        ),
    )
}

/// Leaves out updates that change nothing that a rule reads. Of a pod's status only the addresses are judged, and those
/// that its kubelet writes are not. Kubernetes binds claims without the webhook. In the kinds that create pods only the
/// template is judged. Scaling, pausing or finishing such an object does not involve the webhook.
fn touches_pod_or_template(settings: &Settings) -> MatchCondition {
    let template_kinds = settings.template_kinds.iter().map(|kind| {
        let changes = kind.paths.iter().map(|path| {
            let list = path.split_once("[]").map_or(path.as_str(), |(list, _)| list);
            let fields = list.replace('.', "'][?'");
            format!("object[?'{fields}'] != oldObject[?'{fields}']")
        });
        format!(
            "request.resource.group == '{}' && request.resource.resource == '{}' ? {} : ",
            kind.group,
            kind.resource,
            changes.collect::<Vec<_>>().join(" || ")
        )
    });
    let addresses = status_differs(POD_ADDRESSES);
    condition(
        "touches-pod-or-template",
        &format!(
            "request.operation != 'UPDATE' || ({}request.resource.resource == 'pods' \
             ? object.?spec != oldObject.?spec || object.metadata.?labels != oldObject.metadata.?labels \
             || object.metadata.?annotations != oldObject.metadata.?annotations \
             || object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences \
             || (!{IS_NODE} && ({})) \
             : request.resource.resource == 'persistentvolumeclaims' \
             ? object.?spec.?volumeName != oldObject.?spec.?volumeName \
             && !(request.userInfo.username in ['{VOLUME_BINDER}', '{CONTROLLER_MANAGER}']) \
             : object.?template != oldObject.?template \
             || object.?spec.?template != oldObject.?spec.?template \
             || object.?spec.?jobTemplate != oldObject.?spec.?jobTemplate)",
            template_kinds.collect::<String>(),
            addresses
        ),
    )
}

/// CEL that is true if one of these fields of the status differs.
fn status_differs(fields: &[&str]) -> String {
    let differs = |field: &&str| format!("object.?status.?{field} != oldObject.?status.?{field}");
    fields.iter().map(differs).collect::<Vec<_>>().join(" || ")
}

/// Leaves out the endpoints that Kubernetes' controllers write for every change of a pod, and the addresses of load
/// balancers. A Service itself is judged for every user.
fn not_endpoint_controller() -> MatchCondition {
    condition(
        "not-endpoint-controller",
        &format!(
            "(request.resource.resource == 'services' && request.?subResource.orValue('') == '') \
             || !(request.userInfo.username in [{}])",
            quoted(ENDPOINT_CONTROLLERS)
        ),
    )
}

/// Leaves out updates that change nothing that a rule reads, such as those of leader elections, which annotate an
/// Endpoints.
fn touches_service_or_endpoints() -> MatchCondition {
    condition(
        "touches-service-or-endpoints",
        &format!(
            "request.operation != 'UPDATE' || object.metadata.?labels != oldObject.metadata.?labels \
             || (request.resource.resource == 'services' \
             ? object.?spec != oldObject.?spec || object.metadata.?annotations != oldObject.metadata.?annotations \
             || {} : object.?subsets != oldObject.?subsets || object.?endpoints != oldObject.?endpoints \
             || object.?ports != oldObject.?ports || object.?addressType != oldObject.?addressType)",
            status_differs(SERVICE_ADDRESSES)
        ),
    )
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

/// Leaves out updates of a namespace that change nothing that a rule reads. Outside tenants' and protected namespaces the
/// rules read little. Keeps deletions there alone, and leaves out those that no rule refuses because of the user.
///
/// Compares whole maps and lists, and walks none: the API server's cost of a condition is the user's to choose if it
/// grows with their entries, and above a limit it refuses the write to everyone.
fn touches_protected_fields(places: Places<'_>) -> MatchCondition {
    let watched_labels: BTreeSet<&str> = RULES.iter().flat_map(Rule::watched_labels).copied().collect();
    condition(
        "touches-protected-fields",
        &format!(
            "request.operation == 'CREATE' \
             || (request.operation == 'DELETE' && ({is_tenants} || {is_protected}) && !{is_trusted}) \
             || (request.operation == 'UPDATE' && ([{watched_labels}].exists(key, object.metadata.?labels[?key] != oldObject.metadata.?labels[?key]) \
             || {ready_conditions_differ} \
             || (({is_tenants} || ({is_protected} && !{is_trusted})) && (\
             object.metadata.?labels != oldObject.metadata.?labels \
             || object.metadata.?annotations != oldObject.metadata.?annotations || {ATTACHMENTS_DIFFER} \
             || (object.?spec != oldObject.?spec && !(request.userInfo.username in \
             ['{NAMESPACE_CONTROLLER}', '{CONTROLLER_MANAGER}']))))))",
            is_tenants = format_args!("'{TENANT_LABEL}' in oldObject.metadata.?labels.orValue({{}})"),
            is_protected = format_args!("oldObject.metadata.name in [{}]", quoted(places.protected())),
            is_trusted =
                format_args!("({} || {})", is_trusted_account(places.settings), is_platform(places.settings)),
            watched_labels = quoted(watched_labels),
            ready_conditions_differ = ready_conditions_differ(),
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

/// CEL that is true if the owner references or the finalizers differ. The API server refuses new finalizers on
/// an object that is being deleted, so that the controllers that remove them do not depend on Bulkhead.
const ATTACHMENTS_DIFFER: &str = "object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences \
     || (object.metadata.?finalizers != oldObject.metadata.?finalizers && !has(oldObject.metadata.deletionTimestamp))";

/// CEL that is true if other metadata differs: deployment tools act on labels and annotations, and a field that a second
/// manager has applied as well stays when the platform's tool leaves it out.
const OWN_METADATA_DIFFERS: &str = "(!has(oldObject.metadata.deletionTimestamp) \
     && (object.metadata.?labels != oldObject.metadata.?labels \
     || object.metadata.?annotations != oldObject.metadata.?annotations \
     || object.metadata.?managedFields != oldObject.metadata.?managedFields))";

/// Keeps objects with a baseline name, and objects that are judged under any name. Of the latter, keeps only creates
/// and updates that change judged fields, and no deletes.
fn baseline_or_judged_policy(settings: &Settings) -> MatchCondition {
    let names: BTreeSet<&str> = baseline::namespace_object_names().collect();
    let is_judged = |kind: Kind| {
        let mut rules =
            RULES.iter().filter(|rule| rule.scopes().contains(&NamespaceClass::Tenant) && rule.judges(kind));
        rules.any(|rule| !rule.judges_baseline_objects_only())
    };
    let judged = Resource::all()
        .filter(|resource| resource.kind.entry() == Some(WebhookEntry::Policies) && is_judged(resource.kind));
    let reserved: BTreeSet<String> =
        settings.reserved_kinds.iter().map(|kind| format!("{}/{}", kind.group, kind.resource)).collect();
    condition(
        "baseline-or-judged-policy",
        &format!(
            "request.resource.group + '/' + request.resource.resource in [{}] \
             ? !has(object.metadata.deletionTimestamp) \
             : {OBJECT_NAME}.startsWith('{NAME_PREFIX}') || {OBJECT_NAME} in [{}] \
             || (request.resource.resource in [{}] && (request.operation == 'CREATE' \
             || (request.operation == 'UPDATE' && (object.?spec != oldObject.?spec \
             || object.?subjects != oldObject.?subjects || object.metadata.?labels != oldObject.metadata.?labels \
             || object.metadata.?annotations != oldObject.metadata.?annotations))))",
            quoted(reserved.iter().map(String::as_str)),
            quoted(names),
            quoted(judged.map(|resource| resource.plural)),
        ),
    )
}

/// Leaves out writes that no rule judges, and that must go on: other accounts write them all the time.
fn not_event_lease_or_review() -> MatchCondition {
    let resources = [
        "/events",
        "events.k8s.io/events",
        "coordination.k8s.io/leases",
        "authorization.k8s.io/localsubjectaccessreviews",
    ];
    condition(
        "not-event-lease-or-review",
        &format!("!(request.resource.group + '/' + request.resource.resource in [{}])", quoted(resources)),
    )
}

/// Leaves out the annotations that network plugins write through the status of a pod.
fn not_network_annotation() -> MatchCondition {
    condition(
        "not-network-annotation",
        "!(request.operation == 'UPDATE' && request.resource.resource == 'pods' \
         && request.?subResource.orValue('') == 'status') || object.?status != oldObject.?status \
         || object.metadata.?labels != oldObject.metadata.?labels \
         || object.metadata.?finalizers != oldObject.metadata.?finalizers",
    )
}

/// Leaves out writes by the platform and by the service accounts of the namespace and of the mesh's root. Keeps objects
/// with a baseline name, and Istio's kinds from accounts of the mesh's root.
fn not_platform_or_own_account(places: Places<'_>) -> MatchCondition {
    let policies = Kind::all_managed().filter(|kind| kind.entry() == Some(WebhookEntry::Policies));
    condition(
        "not-platform-or-own-account",
        &format!(
            "!({is_platform} || (request.userInfo.username.startsWith('system:serviceaccount:{root}:') \
             ? !(request.resource.group in [{groups}] && request.resource.resource != '{WORKLOAD_ENTRIES}' \
             && request.?subResource.orValue('') == '') \
             : request.userInfo.username.startsWith('system:serviceaccount:' \
             + (request.namespace == '{PROBE_NAMESPACE}' ? '{own}' : request.namespace) + ':'))) \
             || (request.namespace in [{with_baseline}] && request.resource.resource in [{policies}] \
             && ({OBJECT_NAME}.startsWith('{NAME_PREFIX}') \
             || (request.namespace == '{root}' && {OBJECT_NAME} in [{names}])))",
            is_platform = is_platform(places.settings),
            root = places.settings.mesh_root,
            own = places.settings.controller_namespace().unwrap_or_default(),
            groups = quoted(MESH_GROUPS),
            with_baseline = quoted(places.with_baseline()),
            policies = quoted(policies.map(Kind::plural)),
            names = quoted(baseline::cluster_object_names()),
        ),
    )
}

/// Keeps only tokens and pods of accounts that rules trust by name, unless the platform writes them. All other writes in
/// these namespaces do not depend on Bulkhead.
fn trusted_account(places: Places<'_>) -> MatchCondition {
    let trusted = places.trusted_accounts().into_iter();
    let trusted: BTreeSet<String> =
        trusted.map(|(namespace, account)| format!("{namespace}/{account}")).collect();
    condition(
        "trusted-account",
        &format!(
            "!{is_platform} && {CHANGES_PODS} \
             && (request.namespace in [{namespaces}] || request.namespace + '/' + {account} in [{accounts}])",
            is_platform = is_platform(places.settings),
            account = account(),
            namespaces = quoted(places.settings.fully_trusted_namespaces()),
            accounts = quoted(trusted.iter().map(String::as_str)),
        ),
    )
}

/// CEL that leaves out updates that change neither the containers of a pod nor a template, such as those of network
/// plugins and autoscalers.
const CHANGES_PODS: &str = "(request.operation != 'UPDATE' || request.resource.resource == 'secrets' \
    || (request.?subResource.orValue('') in ['', 'ephemeralcontainers'] && (request.resource.resource == 'pods' \
    ? object.?spec != oldObject.?spec : object.?template != oldObject.?template \
    || object.?spec.?template != oldObject.?spec.?template || object.?spec.?jobTemplate != oldObject.?spec.?jobTemplate)))";

/// CEL that is true for the platform's accounts.
fn is_platform(settings: &Settings) -> String {
    let list = |names: &BTreeSet<String>| quoted(names.iter().map(String::as_str));
    format!(
        "(request.userInfo.username in [{}] || request.userInfo.?groups.orValue([]).exists(group, group in [{}]))",
        list(&settings.platform_users),
        list(&settings.platform_groups),
    )
}

/// CEL for the service account of a token request, a Secret, a pod or a template.
fn account() -> String {
    format!(
        "(request.resource.resource == 'serviceaccounts' ? request.?name.orValue('') \
    : request.resource.resource == 'secrets' \
    ? object.metadata.?annotations[?'{SERVICE_ACCOUNT_ANNOTATION}'].orValue('') \
    : request.resource.resource == 'pods' ? object.?spec.?serviceAccountName.orValue('') \
    : request.resource.resource == 'cronjobs' \
    ? object.?spec.?jobTemplate.?spec.?template.?spec.?serviceAccountName.orValue('') \
    : request.resource.resource == 'podtemplates' ? object.?template.?spec.?serviceAccountName.orValue('') \
    : object.?spec.?template.?spec.?serviceAccountName.orValue(''))"
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

/// Leaves out all other ConfigMaps, which do not leave the API server either, and those that istiod writes: it must
/// create them in new namespaces without Bulkhead. The API server generates no name that ends like these.
fn only_foreign_trust_roots(settings: &Settings) -> MatchCondition {
    let names = quoted(MESH_CONFIG_MAPS);
    condition(
        "only-foreign-trust-roots",
        &format!(
            "request.resource.resource != 'configmaps' || ({OBJECT_NAME} in [{names}] \
             && !request.userInfo.username.startsWith('system:serviceaccount:{}:'))",
            settings.mesh_root
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

/// CEL that is true for Bulkhead's controller, and for Kubernetes' scheduler and controllers.
fn is_trusted_account(settings: &Settings) -> String {
    let shared = [CONTROLLER_MANAGER, settings.controller.as_str()];
    format!("request.userInfo.username in [{}, {}]", quoted(shared), quoted(kube_controller_accounts()))
}

/// CEL that is true for a node. It requires both the name and the group, because other users can have either one.
const IS_NODE: &str =
    "(request.userInfo.username.startsWith('system:node:') && 'system:nodes' in request.userInfo.groups)";

/// Leaves out writes of controllers and nodes that follow from an object of the platform, because gateways must restart
/// without Bulkhead. Keeps pods that run as one of Kubernetes' controllers, which no template may name.
fn not_controller_or_node() -> MatchCondition {
    let accounts = quoted(kube_controller_accounts().chain([CONTROLLER_MANAGER]));
    let trusted = quoted(kube_controllers());
    condition(
        "not-controller-or-node",
        &format!(
            "!(request.userInfo.username in [{accounts}] || {IS_NODE}) \
             || (request.namespace == '{KUBE_SYSTEM}' && request.resource.resource == 'pods' \
             && request.operation == 'CREATE' && object.?spec.?serviceAccountName.orValue('') in [{trusted}])"
        ),
    )
}

/// Returns the elements of a list in CEL.
fn quoted<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    texts.into_iter().map(|text| format!("'{}'", escaped(text))).collect::<Vec<_>>().join(", ")
}

fn condition(name: &str, expression: &str) -> MatchCondition {
    MatchCondition { name: name.to_owned(), expression: expression.to_owned() }
}
