//! Spans as a collector gets them: who caused a call to Genesys, nothing of anybody, and never at the cost of the work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use genesys_simulator::{Generated, Population, Scenario, Simulator};
use http::Request;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message as _;
use serde_json::{Value, json};
use skillsync::genesys::transport::{TransportSettings, over_http};
use skillsync::lifecycle::Lifecycle;
use skillsync::telemetry::spans_to;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;
use uuid::Uuid;

use crate::bed::Bed;
use crate::logs::{personal, scenario, submit};
use crate::process::{Client, Process, free_port};

/// Spans in memory, in the form in which they go out.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_spans_of_a_full_run_hold_no_personal_data_no_secret_and_no_body() {
    let kept = Kept::default();
    let (layer, export) = spans_to(kept.clone(), "skillsync".to_owned());
    // See `Captured::start` for the second subscriber.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let scenario = scenario();
    let bed = Bed::start(&scenario, "");
    let id = submit(&bed).await;
    bed.finish(id).await;
    bed.get("/v1/users/ana.diaz@example.com").await;
    bed.get(&format!("/v1/sync-jobs/{}/entries?state=failed", id.0)).await;
    bed.get("/metrics").await;
    drop(guard);
    export.finish().await;

    let spans = kept.0.lock().unwrap().clone();
    let count = |name: &str| spans.iter().filter(|span| span.name == name).count();
    assert_eq!((count("POST /v1/sync-jobs"), count("job"), count("GET /metrics")), (1, 1, 0));
    assert!(count("pass") >= 40 && count("attempt") > 80, "{} passes, {} attempts", count("pass"), count("attempt"));
    // Ids and times are left out: their digits could look like anything.
    let told = spans.iter().map(|span| format!("{}\n{:#?}\n{:?}\n", span.name, span.attributes, span.status));
    let text = told.collect::<Vec<_>>().concat();
    assert!(
        spans.iter().all(|span| span.events.is_empty() && span.links.iter().all(|link| link.attributes.is_empty()))
    );
    for personal in personal(&scenario, &bed.simulator) {
        let line = text.lines().find(|line| line.contains(&personal));
        assert_eq!(line, None, "{personal:?} is in the spans");
    }
}

/// A collector, the simulated Genesys and the real binary between them.
struct Traced {
    lifecycle: Lifecycle,
    genesys: String,
    folder: PathBuf,
}

impl Traced {
    async fn start() -> Self {
        let population = Population::Generated(Generated { users: 10, ..Generated::default() });
        let mut scenario = Scenario { population, ..Scenario::default() };
        scenario.limits.windows.clear();
        let (simulator, lifecycle) = (Simulator::new(scenario), Lifecycle::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let genesys = format!("http://{}", listener.local_addr().unwrap());
        let stopping = lifecycle.clone();
        lifecycle
            .spawn(async move { simulator.serve(listener, async move { stopping.stopping().await }).await.unwrap() });
        let folder = std::env::temp_dir().join(format!("skillsync-traces-{}", Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("journal")).unwrap();
        Self { lifecycle, genesys, folder }
    }

    /// Runs a job of ten users, tells the service to stop, and says how long that took.
    async fn run(&self, collector: &str, traceparent: &str) -> Duration {
        let port = free_port();
        let settings = [("SKILLSYNC__TELEMETRY__OTLP_ENDPOINT", collector)];
        let process = Process::start_with(port, &self.genesys, &self.folder.join("journal"), &settings);
        let url = format!("http://127.0.0.1:{port}");
        let client = Client::new(url.clone());
        client.until("/healthz", |_| true).await;
        let users = (1..=10)
            .map(|n| json!({"user": {"employeeId": format!("E{}", 1000 + n)}, "assignments": [{"name": "Group 1"}]}));
        let job = json!({"target": "wfmSkillGroups", "entries": users.collect::<Vec<_>>()});
        let request = Request::post(format!("{url}/v1/sync-jobs"))
            .header("content-type", "application/json")
            .header("traceparent", traceparent)
            .body(Bytes::from(job.to_string()));
        let answer = over_http(&TransportSettings::default()).unwrap().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 202);
        let accepted: Value = serde_json::from_slice(answer.body()).unwrap();
        let path = format!("/v1/sync-jobs/{}", accepted["id"].as_str().unwrap());
        client.until(&path, |view| view["finishedAt"].is_string()).await;
        let told = Instant::now();
        process.stop().await;
        told.elapsed()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.lifecycle.begin_stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A collector that keeps the bodies that come in.
async fn collector(lifecycle: &Lifecycle) -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let bodies = Arc::<Mutex<Vec<Bytes>>>::default();
    let kept = Arc::clone(&bodies);
    let keep = move |body: Bytes| {
        kept.lock().unwrap().push(body);
        std::future::ready(())
    };
    let router = Router::new().route("/v1/traces", post(keep));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = skillsync::api::ServeSettings::default();
    let serving = lifecycle.clone();
    lifecycle.spawn(async move {
        skillsync::api::serve(listener, router, settings, serving).await.unwrap();
    });
    (format!("http://{address}"), bodies)
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// An id as its bytes.
fn id(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn a_call_to_genesys_is_in_the_trace_of_the_caller_and_all_is_sent_before_the_end() {
    let traced = Traced::start().await;
    let (endpoint, bodies) = collector(&traced.lifecycle).await;
    traced.run(&endpoint, &format!("00-{TRACE}-{CALLER}-01")).await;

    let batches: Vec<_> =
        bodies.lock().unwrap().iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect();
    let of_service = batches.iter().flat_map(|batch| &batch.resource_spans);
    let resource = format!("{:?}", of_service.clone().next().unwrap().resource);
    assert!(resource.contains("service.name") && resource.contains("service.version"), "{resource}");
    let spans: Vec<&Span> = of_service.flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans).collect();
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (&*span.span_id, *span)).collect();
    let attempts: Vec<_> = spans.iter().filter(|span| span.name == "attempt" && span.trace_id == id(TRACE)).collect();
    assert!(attempts.len() >= 10, "{} attempts, of {} spans", attempts.len(), spans.len());

    let mut ways = BTreeMap::<Vec<&str>, usize>::new();
    for attempt in attempts {
        let mut way = vec![attempt.name.as_str()];
        let mut parent = &*attempt.parent_span_id;
        while let Some(span) = by_id.get(parent) {
            way.push(&span.name);
            parent = &span.parent_span_id;
        }
        assert_eq!(parent, id(CALLER), "{way:?}");
        *ways.entry(way).or_default() += 1;
    }
    let of_a_user = vec!["attempt", "genesys_call", "pass", "job", "POST /v1/sync-jobs"];
    assert!(ways.get(&of_a_user).is_some_and(|attempts| *attempts >= 10), "{ways:?}");
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_nothing_up() {
    let traced = Traced::start().await;
    // Connections come about, and that is all.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let stopped_in = traced.run(&endpoint, &format!("00-{TRACE}-{CALLER}-01")).await;
    assert!(stopped_in < Duration::from_secs(15), "{stopped_in:?}");
    let log = std::fs::read_to_string(traced.folder.join("service.log")).unwrap();
    assert!(log.contains("could not be exported"), "{log}");
}
