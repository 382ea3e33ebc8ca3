mod authorization_policy;
mod binding;
mod connections;
mod controllers;
mod destination_rule;
mod endpoints;
mod external_workload;
mod gateway;
mod gateway_object;
mod identities;
mod ingress;
mod limits;
mod metadata;
mod monitor;
mod namespace;
mod network_policy;
mod own_kinds;
mod peer_authentication;
mod pod;
mod proxy_extensions;
mod request_authentication;
mod role_binding;
mod route;
mod service;
mod service_entry;
mod sidecar;
mod telemetry;
mod virtual_service;
mod volume_claim;

use super::{Field, claim, fields, free, judged, keys, limited, refused, unjudged};
use crate::kinds::Kind;

/// The tables that other tables refer to and that are printed once, with the title of each.
pub static PARTS: &[(&str, &[Field])] = &[
    ("Metadata", metadata::TABLE),
    ("Pod spec", pod::SPEC),
    ("Container", pod::CONTAINER),
    ("Probe", pod::PROBE),
    ("Filter of HTTP calls", route::HTTP_FILTER),
    ("Filter of gRPC calls", route::GRPC_FILTER),
];

/// A kind that only the platform writes, and no rule judges.
static CLUSTER: &[Field] = &[free("")];

/// Returns the table of a kind.
pub fn table(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Namespace => namespace::TABLE,
        Kind::Binding => binding::TABLE,
        Kind::Pod => pod::TABLE,
        Kind::PodTemplate => controllers::POD_TEMPLATE,
        Kind::ReplicationController => controllers::REPLICATION_CONTROLLER,
        Kind::PodExecOptions => connections::EXEC,
        Kind::PodAttachOptions => connections::ATTACH,
        Kind::PodProxyOptions | Kind::ServiceProxyOptions => connections::PROXY,
        Kind::DaemonSet => controllers::DAEMON_SET,
        Kind::Deployment => controllers::DEPLOYMENT,
        Kind::ReplicaSet => controllers::REPLICA_SET,
        Kind::StatefulSet => controllers::STATEFUL_SET,
        Kind::CronJob => controllers::CRON_JOB,
        Kind::Job => controllers::JOB,
        Kind::PersistentVolumeClaim => volume_claim::TABLE,
        Kind::ConfigMap => identities::CONFIG_MAP,
        Kind::CertificateSigningRequest => identities::CERTIFICATE_SIGNING_REQUEST,
        Kind::Secret => identities::SECRET,
        Kind::ServiceAccount => identities::SERVICE_ACCOUNT,
        Kind::TokenRequest => identities::TOKEN_REQUEST,
        Kind::Service => service::TABLE,
        Kind::Endpoints => endpoints::ENDPOINTS,
        Kind::EndpointSlice => endpoints::ENDPOINT_SLICE,
        Kind::VirtualService => virtual_service::TABLE,
        Kind::DestinationRule => destination_rule::TABLE,
        Kind::EnvoyFilter | Kind::WasmPlugin | Kind::TrafficExtension | Kind::ProxyConfig => {
            proxy_extensions::TABLE
        }
        Kind::Gateway => gateway::TABLE,
        Kind::Ingress => ingress::TABLE,
        Kind::HttpRoute => route::HTTP,
        Kind::GrpcRoute => route::GRPC,
        Kind::TlsRoute => route::TLS,
        Kind::TcpRoute | Kind::UdpRoute => route::CONNECTIONS,
        Kind::KubernetesGateway | Kind::ListenerSet | Kind::BackendTlsPolicy => gateway_object::TABLE,
        Kind::ReferenceGrant => gateway_object::REFERENCE_GRANT,
        Kind::ServiceMonitor => monitor::SERVICE_MONITOR,
        Kind::PodMonitor => monitor::POD_MONITOR,
        Kind::WorkloadEntry | Kind::WorkloadGroup => external_workload::TABLE,
        Kind::Tenant => own_kinds::TENANT,
        Kind::SharedService | Kind::Exemption => own_kinds::PLATFORM_ONLY,
        Kind::NetworkPolicy => network_policy::TABLE,
        Kind::AuthorizationPolicy => authorization_policy::TABLE,
        Kind::PeerAuthentication => peer_authentication::TABLE,
        Kind::RequestAuthentication => request_authentication::TABLE,
        Kind::Sidecar => sidecar::TABLE,
        Kind::ServiceEntry => service_entry::TABLE,
        Kind::Telemetry => telemetry::TABLE,
        Kind::ResourceQuota => limits::RESOURCE_QUOTA,
        Kind::LimitRange => limits::LIMIT_RANGE,
        Kind::RoleBinding => role_binding::TABLE,
        Kind::ClusterRole
        | Kind::ClusterRoleBinding
        | Kind::PriorityLevelConfiguration
        | Kind::FlowSchema
        | Kind::GlobalNetworkPolicy
        | Kind::GlobalNetworkPolicyCrd
        | Kind::CiliumClusterwideNetworkPolicy
        | Kind::AdminNetworkPolicy
        | Kind::ClusterNetworkPolicy
        | Kind::Unread => CLUSTER,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::fields::{Node, Treatment, rows, tree};
    use crate::policy::rules::{RULES, Rule};

    /// Returns the paths of the nodes that are in effect: fields below a treated one are not.
    fn treated(node: &Node) -> usize {
        let below: usize = node.fields().map(treated).sum();
        below + node.elements().map_or(0, treated) + usize::from(node.treatment.is_some())
    }

    /// A row below another would have no effect. A row can replace one of a table that it refers to.
    #[test]
    fn rows_are_in_effect() {
        for kind in Kind::ALL {
            let rows = rows(table(*kind), |_| false);
            let paths: BTreeSet<&str> = rows.iter().map(|row| row.path.as_str()).collect();
            for path in &paths {
                let is_below = |parent: &&&str| {
                    path.strip_prefix(**parent).is_some_and(|rest| rest.starts_with(['.', '[', '{']))
                };
                assert_eq!(paths.iter().find(is_below), None, "{}: {path}", kind.name());
            }
            assert_eq!(treated(tree(*kind)), paths.len(), "{}", kind.name());
        }
    }

    /// Paths in refusals have at most 14 segments, and an unknown field is one segment deeper than a row's parent.
    #[test]
    fn rows_are_not_deeper_than_paths() {
        for kind in Kind::ALL {
            for row in rows(table(*kind), |_| false) {
                let segments = row.path.split('.').count() + row.path.matches(['[', '{']).count();
                assert!(segments < 14, "{}: {}", kind.name(), row.path);
            }
        }
    }

    #[test]
    fn rules_in_tables_judge_the_kind() {
        for kind in Kind::ALL {
            for row in rows(table(*kind), |_| false) {
                let judges = |is_meant: &dyn Fn(&Rule) -> bool| {
                    RULES.iter().any(|rule| is_meant(rule) && rule.judges(*kind))
                };
                let is_judged = match row.treatment {
                    Treatment::Judged(codes) | Treatment::Refused(codes) => {
                        codes.iter().all(|code| judges(&|rule| rule.code() == *code))
                    }
                    Treatment::Limited(limit) => judges(&|rule| rule.code() == limit.code),
                    Treatment::Claim(claim) => judges(&|rule| rule.claims() == Some(claim)),
                    Treatment::Free | Treatment::Keys | Treatment::Unjudged | Treatment::Table(_) => true,
                };
                assert!(is_judged, "{} {}: {:?}", kind.name(), row.path, row.treatment);
            }
        }
    }
}
