//! The directory: finds users in cached listings, and looks up the few that the listings do not show.

mod listings;
mod person;
mod shown;
mod single;
mod ways;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use self::listings::Listings;
use self::shown::Showing;
pub(in crate::engine) use self::shown::ShownSkills;
use self::ways::Ways;
use crate::domain::name_index::Match;
use crate::domain::user::Likeness;
use crate::domain::{Assignments, UserId, UserRef};
use crate::engine::org::cache::{Ages, Cache, CachedReading};
use crate::engine::org::user_listing::{self, FoundUser, Listing};
use crate::engine::port::{CallError, CallOptions, Expand, Genesys, UpstreamAnswer, UserListing};

/// The directory of the org.
///
/// No caller waits for a listing that is merely getting old: it is used while a new one is read. A user who is not on
/// it may be new. Such users are looked up one by one or in small batches (see [`ways`]) where that takes fewer calls
/// than a listing; otherwise a listing is read for them.
///
/// Invariant: that a user is missing, inactive or not the only one of a name is concluded only from a look that began
/// at the date the caller names or later. A user is missing only if a complete listing and the look-up, where it is
/// open, agree: the pages of a listing are not a snapshot, and a filter knows only one spelling.
#[derive(Debug)]
pub(in crate::engine) struct Directory {
    active: Cache<Listing>,
    inactive: Cache<Listing>,
    ways: Ways,
    looked_up: Mutex<LookedUp>,
    shown: Showing,
    ages: Ages,
}

/// Look-ups of listed users made while no listing was usable.
#[derive(Debug, Default)]
struct LookedUp {
    since: Option<Instant>,
    calls: usize,
}

/// The result of the search for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Sought {
    Told(Match<FoundUser>),
    /// Nothing can be concluded now: a listing is incomplete, or a look-up got no answer.
    InDoubt(UpstreamAnswer),
    /// Genesys refuses the only way to look the user up.
    Refused(UpstreamAnswer),
}

impl Sought {
    /// Returns why nothing can be concluded, if so.
    pub(in crate::engine) fn doubt(&self) -> Option<&UpstreamAnswer> {
        match self {
            Self::InDoubt(answer) => Some(answer),
            Self::Told(_) | Self::Refused(_) => None,
        }
    }
}

/// Who users are sought for, and how old a proof of absence may be.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Search<'a> {
    pub(in crate::engine) genesys: &'a dyn Genesys,
    pub(in crate::engine) options: &'a CallOptions,
    /// The earliest start of a look that proves absence.
    pub(in crate::engine) since: Instant,
}

/// Number of users on one page of a listing, which takes one call.
const A_PAGE: usize = 500;
/// Number of look-up calls that count as few compared to a listing, however small the org.
const FEW: usize = 10;
/// Maximum number of a job's users that are looked up because a listing read for the job does not show them.
const MAX_MISSING: usize = 100;
/// Minimum pause before a listing is read again for a missing user.
const LEAST_REST: Duration = Duration::from_secs(5);

/// Returns whether listings show this kind of name.
fn is_listed(user: &UserRef) -> bool {
    !matches!(user, UserRef::ExternalId { .. })
}

/// Returns whether exactly one user matches, and is active.
fn is_active(found: &Match<FoundUser>) -> bool {
    matches!(found, Match::One(found) if found.active)
}

