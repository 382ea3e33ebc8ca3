//! Everything Bulkhead claims, through the real things where they exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod scratch;
