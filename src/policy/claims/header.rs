use super::Owner;
use crate::baseline::IDENTITY_HEADER;

/// The host of the request, which istiod rewrites instead of the header.
const HOST: &[&str] = &["host", ":authority"];
/// Headers that only the proxy of the receiver writes.
const RESERVED: &[&str] = &["x-forwarded-client-cert", IDENTITY_HEADER];
const RESERVED_PREFIX: &str = "x-envoy-";

pub(super) fn resolve(name: &str) -> Owner {
    let name = name.to_ascii_lowercase();
    if HOST.contains(&name.as_str()) {
        Owner::Foreign
    } else if RESERVED.contains(&name.as_str()) || name.starts_with(RESERVED_PREFIX) {
        Owner::Platform
    } else {
        Owner::Own
    }
}
