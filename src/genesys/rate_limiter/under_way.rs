//! Completes a call that was sent although its caller is gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::lifecycle::Lifecycle;

type CallUnderWay<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call from the moment its permit was granted.
///
/// Invariant: the call is carried on to its end even if its caller is dropped, for as long as other calls may be sent.
/// It would be unknown when a request arrives whose connection was given up: it may sit in a proxy for longer than the
/// call keeps its place in a window. Only its answer tells.
pub(super) struct UnderWay<T: Send + 'static> {
    call: Option<CallUnderWay<T>>,
    lifecycle: Lifecycle,
}

impl<T: Send + 'static> UnderWay<T> {
    pub(super) fn new(call: impl Future<Output = T> + Send + 'static, lifecycle: &Lifecycle) -> Self {
        Self { call: Some(Box::pin(call)), lifecycle: lifecycle.clone() }
    }
}

impl<T: Send + 'static> Future for UnderWay<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(call) = &mut self.call else { return Poll::Pending };
        let answer = std::task::ready!(call.as_mut().poll(context));
        self.call = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for UnderWay<T> {
    fn drop(&mut self) {
        // A call that panicked, or whose runtime is ending, cannot be carried on.
        let may_go_on = !std::thread::panicking() && Handle::try_current().is_ok();
        if let Some(call) = self.call.take().filter(|_| may_go_on) {
            self.lifecycle.spawn_until_stopped(async move { drop(call.await) });
        }
    }
}
