//! Where the record of a person is read when a sender only says who has changed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use reqwest::Url;
use secrecy::ExposeSecret;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

use crate::config::{ConfigError, FetchMethod, RecordConfig, WebhookConfig};

/// What stands for the sender's id of a person.
const PLACEHOLDER: &str = "{id}";

/// Whether a record could be read, as far as that can be told without trying.
pub(super) fn check(config: &WebhookConfig, record: &RecordConfig) -> Result<(), ConfigError> {
    let fault = |key: &str, problem: String| config.fault(format!("record.{key}"), problem);
    let url = Url::parse(&record.url.replace(PLACEHOLDER, "4711"));
    let url = url.map_err(|error| fault("url", format!("{:?}: {error}", record.url)))?;
    let host = Url::parse(&record.url.replace(PLACEHOLDER, "4712"))
        .ok()
        .and_then(|url| url.host().map(|host| host.to_owned()));
    if host.is_none() || host != url.host().map(|host| host.to_owned()) {
        return Err(fault("url", "must have a host, without {id} in it".to_owned()));
    }
    let local = url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
    if url.scheme() != "https" && !local {
        return Err(fault("url", "must begin with https://, since it carries a secret and personal data".to_owned()));
    }
    match (record.method, &record.body) {
        (FetchMethod::Get, Some(_)) => return Err(fault("body", "belongs to method = \"POST\"".to_owned())),
        (FetchMethod::Post, Some(body)) => {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(&body.replace(PLACEHOLDER, "4711")) {
                return Err(fault("body", format!("is not JSON: {error}")));
            }
        }
        (FetchMethod::Get | FetchMethod::Post, None) => {}
    }
    if !record.url.contains(PLACEHOLDER) && !record.body.as_ref().is_some_and(|body| body.contains(PLACEHOLDER)) {
        return Err(fault("url", "says nowhere whose record it is: put {id} where the sender's id goes".to_owned()));
    }
    if record.authorization.is_some() && record.authorization_file.is_some() {
        return Err(fault("authorization", "is given as well as authorization_file".to_owned()));
    }
    if let Some(file) = &record.authorization_file {
        std::fs::read_to_string(file)
            .map_err(|error| fault("authorization_file", format!("{}: {error}", file.display())))?;
    }
    for (name, value) in &record.headers {
        let good = name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value).is_ok();
        if !good {
            return Err(fault("headers", format!("{name:?} is not the name of a header, or its value is none")));
        }
    }
    Ok(())
}

/// Carries one call to an HR system and its answer back. Real ones are made by [`over_http`]; tests bring their own.
pub type RecordTransport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, String>;

/// What an HR system answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fetched {
    Record(Bytes),
    /// It has no such person any more.
    Gone,
}

/// Answers larger than this are no record of one person.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A transport over real connections. Redirects are not followed: the authorization must not go to another host.
pub fn over_http() -> Result<RecordTransport, ConfigError> {
    // Fails only when a provider is installed already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("skillsync/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ConfigError::Contradiction { key: "webhooks", problem: error.to_string() })?;
    Ok(BoxCloneSyncService::new(service_fn(move |request| exchange(client.clone(), request))))
}

