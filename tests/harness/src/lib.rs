//! Starts the real programs that Bulkhead's tests, benches and playground talk to: etcd, a Kubernetes API server with
//! its controllers, istiod, and the Bulkhead binary in its own process.
//!
//! Everything binds to loopback on free ports and keeps its files in one temporary folder. It ends when the process
//! that started it ends, in any way (`guard`).

pub mod balancer;
pub mod cable;
pub mod cluster;
pub mod components;
pub mod dataplane;
pub mod discovery;
pub mod evaluator;
mod guard;
pub mod helm;
pub mod image;
pub mod istio;
pub mod kubectl;
pub mod kubelet;
pub mod mutator;
pub mod network;
pub mod nodes;
mod pipe;
pub mod pki;
pub mod process;
pub mod program;
pub mod progress;
pub mod protobuf;
pub mod tools;
pub mod wire;
