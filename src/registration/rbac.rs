//! RBAC: the permissions of the two service accounts, and the roles of tenants' owners.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::webhooks::CONFIGURATION_NAME;
use crate::api::GROUP;
use crate::baseline::{NAMESPACE_OWNER_ROLE, TENANT_ROLE, TENANT_RULES_ROLE};
use crate::certs::{AUTHORITY_SECRET, CERTIFICATE_SECRET};
use crate::keys::{AGGREGATE_TO_TENANT_LABEL, NAMESPACE_NAME_LABEL, POD_SECURITY_LABEL};
use crate::kinds::Kind;
use crate::policy::rules::audited_resources;
use crate::settings::{PROBE_NAMESPACE, REPORT_NAME, ReportKind, Settings, controller_account_for};
use crate::snapshot::{PROXY_REFERENCES_CONFIG_MAP, reserved_names_config_maps};

const WEBHOOK_ACCOUNT: &str = "bulkhead";
/// The name of the controller's account and of its ClusterRole. The webhook configurations are deleted with that
/// ClusterRole.
pub const CONTROLLER: &str = "bulkhead-controller";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Returns the two accounts with all their permissions, and the roles of tenants' owners.
pub fn rbac(namespace: &str, settings: &Settings) -> Vec<Value> {
    let mut objects = probe_namespace().to_vec();
    objects.extend(owner_roles());
    for account in [WEBHOOK_ACCOUNT, CONTROLLER] {
        objects.push(service_account(namespace, account));
        let own = ["exemptions", "sharedservices", "tenants"].map(|resource| watch_rule(GROUP, resource));
        let mut rules = vec![allow("", &["namespaces"], &["get", "list", "watch"])];
        rules.extend(own);
        // RBAC can limit a watch to one name, but not to several: reserved names, references of the proxy, settings.
        let mut own_namespace_rules = vec![watch_rule("", "configmaps")];
        if account == CONTROLLER {
            rules.extend(baseline_rules());
            rules.extend(audited_resource_rules("list", |_| true));
            rules.extend(settings.custom_kinds().map(
                |(_, [group, _, resource])| json!({ "apiGroups": [group], "resources": [resource], "verbs": ["list"] }),
            ));
            rules.extend(report_rules());
            rules.extend(webhook_rules());
            // Those that use a waypoint, in an ambient mesh.
            rules.push(allow("", &["services"], &["watch"]));
            own_namespace_rules.extend(store_rules());
        } else {
            // The owners of pods, which an Exemption may name.
            let creates_others = |kind: Kind| controller_account_for(kind.name()).is_some();
            rules.extend(audited_resource_rules("get", creates_others));
            own_namespace_rules.push(json!({
                "apiGroups": [""], "resources": ["secrets"], "resourceNames": [CERTIFICATE_SECRET],
                "verbs": ["list", "watch"],
            }));
        }
        objects.extend(cluster_role(namespace, account, &rules));
        objects.extend(role(
            "default",
            namespace,
            account,
            &[watch_rule("discovery.k8s.io", "endpointslices")],
        ));
        objects.extend(role(&settings.dns.namespace, namespace, account, &[watch_rule("", "services")]));
        objects.extend(role(namespace, namespace, account, &own_namespace_rules));
        // Only dry runs: no pod is stored there.
        let probe = json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["create"] });
        objects.extend(role(PROBE_NAMESPACE, namespace, account, &[probe]));
    }
    objects
}

/// Returns the permissions on what the controller stores in its own namespace: reserved names, references of the proxy,
/// certificates, and its Lease.
fn store_rules() -> [Value; 5] {
    let mut config_maps: Vec<String> = reserved_names_config_maps().collect();
    config_maps.push(PROXY_REFERENCES_CONFIG_MAP.to_owned());
    let core = |resource: &str, verbs: &[&str], names: &[&str]| json!({ "apiGroups": [""], "resources": [resource], "verbs": verbs, "resourceNames": names });
    let config_maps: Vec<&str> = config_maps.iter().map(String::as_str).collect();
    [
        core("configmaps", &["get"], &[PROXY_REFERENCES_CONFIG_MAP]),
        core("configmaps", &["update"], &config_maps),
        core("secrets", &["get", "update"], &[AUTHORITY_SECRET, CERTIFICATE_SECRET]),
        // RBAC cannot limit `create` by `resourceNames`.
        allow("", &["configmaps", "secrets"], &["create"]),
        allow("coordination.k8s.io", &["leases"], &["create", "get", "update"]),
    ]
}

