use super::{Field, fields, free, judged, limited, metadata, volume_claim};
use crate::policy::fields::Values;

pub(super) static TABLE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    fields("spec", SPEC),
    // Its addresses decide which traffic reaches the pod. The other fields of the status describe the pod to its own
    // tenant; the scheduler and the kubelet check for themselves what they do on a node.
    judged("status", &["BH405"]),
];

/// The pods that a controller creates.
pub(super) static TEMPLATE: &[Field] = &[fields("metadata", metadata::TABLE), fields("spec", SPEC)];

pub(super) static SPEC: &[Field] = &[
    free("activeDeadlineSeconds"),
    // It can only narrow the choice of nodes that `nodeSelector` and taints leave.
    free("affinity"),
    free("automountServiceAccountToken"),
    fields("containers[]", CONTAINER),
    limited(
        "dnsConfig.nameservers[]",
        "BH319",
        Values::NameServer,
        "is a name server that can give the names of others another address",
    ),
    free("dnsConfig.options"),
    free("dnsConfig.searches"),
    limited(
        "dnsPolicy",
        "BH319",
        Values::Only(&["ClusterFirst", "ClusterFirstWithHostNet"]),
        "makes the pod ask other name servers than the cluster's",
    ),
    free("enableServiceLinks"),
    fields("ephemeralContainers[]", CONTAINER),
    limited(
        "ephemeralContainers[].targetContainerName",
        "BH309",
        Values::OtherThanMeshContainer,
        "shows the container the processes and files of the Istio proxy, with the keys of its identity",
    ),
    limited("hostAliases[].hostnames[]", "BH319", Values::OtherThanClusterName, CLUSTER_NAME),
    free("hostAliases[].ip"),
    limited(
        "hostIPC",
        "BH306",
        Values::False,
        "gives the pod the shared memory of the node and of other pods",
    ),
    judged("hostNetwork", &["BH301"]),
    limited(
        "hostPID",
        "BH306",
        Values::False,
        "gives the pod every process of the node, and with them the keys of other tenants",
    ),
    // `false` maps the users of the pod to others on the node, which only takes rights away.
    free("hostUsers"),
    free("hostname"),
    // The kubelet writes it into the hosts file. Unlike `hostname`, it can have dots.
    limited("hostnameOverride", "BH319", Values::OtherThanClusterName, CLUSTER_NAME),
    free("imagePullSecrets"),
    fields("initContainers[]", CONTAINER),
    judged("nodeName", &["BH311"]),
    judged("nodeSelector", &["BH311"]),
    limited(
        "os.name",
        "BH301",
        Values::Only(&["linux"]),
        "runs the pod where nothing redirects its traffic to the Istio proxy",
    ),
    free("overhead"),
    free("preemptionPolicy"),
    free("priority"),
    limited(
        "priorityClassName",
        "BH320",
        Values::OtherThanSystemPriority,
        "lets the pod evict the pods of others, and keeps it on a node that is short of memory",
    ),
    free("readinessGates"),
    free("resourceClaims[].name"),
    limited("resourceClaims[].resourceClaimName", "BH322", Values::ResourceClaim, DEVICE_CLAIM),
    limited("resourceClaims[].resourceClaimTemplateName", "BH322", Values::ResourceClaim, DEVICE_CLAIM),
    free("resources"),
    free("restartPolicy"),
    limited(
        "runtimeClassName",
        "BH301",
        Values::RuntimeClass,
        "is a runtime that can keep ztunnel from capturing the pod's traffic",
    ),
    judged("schedulerName", &["BH311"]),
    free("schedulingGates"),
    free("schedulingGroup"),
    fields("securityContext.appArmorProfile", APP_ARMOR),
    limited("securityContext.fsGroup", "BH305", Values::OtherThanProxyUser, PROXY_GROUP),
    free("securityContext.fsGroupChangePolicy"),
    limited("securityContext.runAsGroup", "BH305", Values::OtherThanProxyUser, PROXY_GROUP),
    free("securityContext.runAsNonRoot"),
    limited("securityContext.runAsUser", "BH305", Values::OtherThanProxyUser, PROXY_USER),
    free("securityContext.seLinuxChangePolicy"),
    fields("securityContext.seLinuxOptions", SE_LINUX),
    free("securityContext.seccompProfile.localhostProfile"),
    limited(
        "securityContext.seccompProfile.type",
        "BH307",
        Values::Only(&["RuntimeDefault"]),
        "also applies to Istio's containers, and can keep them from redirecting the pod's traffic",
    ),
    limited("securityContext.supplementalGroups[]", "BH305", Values::OtherThanProxyUser, PROXY_GROUP),
    free("securityContext.supplementalGroupsPolicy"),
    limited(
        "securityContext.sysctls[].name",
        "BH307",
        Values::Only(SAFE_SYSCTLS),
        "is a setting of the kernel that can concern more than this pod",
    ),
    free("securityContext.sysctls[].value"),
    fields("securityContext.windowsOptions", WINDOWS),
    free("serviceAccount"),
    free("serviceAccountName"),
    free("setHostnameAsFQDN"),
    limited(
        "shareProcessNamespace",
        "BH309",
        Values::False,
        "shows every container the processes and files of the Istio proxy, with the keys of its identity",
    ),
    free("subdomain"),
    free("terminationGracePeriodSeconds"),
    judged("tolerations[].effect", &["BH311"]),
    judged("tolerations[].key", &["BH311"]),
    free("tolerations[].operator"),
    free("tolerations[].tolerationSeconds"),
    free("tolerations[].value"),
    free("topologySpreadConstraints"),
    fields("volumes[]", VOLUME),
];

