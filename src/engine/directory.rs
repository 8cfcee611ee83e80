//! Who is who at Genesys: listings that are read in bulk and kept, and look-ups of the few who are not on them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::cache::{Ages, Cache, Reading};
use super::catalogue::Match;
use super::listing::{self, Found, Listing};
use super::port::{CallError, Errand, Expand, Genesys, UserListing};
use crate::domain::{Assignments, UserId, UserRef};

/// The directory of the org.
///
/// Nobody waits for a listing that is merely getting old: it is used, and a new one is read meanwhile. Who is not on it
/// may be new, so the few who are missing are looked up one by one, where there is a way to, before a whole listing is
/// read for them.
#[derive(Debug)]
pub(super) struct Directory {
    active: Cache<Listing>,
    inactive: Cache<Listing>,
    single: Mutex<HashMap<UserRef, LookUp>>,
    shown: Showing,
    ages: Ages,
    /// A user who was not found is looked for again only after this time.
    recheck_after: Duration,
}

/// The answer to a look-up of one user.
#[derive(Debug)]
struct LookUp {
    found: Match<Found>,
    at: Instant,
}

/// The skills that a listing showed; of who is not in it nothing is known.
#[derive(Debug)]
pub(super) struct ShownSkills {
    pub(super) skills: HashMap<UserId, Arc<Assignments>>,
    /// When the listing was begun to be read.
    pub(super) begun_at: Instant,
}

/// Who waits for a listing with skills: of many jobs that come at once all but the first are served by one.
///
/// Invariant: a listing is kept only while somebody waits who may still use it, because it is as large as the org.
#[derive(Debug, Default)]
struct Showing {
    newest: tokio::sync::Mutex<Option<Arc<ShownSkills>>>,
    waiting: AtomicUsize,
}

