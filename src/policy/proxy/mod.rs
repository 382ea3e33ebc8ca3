//! The genuine proxy: tells the containers, volumes and metadata that the mesh's injector writes from those that only
//! a tenant can have written.
//!
//! The reference is what this cluster's injector makes of a plain pod. The tables are Istio's injection template: they
//! say what a pod's own annotations may change, and what older versions of the mesh made.

mod arguments;
mod comparison;
mod container;
mod environment;
pub mod metadata;
mod proxy_config;
mod variable;
mod volumes;
mod waypoint;

use super::object::JsonStr;
use crate::settings::{Image, Settings};

pub use arguments::{Arguments, GATEWAY_ARGUMENTS, INIT_ARGUMENTS, PROXY_ARGUMENTS, VALIDATION_ARGUMENTS};
pub use comparison::{Expected, Role};
pub use container::compare;
pub use volumes::{MESH_AUDIENCE, is_as_injected, is_mesh_volume, is_of_istio, mesh_tokens};
pub use waypoint::{compare_waypoint, is_claimed_waypoint};

pub const PROXY_CONTAINER: &str = "istio-proxy";
/// The container that redirects the pod's traffic to the proxy.
pub const INIT_CONTAINER: &str = "istio-init";
/// The container that checks the redirection made by istio-cni.
pub const VALIDATION_CONTAINER: &str = "istio-validation";

/// The image with which a container asks for that of the injector.
pub const AUTO_IMAGE: &str = "auto";

/// The container names that only the injector uses.
pub const INJECTED_CONTAINERS: &[&str] = &[PROXY_CONTAINER, INIT_CONTAINER, VALIDATION_CONTAINER];

/// The ports on which the proxy itself listens: health, metrics and merged metrics.
const MESH_PORTS: &[u16] = &[15020, 15021, 15090];

/// True if the text consists of ASCII letters, digits and `marks`.
fn is_plain(text: &str, marks: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

/// True if `image` comes from a repository of this mesh's proxy.
pub fn is_mesh_image(image: &str, settings: &Settings) -> bool {
    Image::parse(image).is_some_and(|image| settings.proxy_images.iter().any(|known| image.is_from(known)))
}

/// True if a hook or probe of the mesh's containers runs the same command as Istio's own: the agent, to wait for the
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
