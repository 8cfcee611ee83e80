//! The ways to single users: by ids, e-mail addresses, employee ids and external ids, many in one call where Genesys takes
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

/// How a user is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Id,
    Email,
    EmployeeId,
    ExternalId,
}

/// A way that was refused is tried again after this time: somebody may have granted what it lacks.
const LEFT_WHEN_REFUSED: Duration = Duration::from_secs(3600);
/// One that gave no answer after this time, as long as there is another: its troubles would hold up all calls.
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

    /// Users whom one call finds.
    fn users_a_call(self) -> usize {
        match self {
            Self::Id => 100,
            Self::Email => 25,
            Self::EmployeeId | Self::ExternalId => 1,
        }
    }

    /// What does the same, in a message.
    fn instead(self) -> &'static str {
        match self {
            Self::Id | Self::Email | Self::EmployeeId => "the listing of users serves instead, with more calls",
            Self::ExternalId => "nothing else does the same: entries that name users so fail",
        }
    }
}

/// What the ways have told, and which of them are refused.
#[derive(Debug, Default)]
pub(super) struct Ways {
    look_ups: LookUps,
    left: Mutex<HashMap<Way, (Instant, UpstreamAnswer)>>,
    /// Whether Genesys has taken the way since it was last left.
    proven: [AtomicBool; Way::ALL.len()],
    trying: [tokio::sync::Mutex<()>; Way::ALL.len()],
}

impl Ways {
    pub(super) fn look_ups(&self) -> &LookUps {
        &self.look_ups
    }

    /// Calls that looking these users up takes; `None` if there is no way to one of them.
    pub(super) fn calls_to<'a>(&self, users: impl Iterator<Item = &'a UserRef>) -> Option<usize> {
        let mut of_way = [0usize; Way::ALL.len()];
        users.for_each(|user| of_way[Way::to(user) as usize] += 1);
        let mut taken = Way::ALL.into_iter().zip(of_way).filter(|(_, users)| *users > 0);
        taken.try_fold(0, |calls, (way, users)| {
            self.refusal(way).is_none().then(|| calls + users.div_ceil(way.users_a_call()))
        })
    }

    /// What an earlier look-up told, if it serves: one not begun before `since`, or one of at most this age that found
    /// somebody active.
    pub(super) fn believed(&self, user: &UserRef, since: Instant, age: Duration) -> Option<Match<FoundUser>> {
        self.look_ups.believed(user, since, age)
    }

    /// Looks each of these users up, unless an earlier look-up serves; `None` for those to whom there is no way.
    ///
    /// A way that fails touches nobody who was asked for on another one; on one that Genesys refuses nobody is asked for any
    /// more.
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
                // Of many who do not know yet whether Genesys takes this way, one tries.
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

    /// One call; `Err` if it has to be repeated later.
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
                    // Whatever Genesys takes for a match, only the name itself is believed.
                    let meant = found.iter().filter_map(|found| Some((user.likeness(found)?, FoundUser::from(found))));
                    let told = the_one(meant.collect());
                    if let (Match::None, Some(other)) = (&told, stranger) {
                        // An answer to another question proves nothing.
                        let doubt = CallError::without_answer(format!(
                            "a look-up was answered with somebody else, {}",
                            other.id
                        ));
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
                tracing::warn!(?way, %answer, "Genesys refuses to look users up this way: {}", way.instead());
                self.leave(way, answer, LEFT_WHEN_REFUSED);
                Ok(())
            }
            Err(CallError::Unavailable { answer, .. } | CallError::Conflict(answer) | CallError::Uncertain(answer)) => {
                if way == Way::ExternalId {
                    // There is no other, so each goes on for itself.
                    self.proven[way as usize].store(true, Ordering::Relaxed);
                } else {
                    self.leave(way, answer.clone(), LEFT_IN_TROUBLE);
                }
                Err(answer)
            }
        }
    }

    /// What is told of a user to whom the way is refused; nothing if listings tell it.
    fn without(&self, way: Way) -> Option<Sought> {
        let refusal = self.refusal(way).filter(|_| way == Way::ExternalId);
        refusal.map(Sought::Refused)
    }

    /// Why nobody is asked for on a way at the moment.
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

/// Whoever the calls of one way find; of the ways that find one user a call, the users are one.
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
            // It may be there without what nobody sees in it.
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
