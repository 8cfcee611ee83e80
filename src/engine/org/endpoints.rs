//! Detects that a target's endpoint does not exist at all. Such an endpoint answers 404 for everyone, exactly like one
//! that does not know a single user.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::domain::Target;
use crate::engine::port::UpstreamAnswer;

/// Number of users that the directory knows and the endpoint does not, without one that it knows, after which it counts
/// as absent.
const ENOUGH: u32 = 10;

/// How long an endpoint counts as present after it answered for a user, and how long an absent one is left alone before
/// the next attempt.
const REST: Duration = Duration::from_secs(60);

/// What is known of the endpoints.
///
/// Invariant: while an endpoint is absent, no reconciliation that begins spends a call on it, except one per `REST`. An
/// endpoint that answered for a user within `REST` is not absent, and one of the public API never is.
#[derive(Debug, Default)]
pub(in crate::engine) struct TargetEndpoints {
    known: Mutex<HashMap<Target, KnownEndpoint>>,
}

#[derive(Debug, Default)]
struct KnownEndpoint {
    answered_at: Option<Instant>,
    /// Number of users that it did not know, since it last knew one.
    lacking: u32,
    answer: UpstreamAnswer,
    ask_again_at: Option<Instant>,
}

impl TargetEndpoints {
    /// Records that the endpoint answered for a user.
    pub(in crate::engine) fn answered(&self, target: Target) {
        self.known().insert(target, KnownEndpoint { answered_at: Some(Instant::now()), ..KnownEndpoint::default() });
    }

    /// Records that the endpoint does not know a user who is in the directory. For the public API this means nothing:
    /// the user was deleted meanwhile.
    pub(in crate::engine) fn lacks_user(&self, target: Target, answer: &UpstreamAnswer) {
        if !target.is_of_a_partner() {
            return;
        }
        let mut known = self.known();
        let known = known.entry(target).or_default();
        known.lacking = known.lacking.saturating_add(1);
        known.answer = answer.clone();
        known.ask_again_at = Some(Instant::now() + REST);
        if known.lacking == ENOUGH {
            tracing::warn!(target = target.name(), %answer, "the endpoint of a target knows no user; check genesys.wfm_path");
        }
    }

    /// Returns the endpoint's answer if it is absent and must not be called now. A caller that gets `None` may call it.
    pub(in crate::engine) fn absent(&self, target: Target) -> Option<UpstreamAnswer> {
        let (mut known, now) = (self.known(), Instant::now());
        let known = known.get_mut(&target).filter(|known| known.lacking >= ENOUGH)?;
        if known.answered_at.is_some_and(|answered| now < answered + REST) {
            return None;
        }
        if known.ask_again_at.is_none_or(|again| again <= now) {
            known.ask_again_at = Some(now + REST);
            return None;
        }
        Some(known.answer.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Target, KnownEndpoint>> {
        self.known.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target = Target::WfmSkillGroups;

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_knows_nobody_is_asked_once_a_minute() {
        let (endpoints, answer) = (TargetEndpoints::default(), UpstreamAnswer::default());
        for _ in 0..ENOUGH {
            assert_eq!(endpoints.absent(TARGET), None);
            endpoints.lacks_user(TARGET, &answer);
        }
        assert_eq!(endpoints.absent(TARGET), Some(answer.clone()));
        assert_eq!(endpoints.absent(Target::RoutingSkills), None, "the other target is not concerned");
        tokio::time::advance(REST).await;
        assert_eq!(endpoints.absent(TARGET), None, "one user asks");
        assert_eq!(endpoints.absent(TARGET), Some(answer), "the others do not");
        endpoints.answered(TARGET);
        assert_eq!(endpoints.absent(TARGET), None);
    }

    #[tokio::test(start_paused = true)]
    async fn single_users_without_it_do_not_make_it_absent() {
        let endpoints = TargetEndpoints::default();
        for _ in 0..10 {
            endpoints.answered(TARGET);
            for _ in 0..2 * ENOUGH {
                endpoints.lacks_user(TARGET, &UpstreamAnswer::default());
            }
            assert_eq!(endpoints.absent(TARGET), None);
        }
    }
}
