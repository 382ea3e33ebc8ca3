//! The genuine proxy: what the mesh's own injector makes, and what a tenant can only have written itself.

mod arguments;

use crate::settings::{Image, Settings};

pub use arguments::{Arguments, CAPTURE, PROXY, VALIDATION};

/// The proxy's container.
pub const PROXY_NAME: &str = "istio-proxy";
/// The container that redirects the pod's traffic to the proxy.
pub const CAPTURE_NAME: &str = "istio-init";
/// The container that checks the redirection which istio-cni made.
pub const VALIDATION_NAME: &str = "istio-validation";

/// The names only the injector gives.
pub const NAMES: &[&str] = &[PROXY_NAME, CAPTURE_NAME, VALIDATION_NAME];

/// Annotations that make the injector keep what a tenant wrote into the mesh's own containers.
pub const OVERRIDES: &[&str] = &["proxy.istio.io/overrides"];

/// Whether `image` comes from a repository of this mesh's proxy.
pub fn is_mesh_image(image: &str, settings: &Settings) -> bool {
    Image::parse(image).is_some_and(|image| settings.proxy_images.iter().any(|known| image.is_from(known)))
}
