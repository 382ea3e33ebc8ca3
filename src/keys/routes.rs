use super::names::EXTERNAL_DNS;
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
/// of gateways and of Kubernetes, only the listed keys are allowed.
pub(super) static ROWS: &[Row] = &[
    Row::domain(ROUTES, "acme.cert-manager.io", "configures and marks the solvers of cert-manager")
        .written_by(Writer::Anyone, Values::Any)
        .see(CERT_MANAGER),
    gateway("ambassadorproject.org", "configures the gateways of Emissary-ingress")
        .see("https://emissary-ingress.dev/docs/"),
    gateway("apisix.apache.org", "configures the gateways of APISIX")
        .see("https://apisix.apache.org/docs/ingress-controller/getting-started/"),
    Row::domain(ROUTES, "app.kubernetes.io", "describes the application")
        .written_by(Writer::Anyone, Values::Any)
        .see(KUBERNETES),
    gateway("appscode.com", "configures the gateways of Voyager").see("https://voyagermesh.com/docs/"),
    gateway("azure.com", "configures load balancers of Azure").see("https://learn.microsoft.com/azure/"),
    gateway("azure.io", "configures load balancers of Azure").see("https://learn.microsoft.com/azure/"),
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
    gateway("citrix.com", "configures the gateways of NetScaler").see("https://docs.netscaler.com/"),
    gateway("cloud.google.com", "configures load balancers of Google Cloud")
        .see("https://cloud.google.com/kubernetes-engine/docs/concepts/ingress"),
    gateway(
        "external-dns.alpha.kubernetes.io",
        "makes external-dns write a name of the platform's DNS zones",
    )
    .see(EXTERNAL_DNS),
    gateway("external-dns.kubernetes.io", "makes external-dns write a name of the platform's DNS zones")
        .see(EXTERNAL_DNS),
    gateway("f5.com", "configures the gateways of F5").see("https://clouddocs.f5.com/containers/latest/"),
    gateway("gardener.cloud", "makes Gardener write a name of the platform's DNS zones")
        .see("https://gardener.cloud/docs/"),
    gateway("getambassador.io", "configures the gateways of Emissary-ingress")
        .see("https://emissary-ingress.dev/docs/"),
    gateway("haproxy-ingress.github.io", "configures the gateways of HAProxy Ingress")
        .see("https://haproxy-ingress.github.io/docs/configuration/keys/"),
    gateway("haproxy.com", "configures the gateways of HAProxy")
        .see("https://www.haproxy.com/documentation/kubernetes-ingress/"),
    gateway("haproxy.org", "configures the gateways of HAProxy")
        .see("https://www.haproxy.com/documentation/kubernetes-ingress/"),
    gateway("higress.io", "configures the gateways of Higress").see("https://higress.io/docs/"),
    gateway("ingress.kubernetes.io", "configures the gateways of an ingress controller").see(NGINX),
    gateway("konghq.com", "configures the gateways of Kong")
        .see("https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/"),
    Row::domain(ROUTES, "kubectl.kubernetes.io", "records the use of kubectl")
        .written_by(Writer::Anyone, Values::Any)
        .see(KUBERNETES),
    gateway("kubernetes.io", "may configure a load balancer or a gateway").see(KUBERNETES),
    free("kubernetes.io/change-cause", Values::Any, "records the reason of a change", KUBERNETES),
    free("kubernetes.io/description", Values::Any, "describes the object", KUBERNETES),
    // The host is judged for every class.
    free("kubernetes.io/ingress.class", Values::Any, "selects the controller of the Ingress", KUBERNETES),
    // The names in the certificate are those of `spec.tls`.
    free("kubernetes.io/tls-acme", Values::Any, "orders a certificate", CERT_MANAGER),
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
    gateway("ngrok.com", "configures the gateways of ngrok").see("https://ngrok.com/docs/k8s/"),
    gateway("openshift.io", "configures the routers of OpenShift").see("https://docs.openshift.com/"),
    gateway("oraclecloud.com", "configures load balancers of Oracle Cloud")
        .see("https://github.com/oracle/oci-native-ingress-controller"),
    gateway("pomerium.io", "configures the gateways of Pomerium").see("https://www.pomerium.com/docs/"),
    gateway("projectcontour.io", "configures the gateways of Contour")
        .see("https://projectcontour.io/docs/main/config/annotations/"),
    gateway("solo.io", "configures the gateways of Gloo").see("https://docs.solo.io/"),
    gateway("tailscale.com", "exposes the Ingress in a network of Tailscale")
        .see("https://tailscale.com/kb/1439/kubernetes-operator-cluster-ingress"),
    gateway("tencent.com", "configures load balancers of Tencent Cloud")
        .see("https://www.tencentcloud.com/document/product/457"),
    gateway("traefik.io", "configures the gateways of Traefik")
        .see("https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/"),
    gateway("tyk.io", "configures the gateways of Tyk").see("https://tyk.io/docs/"),
    gateway("vmware.com", "configures load balancers of VMware").see("https://techdocs.broadcom.com/"),
    gateway("zalando.org", "adds routes to the gateways of Skipper")
        .see("https://opensource.zalando.com/skipper/kubernetes/ingress-usage/"),
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
