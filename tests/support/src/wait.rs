//! Polling.

use std::time::{Duration, Instant};

/// Polls for at most half a minute.
pub fn until<F: Found>(found: impl FnMut() -> F) -> F::Value {
    within(Duration::from_secs(30), found)
}

/// Polls for at most `limit`.
pub fn within<F: Found>(limit: Duration, mut found: impl FnMut() -> F) -> F::Value {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(value) = found().value() {
            return value;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{limit:?} were not enough")
}

/// The result of one poll: `false` and `None` mean not yet.
pub trait Found {
    type Value;

    fn value(self) -> Option<Self::Value>;
}

impl Found for bool {
    type Value = ();

    fn value(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Found for Option<T> {
    type Value = T;

    fn value(self) -> Self {
        self
    }
}
