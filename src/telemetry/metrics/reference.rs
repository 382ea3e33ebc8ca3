use std::fmt::Write;

use super::definition::{Definition, Type};
use super::label::Label;

/// Labels with more values than this are described instead of listed.
const MAX_LISTED_VALUES: usize = 12;

/// Returns the table of all metrics for the documentation.
pub fn metrics_markdown(definitions: &[Definition]) -> String {
    let mut text = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n".to_owned();
    for Definition { name, metric_type, unit, labels, meaning } in definitions {
        let metric_type = match metric_type {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        let unit = unit.as_deref().unwrap_or_default();
        let labels: Vec<String> = labels.iter().map(describe).collect();
        let _ = writeln!(text, "| `{name}` | {metric_type} | {unit} | {} | {meaning} |", labels.join("; "));
    }
    text
}

fn describe(label: &Label) -> String {
    let values = label.values();
    let name = label.name;
    match values.as_slice() {
        [first, .., last] if values.len() > MAX_LISTED_VALUES => {
            format!("`{name}`: {} values, `{first}` to `{last}`", values.len())
        }
        values => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{name}`: {}", values.join(", "))
        }
    }
}
