//! Refreshes listings while the old ones are in use. The calls go in the bulk lane and count for no job.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::domain::job::Lane;
use crate::engine::core::EngineCore;
use crate::engine::port::{CallError, CallOptions};
use crate::lifecycle::Lifecycle;

/// Waits until a listing is due, then reads it.
type WhenDue = for<'a> fn(&'a EngineCore, &'a CallOptions) -> BoxFuture<'a, Result<(), CallError>>;

/// Starts one loop for the directory and one for the catalogues.
pub(in crate::engine) fn start(core: &Arc<EngineCore>, lifecycle: &Lifecycle) {
    let both: [(&str, WhenDue); 2] = [
        ("directory", |core, options| core.directory.renew_when_due(core.genesys.as_ref(), options).boxed()),
        ("catalogues", |core, options| core.catalogues.renew_when_due(core.genesys.as_ref(), options).boxed()),
    ];
    for (name, when_due) in both {
        let core = Arc::clone(core);
        lifecycle.keep_trying_until_stop(name, move || renew(Arc::clone(&core), when_due));
    }
}

async fn renew(core: Arc<EngineCore>, when_due: WhenDue) {
    let mut failed = 0;
    loop {
        match when_due(&core, &CallOptions::new(Lane::Bulk)).await {
            Ok(()) => failed = 0,
            Err(error) => {
                failed += 1;
                tracing::warn!(%error, "cannot refresh a listing; using the old one for now");
                tokio::time::sleep(core.backoff.pause(failed)).await;
            }
        }
    }
}
