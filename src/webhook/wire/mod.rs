//! Reads and writes `AdmissionReview` of `admission.k8s.io/v1`, as an API server sends and expects it.
//!
//! The types are Bulkhead's own, because a pod is read in the same pass as the review around it, all other objects stay
//! bytes, and a review must have its uid even if its object cannot be read.

mod request;
mod response;

pub use request::{Envelope, ReviewError, read};
pub use response::AdmissionResponse;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
