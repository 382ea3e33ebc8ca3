use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging to stderr: text on a terminal, else one JSON object per line. `filter` has the syntax of
/// `RUST_LOG`.
pub fn init(filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
    Ok(())
}