/// Returns the namespace for dry runs, and a policy that refuses everything else there: RBAC cannot demand a dry run.
fn probe_namespace() -> [Value; 3] {
    let metadata = json!({ "name": PROBE_NAMESPACE });
    let (group, name) = ("admissionregistration.k8s.io/v1", PROBE_NAMESPACE);
    [
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            // Istio's containers need more than any other level allows.
            "metadata": { "name": name, "labels": { POD_SECURITY_LABEL: "privileged" } },
        }),
        json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": metadata,
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "namespaceSelector": { "matchLabels": { NAMESPACE_NAME_LABEL: name } },
                    "resourceRules": [{
                        "apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["pods"],
                    }],
                },
                "validations": [{
                    "expression": "request.dryRun", "message": format!("the namespace `{name}` is for dry runs"),
                }],
            },
        }),
        json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata,
            "spec": { "policyName": name, "validationActions": ["Deny"] },
        }),
    ]
}

/// Returns permissions on the workloads and routes in tenants' namespaces: to audit them, and to look up objects that
/// an Exemption depends on.
fn audited_resource_rules(verb: &str, is_included: impl Fn(Kind) -> bool) -> Vec<Value> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let has_own_rule = |kind: Kind| kind.is_managed() || kind == Kind::Secret;
    for resource in
        audited_resources().filter(|resource| !has_own_rule(resource.kind) && is_included(resource.kind))
    {
        groups.entry(resource.group).or_default().insert(resource.plural);
    }
    let rule = |(group, resources)| json!({ "apiGroups": [group], "resources": resources, "verbs": [verb] });
    groups.into_iter().map(rule).collect()
}

/// Returns the permissions to write baseline objects, to bind the owners' roles, to mark namespaces ready, and to
/// write statuses and Events.
fn baseline_rules() -> Vec<Value> {
    let verbs = |kind: Kind| {
        let full = ["create", "delete", "get", "list", "update", "watch"].as_slice();
        if kind.is_partly_managed() { &["create", "list", "patch", "watch"] } else { full }
    };
    let mut rules: Vec<Value> = Kind::all_managed()
        .map(
            |kind| json!({ "apiGroups": [kind.group()], "resources": [kind.plural()], "verbs": verbs(kind) }),
        )
        .collect();
    rules.extend([
        // Owners may get their Tenant, and an account can only grant permissions that it has.
        allow(GROUP, &["tenants"], &["get"]),
        json!({
            "apiGroups": [RBAC], "resources": ["clusterroles"],
            "resourceNames": [NAMESPACE_OWNER_ROLE, TENANT_ROLE], "verbs": ["bind"],
        }),
        json!({ "apiGroups": [""], "resources": ["namespaces", "namespaces/status"], "verbs": ["patch"] }),
        json!({ "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"] }),
        json!({ "apiGroups": [GROUP], "resources": ["exemptions/status", "sharedservices/status", "tenants/status"], "verbs": ["patch"] }),
    ]);
    rules
}

/// Returns the permissions on the reports of the audit. `create` and `list` cannot be limited by `resourceNames`.
fn report_rules() -> impl Iterator<Item = Value> {
    ReportKind::ALL.into_iter().flat_map(|kind| {
        let [group, _, resource] = kind.names();
        let own = json!({
            "apiGroups": [group], "resources": [resource], "resourceNames": [REPORT_NAME],
            "verbs": ["delete", "get", "patch"],
        });
        [allow(group, &[resource], &["create", "list"]), own]
    })
}

/// Returns the permissions on the two webhook configurations.
///
/// `create` cannot be limited by `resourceNames`
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>). `delete` is needed to
/// set owner references where OwnerReferencesPermissionEnforcement is on
/// (<https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement>).
fn webhook_rules() -> [Value; 2] {
    let groups = ["admissionregistration.k8s.io"];
    let resources = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    [
        json!({ "apiGroups": groups, "resources": resources, "verbs": ["create"] }),
        json!({ "apiGroups": groups, "resources": resources, "resourceNames": [CONFIGURATION_NAME], "verbs": ["delete", "get", "update"] }),
    ]
}

