use super::names::{
    DATAPLANE_LABEL, EXTERNAL_DNS, INJECT_KEY, ISTIO_LABELS, MESH_DOMAIN, NETWORK_LABEL, REVISION_LABEL,
    TRAFFIC_DISTRIBUTION_ANNOTATION, USE_WAYPOINT_LABEL, USE_WAYPOINT_NAMESPACE_LABEL, WAYPOINT_FOR_LABEL,
};
use super::row::{Objects, Row, Values, Writer};
use crate::kinds::Kind;

/// The kinds on which the keys of this section matter.
pub(super) const KINDS: &[Kind] = &[Kind::Service, Kind::Endpoints, Kind::EndpointSlice];

const SERVICES: Objects = Objects::Of(&[&[Kind::Service]]);

const ISTIO: &str = "https://istio.io/latest/docs/reference/config/annotations/";
const KUBERNETES: &str = "https://kubernetes.io/docs/reference/labels-annotations-taints/";
const HINTS: &str = "https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/";

/// Labels and annotations of Services and their endpoints. Of the domains of Istio and Kubernetes, only the listed keys
/// are allowed; of other domains, those of load balancers and gateways are refused.
pub(super) static ROWS: &[Row] = &[
    refused(
        Row::annotation(
            SERVICES,
            "alpha.istio.io/canonical-serviceaccounts",
            "adds identities that callers accept for the Service",
        ),
        ISTIO,
    ),
    refused(
        Row::annotation(
            SERVICES,
            "alpha.istio.io/kubernetes-serviceaccounts",
            "adds identities that callers accept for the Service",
        ),
        ISTIO,
    ),
    balancer("antrea.io", "selects an address of Antrea")
        .see("https://antrea.io/docs/main/docs/service-loadbalancer/"),
    free(Row::domain(SERVICES, "app.kubernetes.io", "describes the application"), KUBERNETES),
    balancer("cilium.io", "configures load balancing and clusters of Cilium")
        .see("https://docs.cilium.io/en/stable/network/lb-ipam/"),
    balancer("civo.com", "configures load balancers of Civo")
        .see("https://www.civo.com/docs/kubernetes/load-balancers"),
    balancer("cloud.google.com", "configures load balancers of Google Cloud")
        .see("https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters"),
    // GKE's own webhook writes this value into every Service.
    Row::annotation(SERVICES, "cloud.google.com/neg", "creates groups of endpoints for load balancers")
        .written_by(Writer::Anyone, Values::Only(&["{\"ingress\":true}", "{\"ingress\": true}"]))
        .judged_by("BH804")
        .see("https://cloud.google.com/kubernetes-engine/docs/how-to/standalone-neg"),
    free(
        Row::annotation(SERVICES, "cloud.google.com/neg-status", "records groups of endpoints"),
        "https://cloud.google.com/kubernetes-engine/docs/how-to/standalone-neg",
    ),
    balancer("consul.hashicorp.com", "registers the Service in Consul")
        .see("https://developer.hashicorp.com/consul/docs/reference/k8s/annotation-label"),
    balancer("digitalocean.com", "configures load balancers of DigitalOcean")
        .see("https://docs.digitalocean.com/products/kubernetes/how-to/configure-load-balancers/"),
    Row::label(
        Objects::Of(&[&[Kind::Endpoints]]),
        "endpoints.kubernetes.io/managed-by",
        "names the controller that writes the object",
    )
    .written_by(Writer::Anyone, Values::OtherThanController)
    .judged_by("BH803")
    .see(KUBERNETES),
    Row::label(
        Objects::Of(&[&[Kind::EndpointSlice]]),
        "endpointslice.kubernetes.io/managed-by",
        "names the controller that writes the object",
    )
    .written_by(Writer::Anyone, Values::OtherThanController)
    .judged_by("BH803")
    .see(KUBERNETES),
    balancer(
        "external-dns.alpha.kubernetes.io",
        "makes external-dns write a name of the platform's DNS zones",
    )
    .see(EXTERNAL_DNS),
    balancer("f5.com", "configures load balancers of F5").see("https://clouddocs.f5.com/containers/latest/"),
    balancer("gardener.cloud", "makes Gardener write a name of the platform's DNS zones")
        .see("https://gardener.cloud/docs/"),
    free(
        Row::label(SERVICES, "gateway.istio.io/managed", "marks a Service that istiod created"),
        ISTIO_LABELS,
    ),
    balancer("getambassador.io", "adds routes to the gateways of Emissary-ingress")
        .see("https://emissary-ingress.dev/docs/"),
    balancer("haproxy.org", "configures the gateways of HAProxy")
        .see("https://www.haproxy.com/documentation/kubernetes-ingress/"),
    balancer("hetzner.cloud", "configures load balancers of Hetzner Cloud")
        .see("https://github.com/hetznercloud/hcloud-cloud-controller-manager"),
    balancer("io.cilium", "configures load balancing and clusters of Cilium")
        .see("https://docs.cilium.io/en/stable/network/lb-ipam/"),
    refused(Row::domain(SERVICES, MESH_DOMAIN, "may configure Istio"), ISTIO),
    free(Row::label(SERVICES, DATAPLANE_LABEL, "has an effect on pods and namespaces only"), ISTIO_LABELS),
    refused(
        Row::label(SERVICES, "istio.io/global", "exposes the Service to every cluster of the mesh"),
        ISTIO_LABELS,
    ),
    Row::label(
        SERVICES,
        "istio.io/ingress-use-waypoint",
        "makes gateways call the Service through its waypoint",
    )
    .written_by(Writer::Anyone, Values::Bool)
    .judged_by("BH804")
    .see(ISTIO_LABELS),
    // Istiod copies the labels of a waypoint's Gateway to its Service.
    free(Row::label(SERVICES, REVISION_LABEL, "has no effect on a Service"), ISTIO_LABELS),
    Row::label(SERVICES, USE_WAYPOINT_LABEL, "selects the waypoint of the Service")
        .written_by(Writer::Anyone, Values::Waypoint)
        .judged_by("BH804")
        .see(ISTIO_LABELS),
    refused(
        Row::label(SERVICES, USE_WAYPOINT_NAMESPACE_LABEL, "selects the namespace of the Service's waypoint"),
        ISTIO_LABELS,
    ),
    free(Row::label(SERVICES, WAYPOINT_FOR_LABEL, "has no effect on a Service"), ISTIO_LABELS),
    balancer("k8s.ovn.org", "configures the traffic of the Service in OVN-Kubernetes")
        .see("https://ovn-kubernetes.io/"),
    balancer("konghq.com", "configures the gateways of Kong")
        .see("https://docs.konghq.com/kubernetes-ingress-controller/latest/reference/annotations/"),
    balancer("kube-vip.io", "selects an address of kube-vip")
        .see("https://kube-vip.io/docs/usage/kubernetes-services/"),
    free(
        Row::annotation(SERVICES, "kube-vip.io/vipHost", "records the node with the address"),
        "https://kube-vip.io/docs/usage/kubernetes-services/",
    ),
    free(Row::domain(SERVICES, "kubectl.kubernetes.io", "records the use of kubectl"), KUBERNETES),
    // Most clouds configure their load balancers by keys of this domain, such as `service.beta.kubernetes.io`.
    refused(Row::domain(SERVICES, "kubernetes.io", "may configure a load balancer or a gateway"), KUBERNETES),
    free(
        Row::annotation(SERVICES, "kubernetes.io/change-cause", "records the reason of a change"),
        KUBERNETES,
    ),
    free(
        Row::label(
            SERVICES,
            "kubernetes.io/cluster-service",
            "makes `kubectl cluster-info` list the Service",
        ),
        KUBERNETES,
    ),
    free(Row::annotation(SERVICES, "kubernetes.io/description", "describes the Service"), KUBERNETES),
    free(Row::label(SERVICES, "kubernetes.io/name", "names the Service for people"), KUBERNETES),
    balancer("lb.kubesphere.io", "selects load balancers of OpenELB").see("https://openelb.io/docs/"),
    balancer("linkerd.io", "exports the Service to clusters of Linkerd")
        .see("https://linkerd.io/2/reference/multicluster/"),
    balancer("loxilb.io", "configures load balancers of LoxiLB").see("https://docs.loxilb.io/"),
    balancer("metallb.io", "selects an address of MetalLB").see(METALLB),
    free(
        Row::annotation(SERVICES, "metallb.io/ip-allocated-from-pool", "records the pool of the address"),
        METALLB,
    ),
    balancer("metallb.universe.tf", "selects an address of MetalLB").see(METALLB),
    free(
        Row::annotation(
            SERVICES,
            "metallb.universe.tf/ip-allocated-from-pool",
            "records the pool of the address",
        ),
        METALLB,
    ),
    balancer("networking.gke.io", "configures load balancers of Google Cloud")
        .see("https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters"),
    Row::annotation(
        SERVICES,
        "networking.istio.io/exportTo",
        "selects the namespaces in which proxies know the Service",
    )
    .written_by(Writer::Anyone, Values::OwnNamespaces)
    .judged_by("BH804")
    .see(ISTIO),
    refused(
        Row::label(
            SERVICES,
            "networking.istio.io/gatewayPort",
            "makes the Service the gateway of a network of the mesh",
        ),
        ISTIO_LABELS,
    ),
    free(
        Row::annotation(SERVICES, TRAFFIC_DISTRIBUTION_ANNOTATION, "prefers near pods of the Service"),
        ISTIO,
    ),
    balancer("openelb.kubesphere.io", "selects load balancers of OpenELB").see("https://openelb.io/docs/"),
    balancer("openstack.org", "configures load balancers of OpenStack")
        .see("https://github.com/kubernetes/cloud-provider-openstack"),
    balancer("oraclecloud.com", "configures load balancers of Oracle Cloud")
        .see("https://github.com/oracle/oci-cloud-controller-manager"),
    balancer("ovhcloud.com", "configures load balancers of OVHcloud").see("https://help.ovhcloud.com/"),
    balancer("projectcalico.org", "selects addresses of Calico")
        .see("https://docs.tigera.io/calico/latest/networking/ipam/service-loadbalancer"),
    balancer("purelb.io", "selects an address of PureLB").see("https://purelb.gitlab.io/purelb/"),
    free(
        Row::annotation(
            SERVICES,
            "service.alpha.kubernetes.io/tolerate-unready-endpoints",
            "publishes pods that are not ready",
        ),
        KUBERNETES,
    ),
    free(
        Row::label(SERVICES, "service.istio.io/canonical-name", "names the service in telemetry"),
        ISTIO_LABELS,
    ),
    free(
        Row::label(SERVICES, "service.istio.io/canonical-revision", "names the revision in telemetry"),
        ISTIO_LABELS,
    ),
    free(
        Row::label(SERVICES, "service.kubernetes.io/headless", "marks a Service without an address"),
        KUBERNETES,
    ),
    free(
        Row::annotation(
            SERVICES,
            "service.kubernetes.io/topology-aware-hints",
            "prefers near pods of the Service",
        ),
        HINTS,
    ),
    free(
        Row::annotation(SERVICES, "service.kubernetes.io/topology-mode", "prefers near pods of the Service"),
        HINTS,
    ),
    free(
        Row::both(SERVICES, INJECT_KEY, "has an effect on pods only"),
        "https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/",
    ),
    balancer("skupper.io", "exposes the Service in a network of Skupper").see("https://skupper.io/docs/"),
    free(Row::domain(SERVICES, "statefulset.kubernetes.io", "names a pod of a StatefulSet"), KUBERNETES),
    balancer("submariner.io", "exports the Service to clusters of Submariner").see("https://submariner.io/"),
    balancer("tailscale.com", "exposes the Service in a network of Tailscale")
        .see("https://tailscale.com/kb/1236/kubernetes-operator"),
    balancer("tencent.com", "configures load balancers of Tencent Cloud")
        .see("https://www.tencentcloud.com/document/product/457"),
    refused(
        Row::label(SERVICES, NETWORK_LABEL, "makes the Service the gateway of a network of the mesh"),
        ISTIO_LABELS,
    ),
    refused(
        Row::annotation(
            SERVICES,
            "traffic.istio.io/nodeSelector",
            "makes nodes the gateways of a network of the mesh",
        ),
        ISTIO,
    ),
];

const METALLB: &str = "https://metallb.io/usage/";

/// A domain of the keys of a load balancer, a gateway or a link between clusters.
const fn balancer(domain: &'static str, effect: &'static str) -> Row {
    Row::domain(SERVICES, domain, effect).judged_by("BH804")
}

const fn refused(row: Row, documentation: &'static str) -> Row {
    row.judged_by("BH804").see(documentation)
}

const fn free(row: Row, documentation: &'static str) -> Row {
    row.written_by(Writer::Anyone, Values::Any).see(documentation)
}
