//! Cost of keeping baselines in sync, on a real API server with istiod and two replicas of the webhook:
//!
//! * `apply`: time for a thousand namespaces, compared with a bare client that makes the same writes
//! * `repair`: delay until drift is repaired
//! * `rest`: number of writes at rest
//! * `killed`: effect on two hundred namespaces of a replica that is killed
//! * `upgrade`: effect on two hundred namespaces of a change of the baseline
//!
//! Run: `cargo bench --bench baseline`, or one part with `-- apply`, `repair`, `rest`, `killed` or `upgrade`.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

mod apply;
mod killed;
mod repair;
mod rest;
mod stage;
mod upgrade;

use bulkhead_harness::program::{Installation, NAMESPACE};
use tokio::runtime::Runtime;

use crate::stage::client;

const BINARY: &str = env!("CARGO_BIN_EXE_bulkhead");

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let mut it = Installation::start(BINARY.as_ref(), |_| {}).expect("an installation");
    let admin = it.cluster.admin().expect("an administrator");
    let admin = runtime.block_on(client(&admin));
    let bulkhead = it.cluster.service_account(NAMESPACE, "bulkhead-controller").expect("an account");
    let bulkhead = runtime.block_on(client(&bulkhead));
    let runs =
        |part: &str| std::env::args().skip(1).all(|argument| argument.starts_with("--") || argument == part);
    if runs("repair") {
        runtime.block_on(repair::measure(&admin, &bulkhead));
    }
    if runs("rest") {
        runtime.block_on(rest::measure(&it.cluster, &admin));
    }
    if runs("killed") {
        killed::measure(&runtime, &mut it, &admin);
    }
    if runs("upgrade") {
        upgrade::measure(&runtime, &mut it, &admin);
    }
    if runs("apply") {
        apply::measure(&runtime, &mut it, &admin, &bulkhead);
    }
}
