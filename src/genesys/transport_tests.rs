//! The wire over real sockets: what only sockets show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::*;
use crate::lifecycle::Lifecycle;

/// Serves `router` on its own port.
async fn served(router: Router, lifecycle: &Lifecycle) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    lifecycle.spawn_until_stop(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn get(address: &str) -> Request<Bytes> {
    Request::get(address).header("authorization", "Bearer t").body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn a_redirect_is_handed_over_and_not_followed() {
    let lifecycle = Lifecycle::default();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let elsewhere = Router::new().fallback(move || async move { counter.fetch_add(1, Ordering::Relaxed).to_string() });
    let elsewhere = served(elsewhere, &lifecycle).await;
    let redirecting = move || async move { (StatusCode::FOUND, [("location", elsewhere)]).into_response() };
    let home = served(Router::new().fallback(redirecting), &lifecycle).await;
    let answer = over_http(&TransportSettings::default()).unwrap().oneshot(get(&home)).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "the token goes to no other host");
}

#[tokio::test]
async fn a_connection_serves_many_calls() {
    let lifecycle = Lifecycle::default();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = format!("http://{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    lifecycle.spawn_until_stop(async move { axum::serve(listener, Router::new()).await.unwrap() });
    let transport = over_http(&TransportSettings::default()).unwrap();
    for _ in 0..20 {
        assert_eq!(transport.clone().oneshot(get(&home)).await.unwrap().status(), 404);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_slow_is_given_up() {
    let lifecycle = Lifecycle::default();
    let slow = || async { tokio::time::sleep(Duration::from_secs(30)).await };
    let router = Router::new()
        .route("/large", axum::routing::get(|| async { vec![b' '; 10_001] }))
        .route("/fits", axum::routing::get(|| async { vec![b' '; 10_000] }))
        .route("/slow", axum::routing::get(slow));
    let home = served(router, &lifecycle).await;
    let settings = TransportSettings {
        most_answer_bytes: 10_000,
        attempt_timeout: Duration::from_millis(200),
        ..TransportSettings::default()
    };
    let transport = over_http(&settings).unwrap();
    let ask = |path: &str| transport.clone().oneshot(get(&format!("{home}{path}")));
    assert_eq!(ask("/fits").await.unwrap().body().len(), 10_000);
    let too_large = TransportError::NoAnswer("the answer is larger than 10000 bytes".to_owned());
    assert_eq!(ask("/large").await.unwrap_err(), too_large);
    assert_eq!(ask("/slow").await.unwrap_err(), TransportError::NoAnswer("timed out".to_owned()));
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = over_http(&TransportSettings::default()).unwrap().oneshot(get(&address)).await.unwrap_err();
    assert!(matches!(refused, TransportError::NotSent(_)), "{refused:?}");
}

#[tokio::test]
async fn everything_goes_through_the_proxy_if_there_is_one() {
    let lifecycle = Lifecycle::default();
    let proxy = Router::new().fallback(|request: AxumRequest| async move { request.uri().to_string() });
    let proxy = served(proxy, &lifecycle).await;
    let transport = over_http(&TransportSettings { proxy: Some(proxy), ..TransportSettings::default() }).unwrap();
    let answer = transport.oneshot(get("http://genesys.test/api")).await.unwrap();
    assert_eq!(answer.body(), "http://genesys.test/api");
}

#[test]
fn settings_that_cannot_be_used_name_their_key() {
    let proxy = TransportSettings { proxy: Some("::".to_owned()), ..TransportSettings::default() };
    assert!(over_http(&proxy).unwrap_err().to_string().starts_with("genesys.proxy"));
    let ca = TransportSettings { extra_ca: Some(b"nothing".to_vec()), ..TransportSettings::default() };
    assert!(over_http(&ca).unwrap_err().to_string().starts_with("genesys.ca_file"));
    let ca = include_bytes!("testdata/ca.pem").to_vec();
    assert!(over_http(&TransportSettings { extra_ca: Some(ca), ..TransportSettings::default() }).is_ok());
}

/// A server behind TLS that offers HTTP/2 and HTTP/1.1 and answers with the version in use, and the authority that
/// signed its certificate.
async fn behind_tls(lifecycle: &Lifecycle) -> (String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    lifecycle.spawn_until_stop(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            // A client that does not trust the certificate disconnects here.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let say = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
                let version = format!("{:?}", request.version());
                Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::new(Bytes::from(version))))
            });
            let server = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
            let _ = server.serve_connection(hyper_util::rt::TokioIo::new(stream), say).await;
        }
    });
    (format!("https://localhost:{port}/"), authority_pem)
}

#[tokio::test]
async fn http_2_is_used_where_it_is_offered_and_an_authority_of_ones_own_is_trusted() {
    let lifecycle = Lifecycle::default();
    let (home, authority) = behind_tls(&lifecycle).await;
    let settings = TransportSettings { extra_ca: Some(authority.into_bytes()), ..TransportSettings::default() };
    let answer = over_http(&settings).unwrap().oneshot(get(&home)).await.unwrap();
    assert_eq!(answer.body(), "HTTP/2.0");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent() {
    let lifecycle = Lifecycle::default();
    let (home, _) = behind_tls(&lifecycle).await;
    let refused = over_http(&TransportSettings::default()).unwrap().oneshot(get(&home)).await;
    let Err(TransportError::NotSent(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("certificate"), "{why}");
}
