//! Who is who at Genesys: listings that are read in bulk and kept, and look-ups of the few who are not on them.

mod shown;
mod single;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::shown::Showing;
pub(super) use self::shown::ShownSkills;
use self::single::LookUps;
use super::cache::{Ages, Cache, Reading};
use super::catalogue::Match;
use super::listing::{self, Found, Listing};
use super::port::{CallError, Errand, Expand, Genesys, UpstreamAnswer, UserListing};
use crate::domain::{Assignments, UserId, UserRef};

/// The directory of the org.
///
/// Nobody waits for a listing that is merely getting old: it is used, and a new one is read meanwhile. Who is not on it
/// may be new, so the few who are missing are looked up one by one, where there is a way to, before a whole listing is
/// read for them.
///
/// Invariant: that somebody is missing, inactive or not the only one is told only by a look that was not begun before the
/// date that the caller names, and that somebody is missing only by a complete one.
#[derive(Debug)]
pub(super) struct Directory {
    active: Cache<Listing>,
    inactive: Cache<Listing>,
    single: LookUps,
    shown: Showing,
    ages: Ages,
}

/// What became of the search for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sought {
    Told(Match<Found>),
    /// The listings do not show the user, and one of them is not complete.
    InDoubt(UpstreamAnswer),
}

impl Sought {
    /// Why nothing can be told.
    pub(super) fn doubt(&self) -> Option<&UpstreamAnswer> {
        match self {
            Self::InDoubt(answer) => Some(answer),
            Self::Told(_) => None,
        }
    }
}

/// On whose behalf users are looked for, and how old an answer may be that somebody is not there.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) genesys: &'a dyn Genesys,
    pub(super) errand: &'a Errand,
    /// A look that tells it was not begun before.
    pub(super) since: Instant,
}

/// Users that one call of a listing shows.
const A_PAGE: usize = 500;
/// So many users at most are looked up one by one instead of in a listing.
const FEW: usize = 10;
/// So many users at most are looked up one by one because a listing is not complete.
const MOST_IN_DOUBT: usize = 100;
/// A listing is not read again sooner for somebody who is missing.
const LEAST_REST: Duration = Duration::from_secs(5);

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

/// Whether it is one user, who is active.
fn is_active(found: &Match<Found>) -> bool {
    matches!(found, Match::One(found) if found.active)
}

impl Directory {
    pub(super) fn new(ages: Ages) -> Self {
        let (active, inactive) = (Cache::new(ages, LEAST_REST), Cache::new(ages, LEAST_REST));
        Self { active, inactive, single: LookUps::default(), shown: Showing::default(), ages }
    }

    /// Finds all users of a job, in order, with as few calls as possible.
    pub(super) async fn find_all(&self, search: Search<'_>, wanted: &[UserRef]) -> Result<Vec<Sought>, CallError> {
        let mut found = Vec::with_capacity(wanted.len());
        if !self.has_to_list(wanted) && self.active.usable().is_none() {
            for user in wanted {
                found.push(Sought::Told(self.find_singly(search, user).await?));
            }
            return Ok(found);
        }
        let listings = self.listings(search, wanted).await?;
        let mut in_doubt = 0;
        for user in wanted {
            let known = listings.active.value.find(user);
            let told = if is_active(&known) {
                Sought::Told(known)
            } else if is_listed(user) && !listings.leave_few {
                listings.tell(user)
            } else {
                Sought::Told(self.find_singly(search, user).await?)
            };
            found.push(match told {
                Sought::InDoubt(_) if has_a_way(user) && in_doubt < MOST_IN_DOUBT => {
                    in_doubt += 1;
                    Sought::Told(self.find_singly(search, user).await?)
                }
                told @ (Sought::Told(_) | Sought::InDoubt(_)) => told,
            });
        }
        Ok(found)
    }

    /// What has become of one user since: by the reference's own way if there is one, else by the listings.
    pub(super) async fn look_again(&self, search: Search<'_>, user: &UserRef) -> Result<Match<Found>, CallError> {
        if let Some(known) = self.single.begun_since(user, search.since) {
            return Ok(known);
        }
        let Search { genesys, errand, since: _ } = search;
        let begun_at = Instant::now();
        let users = match user {
            UserRef::Id(id) => genesys.find_user(errand, *id).await?.into_iter().collect(),
            UserRef::ExternalId { authority, key } => {
                genesys.find_external(errand, authority, key).await?.into_iter().collect()
            }
            UserRef::Email(email) => genesys.find_by_email(errand, email.trim()).await?,
            UserRef::EmployeeId(_) => return self.look_in_listings(search, user).await,
        };
        let found = the_one(users.iter().map(Found::from).collect());
        self.single.note(user, found.clone(), begun_at);
        Ok(found)
    }

    async fn look_in_listings(&self, search: Search<'_>, user: &UserRef) -> Result<Match<Found>, CallError> {
        let active = self.begun_since(search, UserListing::Active).await?;
        match self.with_inactive(search, active).await?.tell(user) {
            Sought::Told(found) => Ok(found),
            Sought::InDoubt(answer) => Err(CallError::unavailable(answer)),
        }
    }

