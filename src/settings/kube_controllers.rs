//! The accounts of Kubernetes' own controllers, which rules and match conditions trust by name.

use crate::kinds::Kind;

/// The namespace of Kubernetes' own components.
pub const KUBE_SYSTEM: &str = "kube-system";

/// The user name of an account in `kube-system`.
macro_rules! account {
    ($name:literal) => {
        concat!("system:serviceaccount:kube-system:", $name)
    };
}

/// Account of the controller that deletes the contents of terminating namespaces.
pub const NAMESPACE_CONTROLLER: &str = account!("namespace-controller");
/// Account that all controllers share where kube-controller-manager runs without
/// `--use-service-account-credentials`.
pub const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
/// Account of the controller that counts usage for ResourceQuotas.
pub const QUOTA_CONTROLLER: &str = account!("resourcequota-controller");
/// Account of the controller that binds claims to volumes.
pub const VOLUME_BINDER: &str = account!("persistent-volume-binder");

/// Accounts of the controllers that write the endpoints of Services and the addresses of load balancers.
pub const ENDPOINT_CONTROLLERS: [&str; 5] = [
    CONTROLLER_MANAGER,
    account!("endpoint-controller"),
    account!("endpointslice-controller"),
    account!("endpointslicemirroring-controller"),
    account!("service-controller"),
];

/// Accounts of the scheduler and of the controllers that write in namespaces, each with the kind whose dependents its
/// controller creates.
const ACCOUNTS: &[(&str, Option<Kind>)] = &[
    ("system:kube-scheduler", None),
    (account!("cronjob-controller"), Some(Kind::CronJob)),
    (account!("daemon-set-controller"), Some(Kind::DaemonSet)),
    (account!("deployment-controller"), Some(Kind::Deployment)),
    (account!("device-taint-eviction-controller"), None),
    (account!("disruption-controller"), None),
    (account!("endpoint-controller"), None),
    (account!("endpointslice-controller"), None),
    (account!("endpointslicemirroring-controller"), None),
    (account!("ephemeral-volume-controller"), None),
    (account!("expand-controller"), None),
    (account!("generic-garbage-collector"), None),
    (account!("horizontal-pod-autoscaler"), None),
    (account!("job-controller"), Some(Kind::Job)),
    (account!("legacy-service-account-token-cleaner"), None),
    (NAMESPACE_CONTROLLER, None),
    (account!("node-controller"), None),
    (VOLUME_BINDER, None),
    (account!("pod-garbage-collector"), None),
    (account!("podcertificaterequestcleaner"), None),
    (account!("podgroup-protection-controller"), None),
    (account!("pvc-protection-controller"), None),
    (account!("replicaset-controller"), Some(Kind::ReplicaSet)),
    (account!("replication-controller"), Some(Kind::ReplicationController)),
    (account!("resource-claim-controller"), None),
    (QUOTA_CONTROLLER, None),
    (account!("root-ca-cert-publisher"), None),
    (account!("service-account-controller"), None),
    (account!("service-controller"), None),
    (account!("statefulset-controller"), Some(Kind::StatefulSet)),
    (account!("storage-version-migrator-controller"), None),
    (account!("taint-eviction-controller"), None),
    (account!("ttl-after-finished-controller"), None),
];

/// Names of the accounts of further controllers. No rule trusts them, but they can become an account that is trusted: they
/// may change ClusterRoles, or sign and approve certificates.
const FURTHER_CONTROLLERS: &[&str] = &[
    "attachdetach-controller",
    "bootstrap-signer",
    "certificate-controller",
    "cloud-provider",
    "clusterrole-aggregation-controller",
    "kube-apiserver-serving-clustertrustbundle-publisher",
    "pv-protection-controller",
    "resourcepoolstatusrequest-controller",
    "route-controller",
    "selinux-warning-controller",
    "service-cidrs-controller",
    "storage-version-garbage-collector",
    "token-cleaner",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
    "volumeattributesclass-protection-controller",
];

/// Returns the accounts of Kubernetes' scheduler and controllers. They act on objects that others wrote: they
/// create and schedule pods, and what pods need.
pub fn kube_controller_accounts() -> impl Iterator<Item = &'static str> {
    ACCOUNTS.iter().map(|(account, _)| *account)
}

/// Returns the names of all controllers' service accounts in `kube-system`.
pub fn kube_controllers() -> impl Iterator<Item = &'static str> {
    let trusted = kube_controller_accounts().filter_map(|account| account.strip_prefix(account!("")));
    trusted.chain(FURTHER_CONTROLLERS.iter().copied())
}

/// Returns the account of the controller that creates the dependents of objects of this kind.
pub fn controller_account_for(kind: &str) -> Option<&'static str> {
    ACCOUNTS
        .iter()
        .find(|(_, owned_kind)| owned_kind.is_some_and(|owned_kind| owned_kind.name() == kind))
        .map(|(account, _)| *account)
}
