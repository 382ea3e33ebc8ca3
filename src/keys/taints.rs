/// Prefix of the taints of nodes with a role, such as the control plane.
pub const NODE_ROLE_PREFIX: &str = "node-role.kubernetes.io/";
/// Taint of a node that is not ready; with the effect `NoExecute` it concerns pods that run already.
pub const NOT_READY_TAINT: &str = "node.kubernetes.io/not-ready";
/// Taint of a node without a network.
pub const NETWORK_TAINT: &str = "node.kubernetes.io/network-unavailable";
/// Taints of nodes for the cluster's own pods, and of nodes without a network.
pub const RESERVED_TAINTS: &[&str] = &[
    "CriticalAddonsOnly",
    "cni.istio.io/not-ready",
    "node.cilium.io/agent-not-ready",
    "node.cloudprovider.kubernetes.io/uninitialized",
    NETWORK_TAINT,
];
