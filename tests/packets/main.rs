//! The packets tier: real packets between network namespaces. `mesh` sends them through real Envoys as sidecars,
//! `ambient` through real Envoys as waypoints and through a double of ztunnel, `network` past the NetworkPolicies alone.
//! `calls` and `asks` have what their tables of calls share. `image` needs root too: it starts the container image.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

mod ambient;
mod asks;
mod calls;
mod image;
mod mesh;
mod network;

use bulkhead_harness::dataplane::missing;

/// False if this machine cannot send packets: then nothing is tested, which is an error where `BULKHEAD_PACKETS` is set.
fn can_send_packets() -> bool {
    let Some(missing) = missing() else { return true };
    let is_required = std::env::var_os("BULKHEAD_PACKETS").is_some();
    assert!(!is_required, "packets cannot be sent here; missing: {missing}");
    support::say(&format!("\nNO PACKETS WERE SENT: this machine lacks {missing}\n"));
    false
}