/// One who waits; given up by dropping it.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }

    fn is_the_last(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Users that one call of a listing shows.
const A_PAGE: usize = 500;
/// So many users at most are looked up one by one instead of in a listing.
const FEW: usize = 10;
/// Look-ups that are remembered; the directory's listing has the rest.
const MOST_LOOK_UPS: usize = 10_000;

/// Whether Genesys has a way to this one user. For an employee id there is none but the listing.
fn has_a_way(user: &UserRef) -> bool {
    match user {
        UserRef::Id(_) | UserRef::Email(_) | UserRef::ExternalId { .. } => true,
        UserRef::EmployeeId(_) => false,
    }
}

/// Whether listings tell who this is.
fn is_listed(user: &UserRef) -> bool {
    !matches!(user, UserRef::ExternalId { .. })
}

impl Directory {
    pub(super) fn new(ages: Ages, recheck_after: Duration) -> Self {
        let (active, inactive, single) = (Cache::new(ages), Cache::new(ages), Mutex::default());
        Self { active, inactive, single, shown: Showing::default(), ages, recheck_after }
    }

    /// Finds all users of a job, in order, with as few calls as possible.
    pub(super) async fn find_all(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        wanted: &[UserRef],
    ) -> Result<Vec<Match<Found>>, CallError> {
        if !self.has_to_list(wanted) && self.active.usable().is_none() {
            return self.find_singly(genesys, errand, wanted).await;
        }
        let mut active = self.active.get(|| list(genesys, errand, UserListing::Active)).await?;
        let missing = |active: &Reading<Listing>| -> Vec<UserRef> {
            let lacks = |user: &&UserRef| is_listed(user) && active.value.find(user) == Match::None;
            wanted.iter().filter(lacks).cloned().collect()
        };
        let mut lacking = missing(&active);
        let singly = |lacking: &[UserRef]| lacking.len() <= FEW && lacking.iter().all(has_a_way);
        if !singly(&lacking) {
            let age = if active.value.complete { self.recheck_after } else { Duration::ZERO };
            active = self.active.not_older_than(age, || list(genesys, errand, UserListing::Active)).await?;
            lacking = missing(&active);
        }
        let inactive = if singly(&lacking) {
            None
        } else {
            Some(self.inactive.get(|| list(genesys, errand, UserListing::Inactive)).await?)
        };
        let mut found = Vec::with_capacity(wanted.len());
        for user in wanted {
            found.push(match (active.value.find(user), &inactive) {
                (Match::None, Some(inactive)) if is_listed(user) => inactive.value.find(user),
                (Match::None, _) => self.look_up(genesys, errand, user).await?,
                (known, _) => known,
            });
        }
        Ok(found)
    }

    /// Whether these users cannot be found without a listing.
    pub(super) fn has_to_list(&self, wanted: &[UserRef]) -> bool {
        let many = wanted.iter().filter(|user| is_listed(user)).count() > FEW;
        self.active.usable().is_none() && (many || !wanted.iter().all(has_a_way))
    }

    /// Calls that finding these users takes, as far as can be told before it is done; `anew` if they are listed in any case.
    pub(super) fn calls_to_find(&self, wanted: &[UserRef], anew: bool) -> u32 {
        let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
        if anew || self.has_to_list(wanted) {
            self.pages().unwrap_or_else(|| narrow(wanted.len().div_ceil(A_PAGE)))
        } else if self.active.usable().is_none() {
            narrow(wanted.iter().filter(|user| self.looked_up(user).is_none()).count())
        } else {
            0
        }
    }

    /// Calls that the listing of active users takes, if one was read.
    pub(super) fn pages(&self) -> Option<u32> {
        self.active.newest().map(|listing| listing.value.pages)
    }

    /// The active users with their skills, as a listing shows them that is not begun before now.
    pub(super) async fn read_with_skills(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
    ) -> Result<Arc<ShownSkills>, CallError> {
        let (asked_at, waiting) = (Instant::now(), Waiting::new(&self.shown.waiting));
        let mut newest = self.shown.newest.lock().await;
        let shown = match newest.take().filter(|shown| shown.begun_at >= asked_at) {
            Some(shown) => shown,
            None => Arc::new(self.list_with_skills(genesys, errand).await?),
        };
        *newest = (!waiting.is_the_last()).then(|| Arc::clone(&shown));
        Ok(shown)
    }

    async fn list_with_skills(&self, genesys: &dyn Genesys, errand: &Errand) -> Result<ShownSkills, CallError> {
        let mut skills = HashMap::new();
        let reading = async || {
            let (listing, shown) = read(genesys, errand, UserListing::Active, Expand::Skills).await?;
            skills = shown;
            Ok(listing)
        };
        let begun_at = self.active.renew(reading).await?.begun_at;
        Ok(ShownSkills { skills, begun_at })
    }

    /// Waits until somebody has used a listing that is getting old, then reads a new one.
    pub(super) async fn renew_when_due(&self, genesys: &dyn Genesys, errand: &Errand) -> Result<(), CallError> {
        let (cache, which) = tokio::select! {
            () = self.active.due() => (&self.active, UserListing::Active),
            () = self.inactive.due() => (&self.inactive, UserListing::Inactive),
        };
        cache.freshen(|| list(genesys, errand, which)).await
    }

    async fn find_singly(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        wanted: &[UserRef],
    ) -> Result<Vec<Match<Found>>, CallError> {
        let mut found = Vec::with_capacity(wanted.len());
        for user in wanted {
            found.push(self.look_up(genesys, errand, user).await?);
        }
        Ok(found)
    }

    async fn look_up(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        wanted: &UserRef,
    ) -> Result<Match<Found>, CallError> {
        if let Some(known) = self.looked_up(wanted) {
            return Ok(known);
        }
        let users = match wanted {
            UserRef::Id(id) => genesys.find_user(errand, *id).await?.into_iter().collect(),
            UserRef::ExternalId { authority, key } => {
                genesys.find_external(errand, authority, key).await?.into_iter().collect()
            }
            UserRef::Email(email) => genesys.find_by_email(errand, email.trim()).await?,
            UserRef::EmployeeId(_) => Vec::new(),
        };
        let found = the_one(users.iter().map(Found::from).collect());
        let mut single = self.single.lock().unwrap_or_else(PoisonError::into_inner);
        if single.len() >= MOST_LOOK_UPS {
            single.clear();
        }
        single.insert(wanted.clone(), LookUp { found: found.clone(), at: Instant::now() });
        Ok(found)
    }

    /// What a look-up told, while it is to be believed; that somebody does not exist is believed for less long.
    fn looked_up(&self, wanted: &UserRef) -> Option<Match<Found>> {
        let single = self.single.lock().unwrap_or_else(PoisonError::into_inner);
        let known = single.get(wanted)?;
        let age = match &known.found {
            Match::One(found) if found.active => self.ages.renew_after,
            Match::One(_) | Match::Several(_) | Match::None => self.recheck_after,
        };
        (known.at.elapsed() <= age).then(|| known.found.clone())
    }
}

/// Somebody who is active goes before others of the same name who are not.
fn the_one(mut users: Vec<Found>) -> Match<Found> {
    if users.iter().any(|user| user.active) {
        users.retain(|user| user.active);
    }
    match users.as_slice() {
        [] => Match::None,
        [one] => Match::One(*one),
        several => Match::Several(several.len()),
    }
}

async fn list(genesys: &dyn Genesys, errand: &Errand, which: UserListing) -> Result<Listing, CallError> {
    let (listing, _) = read(genesys, errand, which, Expand::Plain).await?;
    tracing::debug!(?which, pages = listing.pages, complete = listing.complete, "read the directory");
    Ok(listing)
}

/// A listing, and the skills that it shows.
async fn read(
    genesys: &dyn Genesys,
    errand: &Errand,
    which: UserListing,
    expand: Expand,
) -> Result<(Listing, HashMap<UserId, Arc<Assignments>>), CallError> {
    let mut reader = listing::Reader::default();
    let read = genesys.list_users(errand, which, expand, &mut |user| reader.take(user)).await?;
    Ok(reader.finish(read))
}
