//! Decides whether a write is refused, and why.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::resource::{Origin, Progress, Resource, Shown, Target};
use super::super::scenario::{ConflictCause, ConflictShape};
use super::Model;
use super::call::Call;
use super::reply::Reply;

impl Model {
    /// Refuses a write if its version is not the present one, or if the user's fate demands it.
    pub(super) fn check_version(&mut self, call: &Call<'_>, user: Uuid, sent: u64) -> Result<(), Reply> {
        let (blocked, busy) = self.refusals(user);
        let lasts = self.behaviour.conflicts.busy.lasts;
        let Some(user) = self.org.living_mut(user) else { return Err(Reply::not_found("user")) };
        let resource = user.resource_mut(Target::WfmSkillGroups);
        let cause = if blocked {
            Some(ConflictCause::Blocked)
        } else if sent != resource.current().version {
            Some(mismatch(resource, sent))
        } else {
            (busy && is_busy(&mut resource.progress, call.now, lasts)).then_some(ConflictCause::Busy)
        };
        resource.progress.refused = cause.map(|_| sent);
        cause.map_or(Ok(()), |cause| Err(self.refusal(call, cause)))
    }

    /// Refuses a write to a resource without versions if the user's fate demands it.
    pub(super) fn check_unversioned(&mut self, call: &Call<'_>, user: Uuid, target: Target) -> Result<(), Reply> {
        let (blocked, busy) = self.refusals(user);
        let lasts = self.behaviour.conflicts.busy.lasts;
        let Some(user) = self.org.living_mut(user) else { return Err(Reply::not_found("user")) };
        let progress = &mut user.resource_mut(target).progress;
        let cause = if blocked {
            Some(ConflictCause::Blocked)
        } else if std::mem::take(&mut progress.owes_conflict) {
            Some(ConflictCause::ForeignWriter)
        } else {
            (busy && is_busy(progress, call.now, lasts)).then_some(ConflictCause::Busy)
        };
        cause.map_or(Ok(()), |cause| Err(self.refusal(call, cause)))
    }

    fn refusals(&self, user: Uuid) -> (bool, bool) {
        (self.fates.has(ConflictCause::Blocked, user), self.fates.has(ConflictCause::Busy, user))
    }

    /// Builds the refusal in the shape of its route; that of a blocked user always carries the vendor's message.
    fn refusal(&self, call: &Call<'_>, cause: ConflictCause) -> Reply {
        let conflicts = &self.behaviour.conflicts;
        if cause == ConflictCause::Blocked {
            let reply = Reply::conflict(cause, ConflictShape::Conflict);
            let reply = reply.with_field("code", conflicts.blocked.code.clone().into());
            return reply.with_field("message", conflicts.blocked.message.clone().into());
        }
        Reply::conflict(cause, conflicts.shapes.get(&call.route()).copied().unwrap_or_default())
    }

    /// Returns for how long reads still show the state before a client's own write.
    pub(super) fn own_lag(&self, user: Uuid) -> Duration {
        let settings = &self.behaviour.conflicts.read_lag;
        let lags = settings.own_writes && self.fates.has(ConflictCause::ReadLag, user);
        if lags { settings.lag } else { Duration::ZERO }
    }
}

/// Returns why the version that was sent is not the present one.
fn mismatch(resource: &Resource, sent: u64) -> ConflictCause {
    let Progress { shown, refused, .. } = resource.progress;
    if sent > resource.current().version {
        return ConflictCause::WrongVersion;
    }
    if shown.is_some_and(|Shown { version, lagging }| lagging && version == sent) {
        return ConflictCause::ReadLag;
    }
    if refused == Some(sent) {
        return ConflictCause::StaleRetry;
    }
    match resource.foreign_since(sent) {
        Some(Origin::ForeignWriter | Origin::OnDemand) => ConflictCause::ForeignWriter,
        Some(Origin::LaggingWriter) => ConflictCause::ReadLag,
        Some(Origin::Background) => ConflictCause::StaleWindow,
        Some(Origin::Client) | None => ConflictCause::OwnConcurrency,
    }
}

/// Returns whether the resource is still busy; the first write always finds it busy.
fn is_busy(progress: &mut Progress, now: Instant, lasts: Duration) -> bool {
    let first = progress.busy_until.is_none();
    let until = *progress.busy_until.get_or_insert(now + lasts);
    first || now < until
}