impl Directory {
    /// Returns a name for the listings if Genesys has not answered for one of them for at least `time`.
    pub(in crate::engine) fn unreadable_for(&self, time: Duration) -> Option<&'static str> {
        let is = |cache: &Cache<Listing>| cache.unreadable_since().is_some_and(|since| since.elapsed() >= time);
        (is(&self.active) || is(&self.inactive)).then_some("users")
    }

    pub(in crate::engine) fn new(ages: Ages) -> Self {
        let (active, inactive) = (Cache::new(ages, LEAST_REST), Cache::new(ages, LEAST_REST));
        Self { active, inactive, ways: Ways::default(), looked_up: Mutex::default(), shown: Showing::default(), ages }
    }

    /// Finds all users of a job, in order, with as few calls as possible.
    pub(in crate::engine) async fn find_all(
        &self,
        search: Search<'_>,
        wanted: &[UserRef],
    ) -> Result<Vec<Sought>, CallError> {
        let mut seeking = Seeking { search, wanted, sought: vec![None; wanted.len()] };
        if let Err(error) = self.seek(&mut seeking).await {
            // Boxed because it is rare, and its future would otherwise take up memory in every waiting job.
            Box::pin(self.seek_without_listings(&mut seeking, error)).await?;
        }
        Ok(seeking.told())
    }

    /// Continues without listings when they fail: users who are found by look-ups do not depend on them.
    async fn seek_without_listings(&self, seeking: &mut Seeking<'_>, error: CallError) -> Result<(), CallError> {
        let CallError::Unavailable { answer, .. } = &error else { return Err(error) };
        self.look_up(seeking, |_| true, A_PAGE).await;
        if !seeking.found_any() {
            return Err(error);
        }
        seeking.doubt(answer);
        Ok(())
    }

    async fn seek(&self, seeking: &mut Seeking<'_>) -> Result<(), CallError> {
        let Seeking { search, wanted, .. } = *seeking;
        let kept = if self.has_to_list(wanted) {
            Some(self.active.get(|| list(search, UserListing::Active)).await?)
        } else {
            self.active.usable()
        };
        match &kept {
            Some(active) => seeking.show(&active.value),
            None => self.count_without_listing(self.ways.calls_to(seeking.open(is_listed)).unwrap_or_default()),
        }
        if self.few_calls_find(seeking.open(is_listed)) {
            self.look_up(seeking, |_| true, usize::MAX).await;
            self.look_in_kept(seeking).await?;
        } else {
            self.look_up(seeking, |user| !is_listed(user), usize::MAX).await;
        }
        if seeking.open(is_listed).next().is_some() {
            self.look_in_new_listings(seeking).await?;
        }
        Ok(())
    }

    /// Looks for one user again, after the user was found before.
    pub(in crate::engine) async fn look_again(
        &self,
        search: Search<'_>,
        user: &UserRef,
    ) -> Result<Match<FoundUser>, CallError> {
        let found = self.ways.find(search, &[user], Duration::ZERO).await.pop().flatten();
        let told = match found {
            // A look-up knows only one spelling.
            Some(Sought::Told(Match::None)) => {
                let kept = self.active.usable().map(|kept| kept.value.find_in_any_case(user));
                Sought::Told(kept.filter(is_active).unwrap_or(Match::None))
            }
            Some(told) => told,
            None => {
                let active = self.begun_since(search, UserListing::Active).await?;
                self.with_inactive(search, active).await.tell(user)
            }
        };
        match told {
            Sought::Told(found) => Ok(found),
            Sought::InDoubt(answer) => Err(CallError::unavailable(answer)),
            Sought::Refused(answer) => Err(CallError::Forbidden(answer)),
        }
    }

    /// Looks up at most `most` of the users still sought, where that is possible. If a look-up gets no answer, a
    /// listing may still give one.
    async fn look_up(&self, seeking: &mut Seeking<'_>, whom: impl Fn(&UserRef) -> bool, most: usize) {
        let open: Vec<usize> = seeking.places(whom).take(most).collect();
        let users: Vec<_> = open.iter().map(|at| &seeking.wanted[*at]).collect();
        let found = self.ways.find(seeking.search, &users, self.ages.renew_after).await;
        for (at, found) in open.into_iter().zip(found) {
            let listings_may_tell =
                is_listed(&seeking.wanted[at]) && found.as_ref().is_some_and(|f| f.doubt().is_some());
            seeking.sought[at] = found.filter(|_| !listings_may_tell);
        }
    }

    /// Searches the cached listing for users whom a look-up did not find, because they may be spelt differently there.
    /// The listing is read if necessary for employee ids only, because e-mail addresses have one spelling. That several
    /// users match is concluded only from a listing that is new enough.
    async fn look_in_kept(&self, seeking: &mut Seeking<'_>) -> Result<(), CallError> {
        let Seeking { search, wanted, .. } = *seeking;
        let is_missing = |at: &usize| {
            matches!(wanted.get(*at), Some(UserRef::EmployeeId(_) | UserRef::Email(_)))
                && seeking.sought.get(*at) == Some(&Some(Sought::Told(Match::None)))
        };
        let missing: Vec<usize> = (0..wanted.len()).filter(is_missing).collect();
        let are_ids = missing.iter().any(|at| matches!(wanted[*at], UserRef::EmployeeId(_)));
        let kept = match self.active.usable() {
            None if are_ids => Some(self.active.get(|| list(search, UserListing::Active)).await?),
            usable => usable,
        };
        let Some(mut kept) = kept else { return Ok(()) };
        let several = |at: &usize| matches!(kept.value.find_in_any_case(&wanted[*at]), Match::Several(_));
        if kept.begun_at < search.since && missing.iter().any(several) {
            kept = self.begun_since(search, UserListing::Active).await?;
        }
        for at in missing {
            let found = kept.value.find_in_any_case(&wanted[at]);
            if is_active(&found) || matches!(found, Match::Several(_)) {
                seeking.sought[at] = Some(Sought::Told(found));
            }
        }
        Ok(())
    }

    /// Reads the listings of active and, if still needed, inactive users anew. Some of the users whom neither shows are
    /// looked up.
    async fn look_in_new_listings(&self, seeking: &mut Seeking<'_>) -> Result<(), CallError> {
        let active = self.begun_since(seeking.search, UserListing::Active).await?;
        seeking.show(&active.value);
        if self.few_calls_find(seeking.open(is_listed)) {
            self.look_up(seeking, is_listed, usize::MAX).await;
        }
        if seeking.open(is_listed).next().is_none() {
            return Ok(());
        }
        let listings = self.with_inactive(seeking.search, active).await;
        let open: Vec<usize> = seeking.places(is_listed).collect();
        let told: Vec<_> = open.iter().map(|at| listings.tell(&seeking.wanted[*at])).collect();
        let is_missing = |told: &Sought| matches!(told, Sought::Told(Match::None) | Sought::InDoubt(_));
        for (at, told) in open.iter().zip(&told).filter(|(_, told)| !is_missing(told)) {
            seeking.sought[*at] = Some(told.clone());
        }
        // If Genesys cuts the listing off, look-ups are all that is left.
        let most = if listings.is_cut() { usize::MAX } else { MAX_MISSING };
        self.look_up(seeking, is_listed, most).await;
        for (at, told) in open.into_iter().zip(told) {
            seeking.sought[at].get_or_insert(told);
        }
        Ok(())
    }

    /// Adds the listing of inactive users, unless nothing could be concluded from it.
    async fn with_inactive(&self, search: Search<'_>, active: Arc<CachedReading<Listing>>) -> Listings {
        let inactive = if active.value.extent.complete {
            Some(self.begun_since(search, UserListing::Inactive).await)
        } else {
            None
        };
        Listings { active, inactive }
    }

    async fn begun_since(
        &self,
        search: Search<'_>,
        which: UserListing,
    ) -> Result<Arc<CachedReading<Listing>>, CallError> {
        let cache = match which {
            UserListing::Active => &self.active,
            UserListing::Inactive => &self.inactive,
        };
        cache.begun_since(search.since, || list(search, which)).await
    }

    /// Returns whether finding these users needs a listing, or takes fewer calls with one.
    pub(in crate::engine) fn has_to_list(&self, wanted: &[UserRef]) -> bool {
        self.active.usable().is_none() && !self.few_calls_find(wanted.iter().filter(|user| is_listed(user)))
    }

    /// Returns whether each of these users can be looked up, with few calls compared to a listing.
    fn few_calls_find<'u>(&self, users: impl Iterator<Item = &'u UserRef>) -> bool {
        self.ways.calls_to(users).is_some_and(|calls| calls <= self.few())
    }

    /// Returns the largest number of calls that counts as few compared to a listing.
    fn few(&self) -> usize {
        FEW.max(self.pages().unwrap_or_default() as usize / 2)
    }

    /// Counts look-ups that a listing would have saved. No job that names only a few people waits for a listing, but
    /// after some such jobs one is read that serves those to come.
    fn count_without_listing(&self, calls: usize) {
        let mut looked_up = self.looked_up.lock();
        if looked_up.since.is_none_or(|since| since.elapsed() > self.ages.use_until) {
            *looked_up = LookedUp { since: Some(Instant::now()), calls: 0 };
        }
        looked_up.calls += calls;
        if looked_up.calls >= self.few() {
            self.active.ask_for_a_new_one();
        }
    }

    /// Estimates the calls that finding these users takes. `anew` means that they are listed in any case.
    pub(in crate::engine) fn calls_to_find(&self, wanted: &[UserRef], anew: bool, since: Instant) -> u32 {
        let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
        if anew || self.has_to_list(wanted) {
            self.pages().unwrap_or_else(|| narrow(wanted.len().div_ceil(A_PAGE)))
        } else if self.active.usable().is_none() {
            let is_unknown = |user: &&UserRef| self.ways.believed(user, since, self.ages.renew_after).is_none();
            narrow(self.ways.calls_to(wanted.iter().filter(is_unknown)).unwrap_or_default())
        } else {
            0
        }
    }

    /// Returns the number of calls that the listing of active users took, if it was read.
    pub(in crate::engine) fn pages(&self) -> Option<u32> {
        self.active.newest().map(|listing| listing.value.extent.pages)
    }

    /// Returns the active users with their skills, from a listing whose reading begins now or later.
    pub(in crate::engine) async fn read_with_skills(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
    ) -> Result<Arc<ShownSkills>, CallError> {
        self.shown.begun_from_now(|| self.list_with_skills(genesys, options)).await
    }

    async fn list_with_skills(&self, genesys: &dyn Genesys, options: &CallOptions) -> Result<ShownSkills, CallError> {
        let mut skills = HashMap::new();
        let reading = async || {
            let (listing, shown) = read(genesys, options, UserListing::Active, Expand::Skills).await?;
            skills = shown;
            Ok(listing)
        };
        let begun_at = self.active.renew(reading).await?.begun_at;
        Ok(ShownSkills { skills, begun_at })
    }

    /// Waits until a listing in use is getting old, then refreshes it.
    pub(in crate::engine) async fn renew_when_due(
        &self,
        genesys: &dyn Genesys,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let (cache, which) = tokio::select! {
            () = self.active.due() => (&self.active, UserListing::Active),
            () = self.inactive.due() => (&self.inactive, UserListing::Inactive),
        };
        cache.freshen(|| list(Search { genesys, options, since: Instant::now() }, which)).await
    }
}

