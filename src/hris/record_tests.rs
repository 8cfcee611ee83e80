//! Reads records over real connections.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;
use crate::address::hostile;
use crate::config::Config;
use crate::lifecycle::Lifecycle;

fn configured(record: &str) -> WebhookConfig {
    let toml = format!(
        "[genesys]\nregion = 'eu-central-1'\nclient_id = 'i'\nclient_secret = 's'\n[[webhooks]]\nname = 'hr'\n\
         preset = 'hibob'\ntarget = 'routingSkills'\nsecret = 'k'\nuser = {{ email = 'email' }}\nrecord = {{ {record} }}"
    );
    Config::from_toml(&toml).unwrap().webhooks.remove(0)
}

fn record(record: &str) -> RecordConfig {
    configured(record).record.unwrap()
}

/// An HR system on a socket: one record is good, and each of the others fails in its own way.
async fn hr_system(lifecycle: &Lifecycle) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/good", get(|| async { "{}" }))
        .route("/elsewhere", get(|| async { Redirect::temporary("http://localhost:1/good") }))
        .route("/within", get(|| async { Redirect::temporary("/good") }))
        .route("/endless", get(|| async { vec![b' '; MAX_ANSWER_BYTES + 1] }))
        .route("/never", get(std::future::pending::<()>))
        .route("/gone", get(|| async { StatusCode::GONE }));
    lifecycle.spawn_until_stop(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/{{id}}")
}

#[tokio::test]
async fn an_hr_system_is_not_followed_elsewhere_and_not_waited_for_without_end() {
    let lifecycle = Lifecycle::default();
    let url = hr_system(&lifecycle).await;
    let config = record(&format!("url = '{url}', timeout = '300ms', authorization = 'Bearer t'"));
    let transport = over_http().unwrap();
    assert_eq!(fetch(&transport, &config, "good").await, Ok(Fetched::Record("{}".into())));
    assert_eq!(fetch(&transport, &config, "gone").await, Ok(Fetched::Gone));
    for (id, said) in [
        ("elsewhere", "the answer is 307"),
        ("within", "the answer is 307"),
        ("endless", "larger than"),
        ("never", "no answer within 300ms"),
    ] {
        let Err(Setback::Passing(problem)) = fetch(&transport, &config, id).await else { panic!("{id} was read") };
        assert!(problem.contains(said), "{id}: {problem}");
        assert!(!problem.contains(id) && !problem.contains("127.0.0.1"), "{problem}");
    }
    lifecycle.stop(Duration::from_secs(1)).await;
}

#[test]
fn an_id_cannot_leave_its_place() {
    let config = record("url = 'https://hr.example/people/{id}/export', authorization = 'Bearer t'");
    for (id, can_be_one) in hostile().into_iter().filter(|(id, _)| id.len() < 1000) {
        match request(&config, &id) {
            Ok(request) => {
                let url = Url::parse(&request.uri().to_string()).unwrap();
                let segments: Vec<_> = url.path_segments().unwrap().collect();
                assert_eq!((segments.len(), segments[0], segments[2]), (3, "people", "export"), "{id:?}: {url}");
                assert_eq!((url.host_str(), url.query()), (Some("hr.example"), None), "{id:?}: {url}");
                assert!(can_be_one, "{id:?}: {url}");
            }
            Err(setback) => {
                assert!(!can_be_one, "{id:?}: {setback:?}");
                let Setback::Final(problem) = setback else { panic!("{id:?} would be tried again") };
                assert!(problem.contains("cannot be part of a URL"), "{problem}");
            }
        }
    }
    let Err(Setback::Final(problem)) = request(&config, &"4711".repeat(20_000)) else { panic!("no URL is that long") };
    assert!(!problem.contains("4711"));
}

#[test]
fn only_this_machine_is_asked_without_tls() {
    let config = |url: &str| configured(&format!("url = '{url}'"));
    let checked = |url: &str| {
        let source = config(url);
        check(&source, source.record.as_ref().unwrap()).is_ok()
    };
    for local in ["http://localhost:9/{id}", "http://127.0.0.2/{id}", "http://[::1]:9/{id}", "https://hr.example/{id}"]
    {
        assert!(checked(local), "{local}");
    }
    for other in
        ["http://127.evil.example/{id}", "http://hr.example/{id}", "http://10.0.0.1/{id}", "ftp://localhost/{id}"]
    {
        assert!(!checked(other), "{other}");
    }
}

#[tokio::test]
async fn a_record_is_asked_for_through_the_proxy_that_its_source_names() {
    let lifecycle = Lifecycle::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(|request: axum::extract::Request| async move { request.uri().to_string() });
    lifecycle.spawn_until_stop(async move { axum::serve(listener, router).await.unwrap() });
    let transport = over_http().unwrap();
    for _ in 0..2 {
        let through = record(&format!("url = 'http://127.0.0.1:9/{{id}}', proxy = '{proxy}'"));
        let told = fetch(&transport, &through, "7").await;
        assert_eq!(told, Ok(Fetched::Record("http://127.0.0.1:9/7".into())));
    }
    let direct = record("url = 'http://127.0.0.1:9/{id}'");
    assert!(matches!(fetch(&transport, &direct, "7").await, Err(Setback::Passing(_))));
    for faulty in ["proxy.example:3128", "socks5://proxy.example", "http://"] {
        let source = configured(&format!("url = 'https://hr.example/{{id}}', proxy = '{faulty}'"));
        let error = check(&source, source.record.as_ref().unwrap()).unwrap_err().to_string();
        assert!(error.contains("record.proxy"), "{error}");
    }
    lifecycle.stop(Duration::from_secs(1)).await;
}

#[test]
fn an_authorization_that_is_empty_is_none() {
    let file = std::env::temp_dir().join(format!("skillsync-authorization-{}", uuid::Uuid::new_v4()));
    let source = configured(&format!("url = 'https://hr.example/{{id}}', authorization_file = '{}'", file.display()));
    let config = source.record.as_ref().unwrap();
    for (text, said) in
        [("", "is empty"), ("\u{feff} \r\n", "is empty"), ("Bearer a\nBearer b", "is not a valid header value")]
    {
        std::fs::write(&file, text).unwrap();
        let refused = check(&source, config).unwrap_err().to_string();
        assert!(refused.contains("record.authorization_file") && refused.contains(said), "{text:?}: {refused}");
        // The file may be rewritten while the service runs.
        let Err(Setback::Passing(problem)) = request(config, "7") else { panic!("{text:?} was sent") };
        assert!(problem.contains("record.authorization_file") && problem.contains(said), "{text:?}: {problem}");
    }
    std::fs::write(&file, "Bearer t\n").unwrap();
    check(&source, config).unwrap();
    assert_eq!(request(config, "7").unwrap().headers()[AUTHORIZATION], "Bearer t");
    std::fs::remove_file(file).unwrap();
}
