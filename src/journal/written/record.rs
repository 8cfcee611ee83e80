//! The stored format: JSON in columns, readable with any `SQLite` tool. It is separate from the domain types, so that
//! renaming one of those does not change the meaning of older journals.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::Version;
use crate::domain::assignment::Difference;
use crate::domain::audit::Actor;
use crate::domain::callback::CallbackUrl;
use crate::domain::conflict::Cause;
use crate::domain::entry::Effects;
use crate::domain::entry_result::{ConflictRecord, EntryResult};
use crate::domain::job::{ConflictCounts, JobSpec, Lane, SameUser};
use crate::domain::{AssignmentId, EntryState, JobId, Mode, Owner, Proficiency, Reason, Target, UserId};
use crate::journal::content::EntryOutcome;
use crate::journal::content::JobCounters;

/// Defines an enum that is stored as words and mirrors a domain enum.
macro_rules! words {
    ($name:ident for $domain:ty { $($word:ident),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(in crate::journal) enum $name { $($word),+ }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$word => Self::$word),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$word => Self::$word),+ }
            }
        }
    };
}

words!(TargetWord for Target { RoutingSkills, WfmSkillGroups });
words!(ModeWord for Mode { Add, Remove, Managed, Replace });
words!(LaneWord for Lane { Interactive, Bulk });
words!(SameUserWord for SameUser { Refuse, Merge, InOrder });
words!(CauseWord for Cause { WrongVersion, ForeignWriter, OwnConcurrency, ReadLag, Busy, Blocked });
words!(StateWord for EntryState {
    Pending, Running, Waiting, Planned, Applied, Unchanged, Failed, Superseded, Cancelled, Held,
});
words!(ReasonWord for Reason {
    UserNotFound, UserAmbiguous, UserInactive, AssignmentNotFound, AssignmentAmbiguous, TooManyAssignments, Blocked,
    ConflictsExhausted, Forbidden, Rejected, UpstreamUnavailable, TargetUnavailable, StaleEvent, PlanOutdated, DuplicateUser,
    InternalError,
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::journal) struct SpecRecord<'a> {
    target: TargetWord,
    mode: ModeWord,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    label: Option<Cow<'a, str>>,
    dry_run: bool,
    urgency: LaneWord,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    callback: Option<Cow<'a, str>>,
    /// Missing in older journals, whose jobs continue as intended then: row by row.
    #[serde(default)]
    same_user: Option<SameUserWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_proficiency: Option<f32>,
    /// Missing in journals before version 9.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    owner: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    submitted_by: Option<ActorRecord<'a>>,
}

/// The actor that submitted a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActorRecord<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    name: Option<Cow<'a, str>>,
}

impl<'a> SpecRecord<'a> {
    pub(in crate::journal) fn of(spec: &'a JobSpec, submitted_by: Option<&'a Actor>) -> Self {
        let by = |actor: &'a Actor| ActorRecord {
            kind: actor.kind().into(),
            name: actor.name().map(|name| Cow::Borrowed(&**name)),
        };
        Self {
            submitted_by: submitted_by.map(by),
            target: spec.target.into(),
            mode: spec.mode.into(),
            label: spec.label.as_deref().map(Cow::Borrowed),
            dry_run: spec.dry_run,
            urgency: spec.lane.into(),
            callback: spec.callback.as_ref().map(|url| Cow::Borrowed(url.as_str())),
            same_user: Some(spec.same_user.into()),
            default_proficiency: spec.default_proficiency.map(Proficiency::value),
            owner: spec.owner.as_ref().map(|owner| owner.name().into()),
        }
    }
}

impl SpecRecord<'_> {
    /// Returns who submitted the job, if that was recorded and is understood.
    pub(in crate::journal) fn submitted_by(&self) -> Option<Actor> {
        let ActorRecord { kind, name } = self.submitted_by.as_ref()?;
        Actor::of(kind, name.as_deref())
    }
}

