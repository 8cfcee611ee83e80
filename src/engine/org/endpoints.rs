//! Whether the endpoint of a target is there at all. One that is not answers 404 for everybody, and says no more than one
//! that does not know a single user.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::domain::Target;
use crate::engine::port::UpstreamAnswer;

/// Users whom the directory knows and the endpoint does not, without anybody whom it knows, before it counts as absent.
const ENOUGH: u32 = 10;

/// An endpoint that has answered for somebody so lately is there, and one that is absent is asked again after so long.
const REST: Duration = Duration::from_secs(60);

/// What is known of the endpoints.
///
/// Invariant: while one is absent, no reconciliation that begins spends a call on it, but for one every `REST`. One that answered for
/// somebody within `REST` is not absent, and one of the public API never is.
#[derive(Debug, Default)]
pub(in crate::engine) struct TargetEndpoints {
    known: Mutex<HashMap<Target, KnownEndpoint>>,
}

#[derive(Debug, Default)]
struct KnownEndpoint {
    answered_at: Option<Instant>,
    /// What it said of users whom it does not know, since it last knew one.
    lacking: u32,
    answer: UpstreamAnswer,
    ask_again_at: Option<Instant>,
}

impl TargetEndpoints {
    /// It answered for a user.
    pub(in crate::engine) fn answered(&self, target: Target) {
        self.known().insert(target, KnownEndpoint { answered_at: Some(Instant::now()), ..KnownEndpoint::default() });
    }

    /// It does not know a user who is in the directory. Of the public API that says nothing: the user was deleted meanwhile.
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
            tracing::warn!(target = target.name(), %answer, "the endpoint of a target answers for nobody");
        }
    }

    /// Its answer, if it is absent and not to be asked now. Whoever is told nothing may ask.
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
