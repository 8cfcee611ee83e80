//! Logs: for people on a terminal, JSON lines otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to standard error; `default_level` holds unless `RUST_LOG` says otherwise. A second call has no effect.
pub fn start(default_level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let registry = tracing_subscriber::registry().with(filter);
    let output = std::io::stderr;
    // Fails only if a subscriber is set already, and then that one serves.
    let _ = if std::io::stderr().is_terminal() {
        registry.with(tracing_subscriber::fmt::layer().with_writer(output).compact()).try_init()
    } else {
        registry.with(tracing_subscriber::fmt::layer().with_writer(output).json().with_current_span(false)).try_init()
    };
}