impl From<SpecRecord<'_>> for JobSpec {
    fn from(record: SpecRecord<'_>) -> Self {
        Self {
            target: record.target.into(),
            mode: record.mode.into(),
            label: record.label.map(|label| label.into_owned().into()),
            dry_run: record.dry_run,
            lane: record.urgency.into(),
            callback: record.callback.map(|url| CallbackUrl::kept(url.into_owned().into())),
            same_user: record.same_user.map_or(SameUser::InOrder, Into::into),
            default_proficiency: record.default_proficiency.and_then(|rating| Proficiency::new(rating.into())),
            owner: record.owner.as_deref().map(Owner::kept),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenConflict {
    cause: CauseWord,
    status: Option<u16>,
    sent: Option<u64>,
    found: Option<u64>,
    correlation_id: Option<Box<str>>,
    at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::journal) struct OutcomeRecord {
    state: StateWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Box<str>>,
    #[serde(flatten)]
    difference: DifferenceRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    preserved: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overwritten: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_owners: Vec<(Uuid, Box<str>)>,
    attempts: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<WrittenConflict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded_by: Option<(Uuid, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::journal) struct DifferenceRecord {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    added: Vec<(Uuid, Option<f64>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    updated: Vec<(Uuid, Option<f64>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<Uuid>,
}

impl From<Difference> for DifferenceRecord {
    fn from(difference: Difference) -> Self {
        Self {
            added: ratings(difference.added),
            updated: ratings(difference.updated),
            removed: uuids(difference.removed),
        }
    }
}

impl From<DifferenceRecord> for Difference {
    fn from(record: DifferenceRecord) -> Self {
        Self { added: rated(record.added), updated: rated(record.updated), removed: ids(record.removed) }
    }
}

pub(in crate::journal) fn uuids(ids: Vec<AssignmentId>) -> Vec<Uuid> {
    ids.into_iter().map(|id| id.0).collect()
}

pub(in crate::journal) fn ids(uuids: Vec<Uuid>) -> Vec<AssignmentId> {
    uuids.into_iter().map(AssignmentId).collect()
}

pub(in crate::journal) fn ratings(rated: Vec<(AssignmentId, Option<Proficiency>)>) -> Vec<(Uuid, Option<f64>)> {
    rated.into_iter().map(|(id, rating)| (id.0, rating.map(|rating| f64::from(rating.value())))).collect()
}

pub(in crate::journal) fn rated(ratings: Vec<(Uuid, Option<f64>)>) -> Vec<(AssignmentId, Option<Proficiency>)> {
    ratings.into_iter().map(|(id, rating)| (AssignmentId(id), rating.and_then(Proficiency::new))).collect()
}

impl From<EntryOutcome> for OutcomeRecord {
    fn from(outcome: EntryOutcome) -> Self {
        let Effects { difference, preserved, overwritten, other_owners } = outcome.result.effects;
        let other_owners = other_owners.into_iter().map(|(id, owner)| (id.0, owner.name().into()));
        let conflicts = outcome.result.conflicts.into_iter().map(|conflict| WrittenConflict {
            cause: conflict.cause.into(),
            status: conflict.status,
            sent: conflict.sent.map(|version| version.0),
            found: conflict.found.map(|version| version.0),
            correlation_id: conflict.correlation_id,
            at: conflict.at,
        });
        Self {
            state: outcome.state.into(),
            user: outcome.user.map(|user| user.0),
            reason: outcome.result.reason.map(Into::into),
            message: outcome.result.message,
            difference: difference.into(),
            preserved: uuids(preserved),
            overwritten: uuids(overwritten),
            other_owners: other_owners.collect(),
            attempts: outcome.result.attempts,
            conflicts: conflicts.collect(),
            superseded_by: outcome.result.superseded_by.map(|(job, position)| (job.0, position)),
            finished_at: outcome.result.finished_at,
            erased: outcome.erased,
        }
    }
}

impl From<OutcomeRecord> for EntryOutcome {
    fn from(record: OutcomeRecord) -> Self {
        let conflicts = record.conflicts.into_iter().map(|conflict| ConflictRecord {
            cause: conflict.cause.into(),
            status: conflict.status,
            sent: conflict.sent.map(Version),
            found: conflict.found.map(Version),
            correlation_id: conflict.correlation_id,
            at: conflict.at,
        });
        let other_owners = record.other_owners.into_iter().map(|(id, owner)| (AssignmentId(id), Owner::kept(&owner)));
        let result = EntryResult {
            reason: record.reason.map(Into::into),
            message: record.message,
            effects: Effects {
                difference: record.difference.into(),
                preserved: ids(record.preserved),
                overwritten: ids(record.overwritten),
                other_owners: other_owners.collect(),
            },
            attempts: record.attempts,
            conflicts: conflicts.collect(),
            superseded_by: record.superseded_by.map(|(job, position)| (JobId(job), position)),
            finished_at: record.finished_at,
        };
        Self { state: record.state.into(), user: record.user.map(UserId), result, erased: record.erased }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::journal) struct CountersRecord {
    calls_made: u32,
    conflicts: Vec<(CauseWord, u32)>,
    cancelled: bool,
    started_at: Option<Timestamp>,
}

impl From<JobCounters> for CountersRecord {
    fn from(counters: JobCounters) -> Self {
        let conflicts = Cause::ALL.into_iter().map(|cause| (cause.into(), counters.conflicts.of(cause)));
        Self {
            calls_made: counters.calls_made,
            conflicts: conflicts.filter(|(_, count)| *count > 0).collect(),
            cancelled: counters.cancelled,
            started_at: counters.started_at,
        }
    }
}

impl From<CountersRecord> for JobCounters {
    fn from(record: CountersRecord) -> Self {
        let mut conflicts = ConflictCounts::default();
        for (cause, count) in record.conflicts {
            (0..count).for_each(|_| conflicts.count(cause.into()));
        }
        Self { calls_made: record.calls_made, conflicts, cancelled: record.cancelled, started_at: record.started_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = r#"{"target":"routingSkills","mode":"managed","dryRun":false,"urgency":"bulk"}"#;

    #[test]
    fn rows_about_one_user_of_an_older_job_follow_each_other() {
        let spec = JobSpec::from(serde_json::from_str::<SpecRecord<'_>>(OLDER).unwrap());
        assert_eq!(spec.same_user, SameUser::InOrder);
    }

    #[test]
    fn what_rows_about_one_user_mean_is_read_as_it_was_written() {
        let older = JobSpec::from(serde_json::from_str::<SpecRecord<'_>>(OLDER).unwrap());
        for same_user in [SameUser::Refuse, SameUser::Merge, SameUser::InOrder] {
            let spec = JobSpec { same_user, ..older.clone() };
            let written = serde_json::to_string(&SpecRecord::of(&spec, None)).unwrap();
            assert_eq!(JobSpec::from(serde_json::from_str::<SpecRecord<'_>>(&written).unwrap()), spec);
        }
    }
}
