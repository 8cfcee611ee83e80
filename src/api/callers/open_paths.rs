//! The paths at which nobody is asked for a key.

/// Where the files of the dashboard are.
pub(in crate::api) const DASHBOARD: &str = "/dashboard/";

/// Paths that need no key: probes, what describes the service, and the page, which asks for a key itself.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/openapi.json", "/"];

/// Where webhooks come in: they are let in by their signature, and no key of theirs could ask too often.
const DELIVERIES: &str = "/v1/webhooks/";

/// Whether nobody is asked for a key here.
pub(in crate::api) fn is_open(path: &str) -> bool {
    let described = path == "/docs" || path.starts_with("/docs/") || path.starts_with(DASHBOARD);
    described || OPEN.contains(&path) || path.starts_with(DELIVERIES)
}