async fn exchange(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    // Without the address: the id of a person is in it.
    let said = |error: reqwest::Error| error.without_url().to_string();
    let request = reqwest::Request::try_from(request).map_err(said)?;
    #[expect(clippy::disallowed_methods, reason = "this call goes to the HR system, which the gate has no part in")]
    let mut answer = client.execute(request).await.map_err(said)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(format!("the answer is larger than {LARGEST_ANSWER} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    Ok(response)
}

/// Asks for one record, once; what went wrong is said without ids and secrets.
pub(super) async fn fetch(transport: &RecordTransport, record: &RecordConfig, id: &str) -> Result<Fetched, String> {
    let request = request(record, id)?;
    let exchange = tokio::time::timeout(record.timeout, transport.clone().oneshot(request)).await;
    let answer = exchange.map_err(|_| format!("no answer within {:?}", record.timeout))??;
    match answer.status() {
        status if status.is_success() => Ok(Fetched::Record(answer.into_body())),
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Fetched::Gone),
        status => Err(format!("the answer is {status}")),
    }
}

fn request(record: &RecordConfig, id: &str) -> Result<Request<Bytes>, String> {
    let method = match record.method {
        FetchMethod::Get => Method::GET,
        FetchMethod::Post => Method::POST,
    };
    let url = record.url.replace(PLACEHOLDER, &in_path(id));
    let mut request = Request::builder().method(method).uri(url).header(ACCEPT, "application/json");
    for (name, value) in &record.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization(record)? {
        request = request.header(AUTHORIZATION, authorization);
    }
    let body = record.body.as_ref().map(|body| {
        // As the inside of a JSON text; the quotes are the template's.
        let quoted = serde_json::to_string(id).unwrap_or_default();
        body.replace(PLACEHOLDER, quoted.trim_start_matches('"').trim_end_matches('"'))
    });
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(body.unwrap_or_default().into()).map_err(|_| "the call cannot be put together".to_owned())
}

fn authorization(record: &RecordConfig) -> Result<Option<HeaderValue>, String> {
    let text = match (&record.authorization, &record.authorization_file) {
        (Some(secret), _) => secret.expose_secret().to_owned(),
        (None, Some(file)) => {
            std::fs::read_to_string(file).map_err(|error| format!("record.authorization_file: {error}"))?
        }
        (None, None) => return Ok(None),
    };
    let value = HeaderValue::from_str(text.trim()).map_err(|_| "record.authorization is no header".to_owned());
    value.map(|mut value| {
        value.set_sensitive(true);
        Some(value)
    })
}

/// An id as one segment of a path or one value of a query: whatever it holds, it stays within it.
fn in_path(id: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_~".contains(byte);
    let written = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(written).collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Config;
    use crate::lifecycle::Lifecycle;

    /// An HR system on a socket: one record is good, the others each go wrong in a way of their own.
    async fn hr_system(lifecycle: &Lifecycle) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/good", get(|| async { "{}" }))
            .route("/elsewhere", get(|| async { Redirect::temporary("http://localhost:1/good") }))
            .route("/within", get(|| async { Redirect::temporary("/good") }))
            .route("/endless", get(|| async { vec![b' '; LARGEST_ANSWER + 1] }))
            .route("/never", get(std::future::pending::<()>))
            .route("/gone", get(|| async { StatusCode::GONE }));
        lifecycle.spawn_until_stop(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}/{{id}}")
    }

    #[tokio::test]
    async fn an_hr_system_is_not_followed_elsewhere_and_not_waited_for_without_end() {
        let lifecycle = Lifecycle::default();
        let url = hr_system(&lifecycle).await;
        let toml = format!(
            "[genesys]\nregion = 'eu-central-1'\nclient_id = 'i'\nclient_secret = 's'\n[[webhooks]]\nname = 'hr'\n\
             preset = 'hibob'\ntarget = 'routingSkills'\nsecret = 'k'\nuser = {{ email = 'email' }}\n\
             record = {{ url = '{url}', timeout = '300ms', authorization = 'Bearer t' }}"
        );
        let config = Config::from_toml(&toml).unwrap().webhooks.remove(0).record.unwrap();
        let transport = over_http().unwrap();
        assert_eq!(fetch(&transport, &config, "good").await, Ok(Fetched::Record("{}".into())));
        assert_eq!(fetch(&transport, &config, "gone").await, Ok(Fetched::Gone));
        for (id, said) in [
            ("elsewhere", "the answer is 307"),
            ("within", "the answer is 307"),
            ("endless", "larger than"),
            ("never", "no answer within 300ms"),
        ] {
            let problem = fetch(&transport, &config, id).await.unwrap_err();
            assert!(problem.contains(said), "{id}: {problem}");
            assert!(!problem.contains(id) && !problem.contains("127.0.0.1"), "{problem}");
        }
        lifecycle.stop(Duration::from_secs(1)).await;
    }

    #[test]
    fn an_id_cannot_leave_its_place() {
        assert_eq!(in_path("67890"), "67890");
        assert_eq!(in_path("../../admin?x=1#y@z"), "%2E%2E%2F%2E%2E%2Fadmin%3Fx%3D1%23y%40z");
    }
}
