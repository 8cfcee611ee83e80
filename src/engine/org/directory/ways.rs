//! The ways to look users up: by id, e-mail address, employee id or external id, many per call where Genesys accepts
//! many.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::single::LookUps;
use super::{FoundUser, Search, Sought, the_one};
use crate::domain::name_index::Match;
use crate::domain::text::as_it_reads;
use crate::domain::user::DirectoryUser;
use crate::domain::{UserId, UserRef};
use crate::engine::port::{CallError, LookUp, UpstreamAnswer};

/// A kind of look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// `GET /api/v2/users` with ids; for a single one, the user's own resource.
    Id,
    /// `POST /api/v2/users/search`.
    Email,
    /// A filter of the SCIM API (RFC 7644), `GET /api/v2/scim/v2/users`.
    EmployeeId,
    /// `GET /api/v2/users/externalid/{authority}/{key}`.
    ExternalId,
}

/// Time for which a refused way is left alone: the missing permission may be granted meanwhile.
const LEFT_WHEN_REFUSED: Duration = Duration::from_secs(3600);
/// Time for which a way that gave no answer is left alone if there is another: its trouble would delay all calls.
const LEFT_IN_TROUBLE: Duration = Duration::from_secs(60);

impl Way {
    const ALL: [Self; 4] = [Self::Id, Self::Email, Self::EmployeeId, Self::ExternalId];

    fn to(user: &UserRef) -> Self {
        match user {
            UserRef::Id(_) => Self::Id,
            UserRef::Email(_) => Self::Email,
            UserRef::EmployeeId(_) => Self::EmployeeId,
            UserRef::ExternalId { .. } => Self::ExternalId,
        }
    }

    /// Returns how many users one call can find.
    fn users_a_call(self) -> usize {
        match self {
            Self::Id => 100,
            Self::Email => 25,
            Self::EmployeeId | Self::ExternalId => 1,
        }
    }

    /// Describes the alternative to this way, for a message.
    fn instead(self) -> &'static str {
        match self {
            Self::Id | Self::Email | Self::EmployeeId => "the listing of users is read instead, which takes more calls",
            Self::ExternalId => "there is no alternative, so entries that name users this way fail",
        }
    }
}

/// The results of look-ups, and the ways that are refused.
#[derive(Debug, Default)]
pub(super) struct Ways {
    look_ups: LookUps,
    left: Mutex<HashMap<Way, (Instant, UpstreamAnswer)>>,
    /// Whether Genesys has accepted the way since it was last left alone.
    proven: [AtomicBool; Way::ALL.len()],
    trying: [tokio::sync::Mutex<()>; Way::ALL.len()],
}

impl Ways {
    /// Returns the remembered look-ups.
    pub(super) fn look_ups(&self) -> &LookUps {
        &self.look_ups
    }

