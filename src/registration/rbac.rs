use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::GROUP;

const NAME: &str = "bulkhead";

/// The account of the webhook and all that it may do: read who owns what.
pub fn rbac(namespace: &str) -> (ServiceAccount, ClusterRole, ClusterRoleBinding) {
    let account = ServiceAccount {
        metadata: ObjectMeta { namespace: Some(namespace.to_owned()), ..named() },
        ..ServiceAccount::default()
    };
    let role = ClusterRole {
        metadata: named(),
        rules: Some(vec![watch("", "namespaces"), watch(GROUP, "tenants")]),
        aggregation_rule: None,
    };
    let binding = ClusterRoleBinding {
        metadata: named(),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: NAME.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: NAME.to_owned(),
            api_group: None,
        }]),
    };
    (account, role, binding)
}

fn watch(group: &str, resource: &str) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: ["get", "list", "watch"].map(ToOwned::to_owned).to_vec(),
        ..PolicyRule::default()
    }
}

fn named() -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }
}