/// A container of the tenant's own. BH304 compares every field of Istio's containers.
pub(super) static CONTAINER: &[Field] = &[
    free("args"),
    free("command"),
    free("env"),
    free("envFrom"),
    judged("image", &["BH304"]),
    free("imagePullPolicy"),
    fields("lifecycle.postStart", HANDLER),
    fields("lifecycle.preStop", HANDLER),
    free("lifecycle.stopSignal"),
    fields("livenessProbe", PROBE),
    judged("name", &["BH301", "BH304", "BH310", "BH316"]),
    limited(
        "ports[].containerPort",
        "BH323",
        Values::OtherThanProxyPort,
        "is a port of the Istio proxy, to which no mesh policy applies",
    ),
    limited("ports[].hostIP", "BH318", Values::Empty, HOST_PORT),
    limited("ports[].hostPort", "BH318", Values::Zero, HOST_PORT),
    free("ports[].name"),
    free("ports[].protocol"),
    fields("readinessProbe", PROBE),
    free("resizePolicy"),
    free("resources"),
    free("restartPolicy"),
    free("restartPolicyRules"),
    free("securityContext.allowPrivilegeEscalation"),
    fields("securityContext.appArmorProfile", APP_ARMOR),
    limited(
        "securityContext.capabilities.add[]",
        "BH307",
        Values::Only(SAFE_CAPABILITIES),
        "is a right with which a program can leave the mesh, or reach the node",
    ),
    free("securityContext.capabilities.drop"),
    limited(
        "securityContext.privileged",
        "BH307",
        Values::False,
        "gives the container every right on the node, and it can stop the redirection to the Istio proxy",
    ),
    limited(
        "securityContext.procMount",
        "BH307",
        Values::Only(&["Default"]),
        "gives the container the kernel's files in `/proc`, which the runtime hides",
    ),
    free("securityContext.readOnlyRootFilesystem"),
    limited("securityContext.runAsGroup", "BH305", Values::OtherThanProxyUser, PROXY_GROUP),
    free("securityContext.runAsNonRoot"),
    limited("securityContext.runAsUser", "BH305", Values::OtherThanProxyUser, PROXY_USER),
    fields("securityContext.seLinuxOptions", SE_LINUX),
    free("securityContext.seccompProfile.localhostProfile"),
    limited(
        "securityContext.seccompProfile.type",
        "BH307",
        Values::Only(&["RuntimeDefault", "Localhost"]),
        "admits every system call",
    ),
    fields("securityContext.windowsOptions", WINDOWS),
    fields("startupProbe", PROBE),
    free("stdin"),
    free("stdinOnce"),
    free("terminationMessagePath"),
    free("terminationMessagePolicy"),
    free("tty"),
    free("volumeDevices"),
    free("volumeMounts[].mountPath"),
    limited(
        "volumeMounts[].mountPropagation",
        "BH308",
        Values::Only(&["None", "HostToContainer"]),
        "passes the container's mounts on to the node",
    ),
    judged("volumeMounts[].name", &["BH310"]),
    free("volumeMounts[].readOnly"),
    free("volumeMounts[].recursiveReadOnly"),
    free("volumeMounts[].subPath"),
    free("volumeMounts[].subPathExpr"),
    free("workingDir"),
];

pub(super) static PROBE: &[Field] = &[
    free("exec"),
    free("failureThreshold"),
    free("grpc"),
    fields("httpGet", HTTP_GET),
    free("initialDelaySeconds"),
    free("periodSeconds"),
    free("successThreshold"),
    fields("tcpSocket", TCP_SOCKET),
    free("terminationGracePeriodSeconds"),
    free("timeoutSeconds"),
];

