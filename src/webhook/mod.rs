//! The admission webhook: answers AdmissionReviews over HTTPS.
//!
//! Every readable review gets an answer with its own uid. Any other request gets an HTTP error that repeats nothing
//! of it. The webhook does not decide itself: `policy` judges, in a snapshot that `sources` provides.

pub mod certificate;
mod connections;
mod handler;
mod mutate;
mod retry;
pub mod server;
mod state;
mod validate;
pub mod wire;

pub use handler::router;
pub use state::Webhook;
