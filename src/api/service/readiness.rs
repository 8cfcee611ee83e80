//! Whether the service can do its work.

/// Whether the service can do its work, as the composition root finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not all parts are up yet.
    Starting,
    /// All parts are up.
    Ready,
    /// A part is down. The detail is shown to whoever asks: it must not name internals.
    NotReady { detail: String },
}