static HANDLER: &[Field] =
    &[free("exec"), fields("httpGet", HTTP_GET), free("sleep"), fields("tcpSocket", TCP_SOCKET)];

/// The headers reach the pod itself only.
static HTTP_GET: &[Field] = &[HOST, free("httpHeaders"), free("path"), free("port"), free("scheme")];

static TCP_SOCKET: &[Field] = &[HOST, free("port")];

const HOST: Field = limited(
    "host",
    "BH317",
    Values::Empty,
    "makes the kubelet call another address than the pod's, from the node, where no network policy applies",
);

const CLUSTER_NAME: &str = "is a name of the cluster, and the Istio proxy can be led to another istiod by it";
const DEVICE_CLAIM: &str = "is a claim on devices of the node, such as a network card past the mesh";
const PROXY_USER: &str = "is the user of the Istio proxy, whose traffic is not redirected to it";
const PROXY_GROUP: &str = "is the group of the Istio proxy, whose traffic is not redirected to it";
const HOST_PORT: &str = "opens a port of the node, and network policies take its callers for the node";

static APP_ARMOR: &[Field] = &[
    free("localhostProfile"),
    limited("type", "BH307", Values::Only(&["RuntimeDefault", "Localhost"]), "takes AppArmor's limits away"),
];

static SE_LINUX: &[Field] = &[
    free("level"),
    limited("role", "BH307", Values::Empty, "replaces the SELinux role of containers"),
    limited(
        "type",
        "BH307",
        Values::Only(&["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"]),
        "replaces the SELinux type of containers by one with other rights",
    ),
    limited("user", "BH307", Values::Empty, "replaces the SELinux user of containers"),
];

static WINDOWS: &[Field] = &[
    free("gmsaCredentialSpec"),
    free("gmsaCredentialSpecName"),
    limited("hostProcess", "BH306", Values::False, "runs the container as a process of the node"),
    free("runAsUserName"),
];

/// The capabilities that the level `baseline` of the Pod Security Standards allows.
const SAFE_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The sysctls that the level `baseline` of the Pod Security Standards allows.
const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

static VOLUME: &[Field] = &[
    judged("name", &["BH310"]),
    node_volume("awsElasticBlockStore"),
    node_volume("azureDisk"),
    node_volume("azureFile"),
    node_volume("cephfs"),
    node_volume("cinder"),
    free("configMap"),
    limited("csi.driver", "BH308", Values::CsiDriver, "is a driver that acts on the node for the pod"),
    free("csi.fsType"),
    free("csi.nodePublishSecretRef"),
    free("csi.readOnly"),
    free("csi.volumeAttributes"),
    free("downwardAPI"),
    free("emptyDir"),
    free("ephemeral.volumeClaimTemplate.metadata"),
    fields("ephemeral.volumeClaimTemplate.spec", volume_claim::SPEC),
    node_volume("fc"),
    node_volume("flexVolume"),
    node_volume("flocker"),
    node_volume("gcePersistentDisk"),
    node_volume("gitRepo"),
    node_volume("glusterfs"),
    node_volume("hostPath"),
    free("image"),
    node_volume("iscsi"),
    node_volume("nfs"),
    free("persistentVolumeClaim"),
    node_volume("photonPersistentDisk"),
    node_volume("portworxVolume"),
    free("projected.defaultMode"),
    free("projected.sources[].clusterTrustBundle"),
    free("projected.sources[].configMap"),
    free("projected.sources[].downwardAPI"),
    free("projected.sources[].podCertificate.certificateChainPath"),
    free("projected.sources[].podCertificate.credentialBundlePath"),
    free("projected.sources[].podCertificate.keyPath"),
    free("projected.sources[].podCertificate.keyType"),
    free("projected.sources[].podCertificate.maxExpirationSeconds"),
    limited(
        "projected.sources[].podCertificate.signerName",
        "BH310",
        Values::Signer,
        "is a signer whose certificates can be valid in the mesh",
    ),
    free("projected.sources[].podCertificate.userAnnotations"),
    free("projected.sources[].secret"),
    judged("projected.sources[].serviceAccountToken", &["BH310"]),
    node_volume("quobyte"),
    node_volume("rbd"),
    node_volume("scaleIO"),
    free("secret"),
    node_volume("storageos"),
    node_volume("vsphereVolume"),
];

/// A volume that the node mounts from its own disk or network.
const fn node_volume(path: &'static str) -> Field {
    limited(
        path,
        "BH308",
        Values::None,
        "is a volume from the node's own disk or network, where no network policy applies",
    )
}
