use k8s_openapi::jiff::Timestamp;

/// Returns the current time in the format of a condition.
pub(super) fn timestamp() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
