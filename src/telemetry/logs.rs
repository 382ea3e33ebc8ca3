use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging to stderr: one JSON object a line, or text. `filter` has the syntax of `RUST_LOG`.
pub fn init(filter: &str, is_json: bool) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if is_json {
        builder.json().flatten_event(true).init();
    } else if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.with_ansi(false).init();
    }
    Ok(())
}