    /// Returns the calls that looking these users up takes; `None` if one of them cannot be looked up.
    pub(super) fn calls_to<'a>(&self, users: impl Iterator<Item = &'a UserRef>) -> Option<usize> {
        let mut of_way = [0usize; Way::ALL.len()];
        users.for_each(|user| of_way[Way::to(user) as usize] += 1);
        let mut taken = Way::ALL.into_iter().zip(of_way).filter(|(_, users)| *users > 0);
        taken.try_fold(0, |calls, (way, users)| {
            self.refusal(way).is_none().then(|| calls + users.div_ceil(way.users_a_call()))
        })
    }

    /// Returns the result of an earlier look-up if it serves: one that began at `since` or later, or one no older than
    /// `age` that found an active user.
    pub(super) fn believed(&self, user: &UserRef, since: Instant, age: Duration) -> Option<Match<FoundUser>> {
        self.look_ups.believed(user, since, age)
    }

    /// Looks up each of these users, unless an earlier look-up serves. Returns `None` for users who cannot be looked
    /// up.
    ///
    /// A failing way affects only the users who are looked up that way. A way that Genesys refuses is not used again
    /// for a while.
    pub(super) async fn find(&self, search: Search<'_>, users: &[&UserRef], age: Duration) -> Vec<Option<Sought>> {
        let mut sought = HashMap::<&UserRef, Sought>::new();
        for way in Way::ALL {
            let mut open = Vec::new();
            for user in users.iter().copied().filter(|user| Way::to(user) == way) {
                match self.believed(user, search.since, age) {
                    Some(found) => drop(sought.insert(user, Sought::Told(found))),
                    None => open.push(user),
                }
            }
            open.sort_unstable();
            open.dedup();
            let mut failed = None;
            for call in open.chunks(way.users_a_call()) {
                // Of many callers that do not know yet whether Genesys accepts this way, only one tries.
                let proven = || self.proven[way as usize].load(Ordering::Relaxed);
                let turn = if proven() { None } else { Some(self.trying[way as usize].lock().await) };
                let turn = turn.filter(|_| !proven());
                if failed.is_none() && self.refusal(way).is_none() {
                    failed = self.ask(search, way, call, &mut sought).await.err();
                }
                drop(turn);
                if let Some(told) = failed.clone().map(Sought::InDoubt).or_else(|| self.without(way)) {
                    for user in call {
                        sought.entry(user).or_insert_with(|| told.clone());
                    }
                }
            }
        }
        users.iter().map(|user| sought.get(user).cloned()).collect()
    }

    /// Makes one call. Returns an error if it has to be repeated later.
    async fn ask<'u>(
        &self,
        search: Search<'_>,
        way: Way,
        users: &[&'u UserRef],
        sought: &mut HashMap<&'u UserRef, Sought>,
    ) -> Result<(), UpstreamAnswer> {
        let begun_at = Instant::now();
        match look_up(search, users).await {
            Ok(found) => {
                self.proven[way as usize].store(true, Ordering::Relaxed);
                let is_meant = |found: &DirectoryUser| users.iter().any(|user| user.likeness(found).is_some());
                let stranger = found.iter().find(|found| !is_meant(found));
                for user in users {
                    // Whatever Genesys counts as a match, only the name itself is believed.
                    let meant = found.iter().filter_map(|found| Some((user.likeness(found)?, FoundUser::from(found))));
                    let told = the_one(meant.collect());
                    if let (Match::None, Some(other)) = (&told, stranger) {
                        // An answer to a different question proves nothing.
                        let doubt =
                            CallError::without_answer(format!("a look-up returned a different user, {}", other.id));
                        sought.insert(user, Sought::InDoubt(doubt.into_answer()));
                        continue;
                    }
                    self.look_ups.note(user, told.clone(), begun_at);
                    sought.insert(user, Sought::Told(told));
                }
                Ok(())
            }
            Err(
                CallError::NotFound(answer)
                | CallError::Forbidden(answer)
                | CallError::TargetUnavailable(answer)
                | CallError::Rejected(answer),
            ) => {
                tracing::warn!(?way, %answer, "Genesys refuses this kind of user look-up: {}", way.instead());
                self.leave(way, answer, LEFT_WHEN_REFUSED);
                Ok(())
            }
            Err(CallError::Unavailable { answer, .. } | CallError::Conflict(answer) | CallError::Uncertain(answer)) => {
                if way == Way::ExternalId {
                    // There is no alternative, so each caller tries on its own.
                    self.proven[way as usize].store(true, Ordering::Relaxed);
                } else {
                    self.leave(way, answer.clone(), LEFT_IN_TROUBLE);
                }
                Err(answer)
            }
        }
    }

    /// Returns the result for users who cannot be looked up this way; `None` if listings serve instead.
    fn without(&self, way: Way) -> Option<Sought> {
        let refusal = self.refusal(way).filter(|_| way == Way::ExternalId);
        refusal.map(Sought::Refused)
    }

    /// Returns why the way is not used at the moment, if so.
    fn refusal(&self, way: Way) -> Option<UpstreamAnswer> {
        self.left().get(&way).filter(|(until, _)| Instant::now() < *until).map(|(_, answer)| answer.clone())
    }

    fn leave(&self, way: Way, answer: UpstreamAnswer, length: Duration) {
        self.proven[way as usize].store(false, Ordering::Relaxed);
        self.left().insert(way, (Instant::now() + length, answer));
    }

    fn left(&self) -> MutexGuard<'_, HashMap<Way, (Instant, UpstreamAnswer)>> {
        self.left.lock()
    }
}

/// Returns whoever one call finds. For the ways that find one user per call, `users` has one element.
async fn look_up(search: Search<'_>, users: &[&UserRef]) -> Result<Vec<DirectoryUser>, CallError> {
    let Search { genesys, options, since: _ } = search;
    match users {
        [UserRef::EmployeeId(id), ..] => genesys.look_up(options, LookUp::EmployeeId(&as_it_reads(id))).await,
        [UserRef::ExternalId { authority, key }, ..] => {
            let found = genesys.look_up(options, LookUp::ExternalId { authority, key }).await?;
            let (read_authority, read_key) = (as_it_reads(authority), as_it_reads(key));
            if !found.is_empty() || (&*read_authority, &*read_key) == (authority, key) {
                return Ok(found);
            }
            // It may be stored without the characters that are invisible in this one.
            genesys.look_up(options, LookUp::ExternalId { authority: &read_authority, key: &read_key }).await
        }
        [UserRef::Email(_), ..] => {
            let emails: Vec<_> = users.iter().filter_map(|user| email(user)).collect();
            let emails: Vec<_> = emails.iter().map(AsRef::as_ref).collect();
            genesys.look_up(options, LookUp::Emails(&emails)).await
        }
        [UserRef::Id(_), ..] | [] => {
            let ids: Vec<_> = users.iter().filter_map(|user| id(user)).collect();
            genesys.look_up(options, LookUp::Ids(&ids)).await
        }
    }
}

fn id(user: &UserRef) -> Option<UserId> {
    if let UserRef::Id(id) = user { Some(*id) } else { None }
}

fn email(user: &UserRef) -> Option<Cow<'_, str>> {
    if let UserRef::Email(email) = user { Some(as_it_reads(email)) } else { None }
}
