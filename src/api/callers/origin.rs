//! Checks the host and the origin of a request, to keep foreign web pages out of a service without API keys.
//!
//! Without keys, every caller who reaches the service may do everything. It listens on loopback only, but every browser
//! on this machine reaches it: a page of any site can send requests to `localhost`, and a page whose host name an
//! attacker resolves to 127.0.0.1 (DNS rebinding) can also read the responses. Browsers reveal this in headers that
//! pages cannot change.
//!
//! Invariant: without keys, no request is carried out that names a host other than this machine (RFC 9110, 7.2) or that
//! a page of another origin sends (`Origin`, RFC 6454; `Sec-Fetch-Site`, Fetch Metadata).

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, Request, Version};

use crate::api::callers::open_paths::is_open;
use crate::api::listener::serve::Peer;
use crate::api::shapes::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Refuses an HTTP/1.1 request from a connection without exactly one `Host` header (RFC 9112, 3.2).
pub(in crate::api) fn check_host<B>(request: &Request<B>) -> Result<(), Problem> {
    let given = request.headers().get_all(HOST).iter().count();
    let may_lack_it = request.version() < Version::HTTP_11 || request.extensions().get::<Peer>().is_none();
    if given == 1 || (given == 0 && may_lack_it) { Ok(()) } else { Err(Problem::not_one_host(given)) }
}

/// Refuses requests to other host names and from pages of other origins; called only without API keys.
pub(in crate::api) fn check_keyless<B>(request: &Request<B>) -> Result<(), Problem> {
    let headers = request.headers();
    let host = match headers.get(HOST) {
        Some(host) => Some(authority(host).ok_or_else(Problem::foreign_host)?),
        None => None,
    };
    let named = [host.as_ref(), request.uri().authority()];
    if named.into_iter().flatten().any(|authority| !is_this_machine(authority)) {
        return Err(Problem::foreign_host());
    }
    let same_origin = |origin: &HeaderValue| {
        let origin = origin.to_str().unwrap_or_default();
        let (_, given) = origin.split_once("://").unwrap_or_default();
        host.as_ref().is_some_and(|host| host.as_str().eq_ignore_ascii_case(given))
    };
    if !headers.get_all(ORIGIN).iter().all(same_origin) {
        return Err(Problem::foreign_page());
    }
    let from_elsewhere = |site: &HeaderValue| site != "same-origin" && site != "none";
    if headers.get_all(SEC_FETCH_SITE).iter().any(from_elsewhere) && !opens_a_page(request) {
        return Err(Problem::foreign_page());
    }
    Ok(())
}

/// Returns whether the request follows a link to an open path. The page with the link cannot read the response.
fn opens_a_page<B>(request: &Request<B>) -> bool {
    let navigates = request.headers().get(SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate");
    navigates && *request.method() == Method::GET && is_open(request.uri().path())
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    Authority::try_from(host.as_bytes()).ok()
}

/// Returns whether the authority is `localhost` (RFC 6761, 6.3) or a loopback address in its usual notation. These
/// names cannot be resolved to other machines.
fn is_this_machine(authority: &Authority) -> bool {
    let host = authority.host();
    // Userinfo before an @ only looks like a host, and only a port may follow the host.
    let is_port =
        |rest: &str| rest.strip_prefix(':').is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok());
    if !authority.as_str().strip_prefix(host).is_some_and(|rest| rest.is_empty() || is_port(rest)) {
        return false;
    }
    let ipv6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || ipv6.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::builder().method(method).uri(path);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
    }

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.0.0.2:1", "[::1]", "[::1]:8080"]
        {
            assert!(check_keyless(&request(Method::GET, "/v1/limits", &[("host", good)])).is_ok(), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.evil.example",
            "evil.localhost",
            "localhost.",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "[::ffff:127.0.0.1]",
            "[::]",
            "localhost@evil.example",
            "evil.example@localhost",
            "[::1]evil.example",
            "localhost:evil",
            "localhost:99999",
            "a b",
            "",
        ] {
            assert!(check_keyless(&request(Method::GET, "/v1/limits", &[("host", bad)])).is_err(), "{bad:?}");
            let absolute = format!("http://{bad}/v1/limits");
            if absolute.parse::<Uri>().is_ok() {
                assert!(check_keyless(&request(Method::GET, &absolute, &[("host", "localhost")])).is_err(), "{bad:?}");
            }
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused_and_a_link_to_the_dashboard_is_not() {
        let host = ("host", "localhost:8080");
        for (headers, passes) in [
            (vec![host], true),
            (vec![host, ("origin", "http://localhost:8080")], true),
            (vec![host, ("origin", "https://localhost:8080")], true),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "none")], true),
            (vec![host, ("origin", "http://localhost:3000")], false),
            (vec![host, ("origin", "http://127.0.0.1:8080")], false),
            (vec![host, ("origin", "http://evil.example")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "")], false),
            (vec![host, ("origin", "http://localhost:8080"), ("origin", "http://evil.example")], false),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false),
            (vec![("origin", "http://localhost:8080")], false),
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = check_keyless(&request(method.clone(), "/v1/sync-jobs", &headers));
                assert_eq!(answer.is_ok(), passes, "{method} {headers:?}");
            }
        }
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert!(check_keyless(&request(Method::GET, "/", &link)).is_ok());
        assert!(check_keyless(&request(Method::POST, "/", &link)).is_err());
        assert!(check_keyless(&request(Method::GET, "/", &link[..2])).is_err());
    }
}