    /// A user to whom there is a way; somebody active who was looked up lately is believed to be so still.
    async fn find_singly(&self, search: Search<'_>, user: &UserRef) -> Result<Match<Found>, CallError> {
        match self.single.believed(user, search.since, self.ages.renew_after) {
            Some(known) => Ok(known),
            None => self.look_again(search, user).await,
        }
    }

    /// The listing of active users; and that of inactive ones, unless all whom the first one leaves open are to be looked up
    /// one by one. If they are not, both are new enough to tell who is missing.
    async fn listings(&self, search: Search<'_>, wanted: &[UserRef]) -> Result<Listings, CallError> {
        let leaves_few = |active: &Reading<Listing>| {
            let is_open = |user: &&UserRef| is_listed(user) && !is_active(&active.value.find(user));
            let mut open = wanted.iter().filter(is_open);
            open.clone().count() <= FEW && open.all(has_a_way)
        };
        let mut active = self.active.get(|| list(search, UserListing::Active)).await?;
        if !leaves_few(&active) {
            active = self.begun_since(search, UserListing::Active).await?;
        }
        if leaves_few(&active) {
            return Ok(Listings { active, inactive: None, leave_few: true });
        }
        self.with_inactive(search, active).await
    }

    /// Adds the listing of inactive users, unless nothing could be concluded from it.
    async fn with_inactive(&self, search: Search<'_>, active: Arc<Reading<Listing>>) -> Result<Listings, CallError> {
        let inactive = if active.value.extent.complete {
            Some(self.begun_since(search, UserListing::Inactive).await?)
        } else {
            None
        };
        Ok(Listings { active, inactive, leave_few: false })
    }

    async fn begun_since(&self, search: Search<'_>, which: UserListing) -> Result<Arc<Reading<Listing>>, CallError> {
        let cache = match which {
            UserListing::Active => &self.active,
            UserListing::Inactive => &self.inactive,
        };
        cache.begun_since(search.since, || list(search, which)).await
    }

    /// Whether these users cannot be found without a listing.
    pub(super) fn has_to_list(&self, wanted: &[UserRef]) -> bool {
        let many = wanted.iter().filter(|user| is_listed(user)).count() > FEW;
        self.active.usable().is_none() && (many || !wanted.iter().all(has_a_way))
    }

    /// Calls that finding these users takes, as far as can be told before it is done; `anew` if they are listed in any case.
    pub(super) fn calls_to_find(&self, wanted: &[UserRef], anew: bool, since: Instant) -> u32 {
        let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
        if anew || self.has_to_list(wanted) {
            self.pages().unwrap_or_else(|| narrow(wanted.len().div_ceil(A_PAGE)))
        } else if self.active.usable().is_none() {
            let is_unknown = |user: &&UserRef| self.single.believed(user, since, self.ages.renew_after).is_none();
            narrow(wanted.iter().filter(is_unknown).count())
        } else {
            0
        }
    }

    /// Calls that the listing of active users takes, if one was read.
    pub(super) fn pages(&self) -> Option<u32> {
        self.active.newest().map(|listing| listing.value.extent.pages)
    }

    /// The active users with their skills, as a listing shows them that is not begun before now.
    pub(super) async fn read_with_skills(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
    ) -> Result<Arc<ShownSkills>, CallError> {
        self.shown.begun_from_now(|| self.list_with_skills(genesys, errand)).await
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
        cache.freshen(|| list(Search { genesys, errand, since: Instant::now() }, which)).await
    }
}

/// The listings in which users are looked for.
struct Listings {
    active: Arc<Reading<Listing>>,
    /// Read only if the first one is complete: who is inactive here may be active there, on what is missing of it.
    inactive: Option<Arc<Reading<Listing>>>,
    /// Whether those whom the first one does not show are few, and each of them can be looked up alone.
    leave_few: bool,
}

impl Listings {
    /// What becomes of a user who is not the one of that name on the first listing, and active.
    fn tell(&self, user: &UserRef) -> Sought {
        let active = &self.active.value;
        if let known @ (Match::One(_) | Match::Several(_)) = active.find(user) {
            return Sought::Told(known);
        }
        let Some(inactive) = &self.inactive else { return Sought::InDoubt(active.extent.lacks("users")) };
        let found = inactive.value.find(user);
        if found == Match::None && !inactive.value.extent.complete {
            return Sought::InDoubt(inactive.value.extent.lacks("inactive users"));
        }
        Sought::Told(found)
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

async fn list(search: Search<'_>, which: UserListing) -> Result<Listing, CallError> {
    let (listing, _) = read(search.genesys, search.errand, which, Expand::Plain).await?;
    tracing::debug!(?which, extent = ?listing.extent, "read the directory");
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
    let extent = genesys.list_users(errand, which, expand, &mut |user| reader.take(user)).await?;
    Ok(reader.finish(extent))
}
