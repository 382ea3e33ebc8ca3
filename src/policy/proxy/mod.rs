//! The genuine proxy: what the mesh's own injector makes, and what a tenant can only have written itself.

mod arguments;
mod container;
mod environment;
pub mod keys;
mod proxy_config;
mod volumes;

use super::object::JsonStr;
use crate::settings::{Image, Settings};

pub use arguments::{Arguments, INIT_ARGUMENTS, PROXY_ARGUMENTS, VALIDATION_ARGUMENTS};
pub use container::compare;
pub use volumes::{MESH_AUDIENCE, is_injected, is_mesh_volume, mesh_tokens};

/// The proxy's container.
pub const PROXY_CONTAINER: &str = "istio-proxy";
/// The container that redirects the pod's traffic to the proxy.
pub const INIT_CONTAINER: &str = "istio-init";
/// The container that checks the redirection which istio-cni made.
pub const VALIDATION_CONTAINER: &str = "istio-validation";

/// The names only the injector gives.
pub const INJECTED_CONTAINERS: &[&str] = &[PROXY_CONTAINER, INIT_CONTAINER, VALIDATION_CONTAINER];

/// Ports the proxy itself listens on: health, metrics, the merged metrics.
const MESH_PORTS: &[u16] = &[15020, 15021, 15090];

/// The annotation that makes the injector keep what a tenant wrote into the mesh's own containers.
pub const OVERRIDES_ANNOTATION: &str = "proxy.istio.io/overrides";
/// The injector's own note of what it did; one that is there before makes it believe it has been here.
pub const STATUS_ANNOTATION: &str = "sidecar.istio.io/status";

/// Whether `image` comes from a repository of this mesh's proxy.
pub fn is_mesh_image(image: &str, settings: &Settings) -> bool {
    Image::parse(image).is_some_and(|image| settings.proxy_images.iter().any(|known| image.is_from(known)))
}

/// Whether a hook or a probe of the mesh's containers runs what Istio's own run: the agent, to wait for the
/// proxy or to drain it.
pub fn is_istio_agent_command(command: &[JsonStr<'_>]) -> bool {
    let words: Vec<&str> = command.iter().map(|word| &**word).collect();
    match words.as_slice() {
        ["pilot-agent", "wait"] | ["pilot-agent", "request", "POST", "drain"] => true,
        ["pilot-agent", "request", port, "POST", "drain"] => {
            port.strip_prefix("--debug-port=").is_some_and(|port| port.parse::<u16>().is_ok())
        }
        _ => false,
    }
}
