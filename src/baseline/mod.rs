//! What every tenant namespace must carry, one file an object. Pure: `desired(world, …)` in, data out.

mod labels;

pub use labels::{Label, PLAIN_TENANT_LABEL, labels};