/// Returns the roles of tenants' owners.
///
/// The ClusterRole of owners in their namespaces has no rules of its own: Kubernetes fills in those of all ClusterRoles
/// with the label, so that the platform can add kinds
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles>). A field `rules` here would
/// remove the added ones at each update.
fn owner_roles() -> [Value; 3] {
    let version = format!("{RBAC}/v1");
    let (label, value) = AGGREGATE_TO_TENANT_LABEL;
    let labels = json!({ label: value });
    [
        json!({
            "apiVersion": version, "kind": "ClusterRole", "metadata": { "name": NAMESPACE_OWNER_ROLE },
            "rules": [allow("", &["namespaces"], &["create", "get"])],
        }),
        json!({
            "apiVersion": version, "kind": "ClusterRole", "metadata": { "name": TENANT_ROLE },
            "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": labels }] },
        }),
        json!({
            "apiVersion": version, "kind": "ClusterRole",
            "metadata": { "name": TENANT_RULES_ROLE, "labels": labels }, "rules": tenant_rules(),
        }),
    ]
}

/// Returns the permissions of owners in their namespaces: an explicit list, without the verbs that bypass admission.
fn tenant_rules() -> Vec<Value> {
    let all = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let read = ["get", "list", "watch"];
    let core = [
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "secrets",
        "serviceaccounts",
        "services",
    ];
    let routes = ["grpcroutes", "httproutes", "tcproutes", "tlsroutes", "udproutes"];
    let istio = ["destinationrules", "gateways", "serviceentries", "sidecars", "virtualservices"];
    let security = ["authorizationpolicies", "peerauthentications", "requestauthentications"];
    let mut rules = vec![
        allow("", &core, &all),
        allow("", &["events", "limitranges", "pods/log", "resourcequotas"], &read),
        // In a RoleBinding this is the namespace of the binding alone.
        allow("", &["namespaces"], &["delete", "get", "patch", "update"]),
        allow("", &["pods/attach", "pods/eviction", "pods/exec", "pods/portforward"], &["create", "get"]),
        allow("", &["pods/ephemeralcontainers"], &["get", "patch", "update"]),
        allow("", &["serviceaccounts/token"], &["create"]),
        allow("apps", &["controllerrevisions"], &read),
        allow("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"], &all),
        allow(
            "apps",
            &["deployments/scale", "replicasets/scale", "statefulsets/scale"],
            &["get", "patch", "update"],
        ),
        allow("autoscaling", &["horizontalpodautoscalers"], &all),
        allow("batch", &["cronjobs", "jobs"], &all),
        allow("coordination.k8s.io", &["leases"], &all),
        allow("discovery.k8s.io", &["endpointslices"], &all),
        allow("gateway.networking.k8s.io", &routes, &all),
        allow("monitoring.coreos.com", &["podmonitors", "servicemonitors"], &all),
        allow("networking.istio.io", &istio, &all),
        allow("networking.k8s.io", &["ingresses", "networkpolicies"], &all),
        allow("policy", &["poddisruptionbudgets"], &all),
        // Kubernetes refuses the rights that the owner does not have.
        allow(RBAC, &["rolebindings", "roles"], &all),
        allow("security.istio.io", &security, &all),
        allow("telemetry.istio.io", &["telemetries"], &all),
    ];
    rules.extend(ReportKind::ALL.map(|kind| {
        let [group, _, resource] = kind.names();
        allow(group, &[resource], &read)
    }));
    rules
}

fn allow(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

fn watch_rule(group: &str, resource: &str) -> Value {
    json!({ "apiGroups": [group], "resources": [resource], "verbs": ["list", "watch"] })
}

fn service_account(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } })
}

/// Returns a ClusterRole, and its binding to the account.
fn cluster_role(namespace: &str, account: &str, rules: &[Value]) -> [Value; 2] {
    let metadata = json!({ "name": account });
    [
        json!({ "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": metadata, "rules": rules }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": account },
            "subjects": [subject(namespace, account)],
        }),
    ]
}

/// Returns a Role in the namespace `role_namespace`, and its binding to the account.
fn role(role_namespace: &str, namespace: &str, account: &str, rules: &[Value]) -> [Value; 2] {
    let metadata = json!({ "name": account, "namespace": role_namespace });
    [
        json!({ "apiVersion": format!("{RBAC}/v1"), "kind": "Role", "metadata": metadata, "rules": rules }),
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": account },
            "subjects": [subject(namespace, account)],
        }),
    ]
}

fn subject(namespace: &str, account: &str) -> Value {
    json!({ "kind": "ServiceAccount", "name": account, "namespace": namespace })
}
