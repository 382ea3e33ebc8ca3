use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Logs to stderr: text on a terminal, a JSON object a line elsewhere. `filter` is as `RUST_LOG` writes it.
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
