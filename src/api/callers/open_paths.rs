//! The paths that require no API key.

/// The path prefix of the dashboard's files.
pub(in crate::api) const DASHBOARD: &str = "/dashboard/";

/// Paths that require no key: the probes, the OpenAPI document, and the dashboard, which asks its user for a key.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/openapi.json", "/"];

/// The path prefix of deliveries, which are authenticated by their signature and have no key with a request rate.
const DELIVERIES: &str = "/v1/webhooks/";

/// Returns whether this path requires no API key.
pub(in crate::api) fn is_open(path: &str) -> bool {
    let described = path == "/docs" || path.starts_with("/docs/") || path.starts_with(DASHBOARD);
    described || OPEN.contains(&path) || path.starts_with(DELIVERIES)
}
