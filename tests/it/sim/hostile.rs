//! Listings of users as no client likes them: in pages of one user, and now and then wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use skillsync::genesys::transport::Transport;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::plan::{Hostile, ListingFault};

/// Stands before the simulator and answers listings of users.
#[derive(Debug, Clone)]
pub(super) struct Listings {
    hostile: Option<Hostile>,
    /// Faults so far.
    hits: Arc<AtomicU32>,
}

impl Listings {
    pub(super) fn new(hostile: Option<Hostile>) -> Self {
        Self { hostile, hits: Arc::default() }
    }

    /// The way to the simulator.
    pub(super) fn before(&self, inner: Transport) -> Transport {
        let Some(hostile) = self.hostile else { return inner };
        let hits = Arc::clone(&self.hits);
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let (inner, hits) = (inner.clone(), Arc::clone(&hits));
            async move {
                let Some(page) = page_of(&request) else { return inner.oneshot(request).await };
                let repeats = hostile.fault == ListingFault::Repeating && page > 1 && hit(&hits, hostile);
                let asked = if repeats { 1 } else { page };
                let answer = inner.oneshot(in_small_pages(&request, page, asked)).await?;
                Ok(spoilt(answer, page, hostile, &hits))
            }
        }))
    }
}

fn hit(hits: &AtomicU32, hostile: Hostile) -> bool {
    hits.fetch_add(1, Ordering::Relaxed) < hostile.times
}

fn page_of(request: &Request<Bytes>) -> Option<u64> {
    if request.uri().path() != "/api/v2/users" {
        return None;
    }
    let mut pairs = request.uri().query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix("pageNumber=")?.parse().ok())
}

fn in_small_pages(request: &Request<Bytes>, page: u64, asked: u64) -> Request<Bytes> {
    let uri = request.uri().to_string().replace(&format!("pageNumber={page}"), &format!("pageNumber={asked}"));
    let uri = uri.replace("pageSize=500", "pageSize=1");
    let mut small = Request::builder().method(request.method()).uri(uri).body(request.body().clone()).unwrap();
    small.headers_mut().extend(request.headers().clone());
    small
}

fn spoilt(answer: Response<Bytes>, page: u64, hostile: Hostile, hits: &AtomicU32) -> Response<Bytes> {
    let Ok(mut body) = serde_json::from_slice::<Value>(answer.body()) else { return answer };
    let Some(count) = body["pageCount"].as_u64().filter(|_| answer.status().is_success()) else { return answer };
    body["pageNumber"] = page.into();
    let empty = match hostile.fault {
        ListingFault::None | ListingFault::Repeating => false,
        ListingFault::Short => page == count,
        ListingFault::Empty => 1 < page && page < count,
    };
    if empty && hit(hits, hostile) {
        body["entities"] = Value::Array(Vec::new());
    }
    answer.map(|_| body.to_string().into())
}
