use super::{Field, claim, fields, free, judged, limited, metadata};
use crate::policy::fields::{ClaimKind, Values};

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.allocateLoadBalancerNodePorts"),
    // The API server has chosen the address before it asks a validating webhook.
    free("spec.clusterIP"),
    free("spec.clusterIPs"),
    limited(
        "spec.externalIPs[]",
        "BH801",
        Values::None,
        "can be the address of others, whose traffic every node would send to this Service",
    ),
    claim("spec.externalName", ClaimKind::ExternalName),
    free("spec.externalTrafficPolicy"),
    // The quota of the baseline limits load balancers and node ports. Their source ranges only narrow them.
    free("spec.healthCheckNodePort"),
    free("spec.internalTrafficPolicy"),
    free("spec.ipFamilies"),
    free("spec.ipFamilyPolicy"),
    limited(
        "spec.loadBalancerClass",
        "BH805",
        Values::LoadBalancerClass,
        "selects load balancers that the platform has not listed",
    ),
    limited(
        "spec.loadBalancerIP",
        "BH801",
        Values::Empty,
        "can be the address of others, whose traffic the load balancer would send to this Service",
    ),
    free("spec.loadBalancerSourceRanges"),
    free("spec.ports"),
    free("spec.publishNotReadyAddresses"),
    // It selects pods of the Service's own namespace.
    free("spec.selector"),
    free("spec.sessionAffinity"),
    free("spec.sessionAffinityConfig"),
    free("spec.trafficDistribution"),
    free("spec.type"),
    free("status.conditions"),
    judged("status.loadBalancer", &["BH904"]),
];
