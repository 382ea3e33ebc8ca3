use k8s_openapi::jiff::Timestamp;

/// Formats a time as conditions have it.
pub(super) fn format_timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
