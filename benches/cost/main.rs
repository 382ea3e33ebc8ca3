//! Cost of a request to Kubernetes that Bulkhead judges, beside other ways to admit it:
//!
//! * `requests`: requests a second over TLS, of Bulkhead and of a null webhook, which has the same server and allows
//!   everything
//! * `creations`: time and processor time of a pod's creation through a real API server without a webhook, with the null
//!   webhook, with all entries of Bulkhead, and with a policy of five checks that the API server evaluates itself
//! * `updates`: processor time of the API server for updates by Kubernetes itself, for which Bulkhead's match conditions
//!   are evaluated, and the number of those that Bulkhead receives
//!
//! All rounds of a part alternate, so that other work on the machine meets each of them. Prints tables in Markdown: medians, with
//! the quartiles in brackets. Takes about ten minutes.
//!
//! Run: `cargo bench --bench cost`, or one part with `-- requests`, `creations` or `updates`. If
//! `BULKHEAD_BASELINE_BINARY` names another binary of Bulkhead, it is measured in the same rounds as `Bulkhead [old]`.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

mod creations;
mod figures;
mod load;
mod null_webhook;
#[path = "../pod.rs"]
mod pod;
mod registration;
mod requests;
#[path = "../review.rs"]
mod review;
mod stage;
mod table;
mod updates;
mod variant;

use tokio::runtime::Runtime;

use crate::stage::Stage;

const BINARY: &str = env!("CARGO_BIN_EXE_bulkhead");

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    if let Some(files) = null_webhook::asked() {
        return runtime.block_on(null_webhook::serve(files));
    }
    let runs =
        |part: &str| std::env::args().skip(1).all(|argument| argument.starts_with("--") || argument == part);
    let mut aims = Vec::new();
    if runs("requests") {
        aims.extend(requests::measure(&runtime));
    }
    if runs("creations") || runs("updates") {
        let stage = Stage::start(runtime);
        if runs("creations") {
            aims.extend(creations::measure(&stage));
        }
        if runs("updates") {
            aims.extend(updates::measure(&stage));
        }
    }
    table::print_aims(&aims);
}
