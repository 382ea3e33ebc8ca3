//! The admission webhook: answers AdmissionReviews over HTTPS.
//!
//! Every readable review gets an answer with its own uid. Any other request gets an HTTP error that repeats nothing
//! of it. The webhook does not decide itself: `policy` judges, in a snapshot that `sources` provides.

pub mod certificate;
mod connections;
mod decision_log;
mod decision_span;
mod handler;
mod mutate;
mod outcome;
mod retry;
pub mod server;
mod settings;
mod state;
pub mod wire;

pub use decision_log::DecisionLog;
pub use handler::router;
pub use state::Webhook;
