//! The admission webhook: bytes in, bytes out, over HTTPS. A readable review always gets an answer under
//! its own uid; what is no review gets an HTTP error that echoes nothing.

mod again;
pub mod certificate;
mod handler;
mod mutate;
pub mod server;
mod validate;
pub mod wire;

pub use handler::{Hook, router};
