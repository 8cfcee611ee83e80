//! The readiness of the service.

/// The readiness of the service, as determined by the composition root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not all parts have started yet.
    Starting,
    /// All parts are up.
    Ready,
    /// A part is down. Every caller can see the detail, so it must not reveal internals.
    NotReady { detail: String },
}
