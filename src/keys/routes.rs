use super::row::{Objects, Row, Values, Writer};
use crate::kinds::Kind;

/// The kinds on which the keys of this section matter: Ingresses, and routes of the Gateway API.
pub(super) const KINDS: &[Kind] =
    &[Kind::Ingress, Kind::HttpRoute, Kind::GrpcRoute, Kind::TlsRoute, Kind::TcpRoute, Kind::UdpRoute];

const ROUTES: Objects = Objects::Of(&[KINDS]);

const NGINX: &str = "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/";
const CERT_MANAGER: &str = "https://cert-manager.io/docs/reference/annotations/";
const KUBERNETES: &str = "https://kubernetes.io/docs/reference/labels-annotations-taints/";

/// Labels and annotations of Ingresses and routes, on which gateways, DNS and certificate controllers act. Of the domains
/// of gateways, only the listed keys are allowed.
pub(super) static ROWS: &[Row] = &[
    Row::domain(ROUTES, "acme.cert-manager.io", "configures and marks the solvers of cert-manager")
        .written_by(Writer::Anyone, Values::Any)
        .see(CERT_MANAGER),
    gateway("ambassadorproject.org", "configures the gateways of Emissary-ingress")
        .see("https://emissary-ingress.dev/docs/"),
    gateway("appscode.com", "configures the gateways of Voyager").see("https://voyagermesh.com/docs/"),
    gateway("azure.com", "configures load balancers of Azure").see("https://learn.microsoft.com/azure/"),
    gateway("cert-manager.io", "adds names to the certificate that cert-manager orders").see(CERT_MANAGER),
    // The names in the certificate are those of `spec.tls`.
    free(
        "cert-manager.io/cluster-issuer",
        Values::Any,
        "selects the issuer of the certificate",
        CERT_MANAGER,
    ),
    free("cert-manager.io/duration", Values::Any, "sets the life of the certificate", CERT_MANAGER),
    free("cert-manager.io/issuer", Values::Any, "selects the issuer of the certificate", CERT_MANAGER),
    free("cert-manager.io/renew-before", Values::Any, "sets the life of the certificate", CERT_MANAGER),
    gateway("cilium.io", "configures the gateways of Cilium").see("https://docs.cilium.io/"),
    gateway("cloud.google.com", "configures load balancers of Google Cloud")
        .see("https://cloud.google.com/kubernetes-engine/docs/concepts/ingress"),
    gateway(
        "external-dns.alpha.kubernetes.io",
        "makes external-dns write a name of the platform's DNS zones",
    )
    .see("https://kubernetes-sigs.github.io/external-dns/latest/docs/annotations/annotations/"),
    gateway("f5.com", "configures the gateways of F5").see("https://clouddocs.f5.com/containers/latest/"),
    gateway("getambassador.io", "configures the gateways of Emissary-ingress")
        .see("https://emissary-ingress.dev/docs/"),
    gateway("haproxy-ingress.github.io", "configures the gateways of HAProxy Ingress")
        .see("https://haproxy-ingress.github.io/docs/configuration/keys/"),
    gateway("haproxy.com", "configures the gateways of HAProxy")
        .see("https://www.haproxy.com/documentation/kubernetes-ingress/"),
    gateway("haproxy.org", "configures the gateways of HAProxy")
        .see("https://www.haproxy.com/documentation/kubernetes-ingress/"),
    gateway("ingress.kubernetes.io", "configures the gateways of an ingress controller").see(NGINX),
    gateway("konghq.com", "configures the gateways of Kong")
        .see("https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/"),
    // The host is judged for every class.
    free("kubernetes.io/ingress.class", Values::Any, "selects the controller of the Ingress", KUBERNETES),
    Row::annotation(
        ROUTES,
        "kubernetes.io/ingress.global-static-ip-name",
        "takes an address of the platform",
    )
    .judged_by("BH808")
    .see(KUBERNETES),
    gateway("networking.gke.io", "configures load balancers of Google Cloud")
        .see("https://cloud.google.com/kubernetes-engine/docs/concepts/ingress"),
    gateway("nginx.com", "configures the gateways of NGINX")
        .see("https://docs.nginx.com/nginx-ingress-controller/"),
    free("nginx.ingress.kubernetes.io/force-ssl-redirect", Values::Bool, "redirects calls to HTTPS", NGINX),
    free("nginx.ingress.kubernetes.io/proxy-body-size", Values::Quantity, "limits the size of calls", NGINX),
    free(
        "nginx.ingress.kubernetes.io/proxy-connect-timeout",
        Values::Number,
        "limits the time of calls",
        NGINX,
    ),
    free("nginx.ingress.kubernetes.io/proxy-read-timeout", Values::Number, "limits the time of calls", NGINX),
    free("nginx.ingress.kubernetes.io/proxy-send-timeout", Values::Number, "limits the time of calls", NGINX),
    free("nginx.ingress.kubernetes.io/ssl-redirect", Values::Bool, "redirects calls to HTTPS", NGINX),
    // Solvers of cert-manager have it.
    free(
        "nginx.ingress.kubernetes.io/whitelist-source-range",
        Values::Only(&["0.0.0.0/0,::/0"]),
        "limits the callers",
        NGINX,
    ),
    gateway("nginx.org", "configures the gateways of NGINX")
        .see("https://docs.nginx.com/nginx-ingress-controller/"),
    gateway("projectcontour.io", "configures the gateways of Contour")
        .see("https://projectcontour.io/docs/main/config/annotations/"),
    gateway("tailscale.com", "exposes the Ingress in a network of Tailscale")
        .see("https://tailscale.com/kb/1439/kubernetes-operator-cluster-ingress"),
    gateway("traefik.io", "configures the gateways of Traefik")
        .see("https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/"),
];

/// A domain of the keys of a gateway or of a controller of DNS or certificates.
const fn gateway(text: &'static str, effect: &'static str) -> Row {
    Row::domain(ROUTES, text, effect).judged_by("BH808")
}

/// An annotation that may have these values.
const fn free(key: &'static str, values: Values, effect: &'static str, documentation: &'static str) -> Row {
    Row::annotation(ROUTES, key, effect)
        .written_by(Writer::Anyone, values)
        .judged_by("BH808")
        .see(documentation)
}