/// The users of a job and what is known of each.
struct Seeking<'a> {
    search: Search<'a>,
    wanted: &'a [UserRef],
    sought: Vec<Option<Sought>>,
}

impl Seeking<'_> {
    fn found_any(&self) -> bool {
        self.sought.iter().flatten().any(|sought| sought.doubt().is_none())
    }

    /// Leaves those still sought in doubt.
    fn doubt(&mut self, answer: &UpstreamAnswer) {
        for sought in self.sought.iter_mut().filter(|sought| sought.is_none()) {
            *sought = Some(Sought::InDoubt(answer.clone()));
        }
    }

    /// Returns the positions of those still sought.
    fn places(&self, whom: impl Fn(&UserRef) -> bool) -> impl Iterator<Item = usize> {
        let all = self.wanted.iter().zip(&self.sought).enumerate();
        all.filter(move |(_, (user, sought))| sought.is_none() && whom(user)).map(|(at, _)| at)
    }

    fn open(&self, whom: impl Fn(&UserRef) -> bool) -> impl Iterator<Item = &UserRef> {
        self.places(whom).map(|at| &self.wanted[at])
    }

    /// Marks those as found who are active on a listing.
    fn show(&mut self, active: &Listing) {
        for (user, sought) in self.wanted.iter().zip(&mut self.sought).filter(|(_, sought)| sought.is_none()) {
            *sought = Some(active.find(user)).filter(is_active).map(Sought::Told);
        }
    }

    /// Ends the search: whoever is still sought does not exist.
    fn told(self) -> Vec<Sought> {
        self.sought.into_iter().map(|sought| sought.unwrap_or(Sought::Told(Match::None))).collect()
    }
}

