//! Which calls the stack repeats by itself: few, soon, and only where a repetition can do no harm.
//!
//! What takes longer is not waited for here: the engine parks the work and gives its seat away. A write that may have
//! been carried out is never repeated here: the engine reads first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::retry::Policy;

use super::answer::retry_after;
use super::auth::StackError;
use super::call::CallContext;
use super::transport::TransportError;
use crate::engine::Backoff;

/// Nobody sleeps on a `Retry-After` longer than this; the work is parked.
pub(super) const LONGEST_PAUSE_SLEPT_ON: Duration = Duration::from_secs(180);

const TRIES: u32 = 3;

/// The retry layer's policy for one call.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    backoff: Arc<Backoff>,
    tries: u32,
}

impl RetryPolicy {
    pub(super) fn new(backoff: Arc<Backoff>) -> Self {
        Self { backoff, tries: 0 }
    }
}

/// What to do after one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// The answer, or its absence, is for the caller.
    HandOver,
    /// Again at once: the gate makes the call wait for as long as the answer asked.
    AgainThroughTheGate,
    /// Again after a pause of our own.
    AgainAfterPause,
}

/// One row a class of outcomes; `writes` says whether the call may have changed something.
fn decide(writes: bool, outcome: Result<(u16, Option<Duration>), &StackError>) -> Decision {
    match outcome {
        // The gate is paused by now. Nothing was carried out.
        Ok((429, pause)) if pause.unwrap_or_default() <= LONGEST_PAUSE_SLEPT_ON => Decision::AgainThroughTheGate,
        Ok((429, _)) => Decision::HandOver,
        // Trouble on Genesys' side or on the way; the gateway's 502 and 504 do not tell whether a write was carried out.
        Ok((408 | 500 | 502 | 503 | 504, _)) if !writes => Decision::AgainAfterPause,
        Ok(_) => Decision::HandOver,
        // No connection, so nothing was sent.
        Err(StackError::Transport(TransportError::NotSent(_))) => Decision::AgainAfterPause,
        Err(StackError::Transport(TransportError::NoAnswer(_))) if !writes => Decision::AgainAfterPause,
        Err(StackError::Transport(TransportError::NoAnswer(_))) => Decision::HandOver,
        // Logins have pauses of their own.
        Err(StackError::Login(_)) => Decision::HandOver,
    }
}

impl Policy<Request<Bytes>, Response<Bytes>, StackError> for RetryPolicy {
    type Future = BoxFuture<'static, ()>;

    fn retry(
        &mut self,
        request: &mut Request<Bytes>,
        result: &mut Result<Response<Bytes>, StackError>,
    ) -> Option<Self::Future> {
        let writes = request.extensions().get::<CallContext>().is_none_or(|call| call.route.writes());
        let outcome = match result {
            Ok(answer) => Ok((answer.status().as_u16(), retry_after(answer.headers()))),
            Err(error) => Err(&*error),
        };
        let decision = decide(writes, outcome);
        self.tries += 1;
        if self.tries >= TRIES {
            return None;
        }
        match decision {
            Decision::HandOver => None,
            Decision::AgainThroughTheGate => Some(Box::pin(std::future::ready(()))),
            Decision::AgainAfterPause => {
                let pause = self.backoff.pause(self.tries);
                Some(Box::pin(tokio::time::sleep(pause)))
            }
        }
    }

    fn clone_request(&mut self, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        Some(request.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_do_no_harm_is_repeated() {
        let (short, long) = (Some(Duration::from_secs(42)), Some(Duration::from_secs(181)));
        let unsent = StackError::Transport(TransportError::NotSent(String::new()));
        let unanswered = StackError::Transport(TransportError::NoAnswer(String::new()));
        for (writes, outcome, expected) in [
            (true, Ok((429, short)), Decision::AgainThroughTheGate),
            (true, Ok((429, long)), Decision::HandOver),
            (false, Ok((503, None)), Decision::AgainAfterPause),
            (true, Ok((503, None)), Decision::HandOver),
            (true, Ok((504, None)), Decision::HandOver),
            (true, Ok((409, None)), Decision::HandOver),
            (false, Ok((404, None)), Decision::HandOver),
            (false, Ok((200, None)), Decision::HandOver),
            (true, Err(&unsent), Decision::AgainAfterPause),
            (true, Err(&unanswered), Decision::HandOver),
            (false, Err(&unanswered), Decision::AgainAfterPause),
        ] {
            assert_eq!(decide(writes, outcome), expected, "writes: {writes}, {outcome:?}");
        }
    }
}
