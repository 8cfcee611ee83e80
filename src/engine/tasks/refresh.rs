//! Reads listings anew while the old ones are in use: in the bulk lane, on nobody's account.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::domain::job::Lane;
use crate::engine::core::EngineCore;
use crate::engine::port::{CallError, CallOptions};
use crate::lifecycle::Lifecycle;

/// Waits until a listing is due, then reads it.
type WhenDue = for<'a> fn(&'a EngineCore, &'a CallOptions) -> BoxFuture<'a, Result<(), CallError>>;

/// Starts a loop for the directory and one for the catalogues.
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
                tracing::warn!(%error, "cannot read a listing anew; the old one is used for now");
                tokio::time::sleep(core.backoff.pause(failed)).await;
            }
        }
    }
}