/// Picks the best match: a different case of an employee id ranks last, active users rank before inactive ones, and
/// exact names before others.
fn the_one(mut users: Vec<(Likeness, FoundUser)>) -> Match<FoundUser> {
    let rank = |(likeness, found): &(Likeness, FoundUser)| (*likeness == Likeness::OtherCase, !found.active, *likeness);
    let best = users.iter().map(rank).min();
    users.retain(|user| Some(rank(user)) == best);
    match users.as_slice() {
        [] => Match::None,
        [(_, one)] => Match::One(*one),
        several => Match::Several(several.len()),
    }
}

async fn list(search: Search<'_>, which: UserListing) -> Result<Listing, CallError> {
    let (listing, _) = read(search.genesys, search.options, which, Expand::Plain).await?;
    tracing::debug!(?which, extent = ?listing.extent, "read the directory");
    Ok(listing)
}

/// Reads a listing, and returns it with the skills that it shows.
async fn read(
    genesys: &dyn Genesys,
    options: &CallOptions,
    which: UserListing,
    expand: Expand,
) -> Result<(Listing, HashMap<UserId, Arc<Assignments>>), CallError> {
    let mut reader = user_listing::Reader::default();
    let extent = genesys.list_users(options, which, expand, &mut |user| reader.take(user)).await?;
    Ok(reader.finish(extent))
}
