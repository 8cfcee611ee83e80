//! Who is who at Genesys, cached: users by id, e-mail address, employee id and external id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::catalogue::Match;
use super::port::{CallError, Errand, Genesys, UserListing};
use crate::domain::user::DirectoryUser;
use crate::domain::{UserId, UserRef};

/// A listing of users as it was at one time.
#[derive(Debug)]
struct Listing {
    by_id: HashMap<UserId, DirectoryUser>,
    by_email: HashMap<Box<str>, Vec<UserId>>,
    by_employee_id: HashMap<Box<str>, Vec<UserId>>,
    read_at: Instant,
}

/// A user that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) user: UserId,
    pub(super) active: bool,
}

impl Listing {
    fn new(users: Vec<DirectoryUser>, read_at: Instant) -> Self {
        let (mut by_email, mut by_employee_id) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for user in &users {
            if let Some(email) = &user.email {
                by_email.entry(email.to_lowercase().into_boxed_str()).or_default().push(user.id);
            }
            if let Some(employee_id) = &user.employee_id {
                by_employee_id.entry(employee_id.clone()).or_default().push(user.id);
            }
        }
        let by_id = users.into_iter().map(|user| (user.id, user)).collect();
        Self { by_id, by_email, by_employee_id, read_at }
    }

    fn find(&self, wanted: &UserRef) -> Match<Found> {
        let several = match wanted {
            UserRef::Id(id) => self.by_id.get(id).map(|user| std::slice::from_ref(&user.id)),
            UserRef::Email(email) => self.by_email.get(email.trim().to_lowercase().as_str()).map(Vec::as_slice),
            UserRef::EmployeeId(id) => self.by_employee_id.get(id.trim()).map(Vec::as_slice),
            UserRef::ExternalId { .. } => None,
        };
        match several {
            Some([one]) => {
                let active = self.by_id.get(one).is_some_and(|user| user.active);
                Match::One(Found { user: *one, active })
            }
            Some(several) => Match::Several(several.len()),
            None => Match::None,
        }
    }
}

/// The directory of the org.
///
/// Invariant: a listing is replaced as a whole, and only one task at a time reads a new one; the others wait for it and
/// use it.
#[derive(Debug)]
pub(super) struct Directory {
    listings: Mutex<Listings>,
    max_age: Duration,
    /// A user who is not found is looked for again only when the listing is at least this old.
    recheck_after: Duration,
}

#[derive(Debug, Default)]
struct Listings {
    active: Option<Arc<Listing>>,
    inactive: Option<Arc<Listing>>,
    single: HashMap<UserRef, LookUp>,
}

/// The answer to a look-up of one user.
#[derive(Debug)]
struct LookUp {
    found: Match<Found>,
    at: Instant,
}

impl Directory {
    /// Jobs that name at most this many users by id, and none otherwise, look them up one by one.
    const FEW: usize = 10;

    pub(super) fn new(max_age: Duration, recheck_after: Duration) -> Self {
        Self { listings: Mutex::default(), max_age, recheck_after }
    }

    /// Finds all users of a job, in order, with as few calls as possible: listings in bulk, single look-ups for external
    /// ids and for jobs that name just a few users by id.
    pub(super) async fn find_all(
        &self,
        genesys: &dyn Genesys,
        errand: &Errand,
        wanted: &[UserRef],
    ) -> Result<Vec<Match<Found>>, CallError> {
        let mut listings = self.listings.lock().await;
        let few_ids = wanted.len() <= Self::FEW && wanted.iter().all(|user| matches!(user, UserRef::Id(_)));
        let listed = |user: &UserRef| !matches!(user, UserRef::ExternalId { .. });
        if listings.active.is_none() && few_ids || !wanted.iter().any(listed) {
            let mut found = Vec::with_capacity(wanted.len());
            for user in wanted {
                found.push(self.find_single(&mut listings, genesys, errand, user).await?);
            }
            return Ok(found);
        }
        let mut active = listings.active(genesys, errand, self.max_age).await?;
        let missing = |active: &Listing| wanted.iter().any(|user| listed(user) && active.find(user) == Match::None);
        if missing(&active) && active.read_at.elapsed() >= self.recheck_after {
            active = listings.active(genesys, errand, self.recheck_after).await?;
        }
        let inactive =
            if missing(&active) { Some(listings.inactive(genesys, errand, self.max_age).await?) } else { None };
        let mut found = Vec::with_capacity(wanted.len());
        for user in wanted {
            found.push(match (user, active.find(user), &inactive) {
                (UserRef::ExternalId { .. }, _, _) => self.find_single(&mut listings, genesys, errand, user).await?,
                (_, Match::None, Some(inactive)) => inactive.find(user),
                (_, known, _) => known,
            });
        }
        Ok(found)
    }

    async fn find_single(
        &self,
        listings: &mut Listings,
        genesys: &dyn Genesys,
        errand: &Errand,
        wanted: &UserRef,
    ) -> Result<Match<Found>, CallError> {
        let still_good = |look_up: &&LookUp| match &look_up.found {
            Match::One(found) if found.active => look_up.at.elapsed() <= self.max_age,
            Match::One(_) | Match::Several(_) | Match::None => look_up.at.elapsed() <= self.recheck_after,
        };
        if let Some(known) = listings.single.get(wanted).filter(still_good) {
            return Ok(known.found.clone());
        }
        let user = match wanted {
            UserRef::Id(id) => genesys.find_user(errand, *id).await?,
            UserRef::ExternalId { authority, key } => genesys.find_external(errand, authority, key).await?,
            UserRef::Email(_) | UserRef::EmployeeId(_) => None,
        };
        let found = user.map_or(Match::None, |user| Match::One(Found { user: user.id, active: user.active }));
        listings.single.insert(wanted.clone(), LookUp { found: found.clone(), at: Instant::now() });
        Ok(found)
    }
}

impl Listings {
    async fn active(
        &mut self,
        genesys: &dyn Genesys,
        errand: &Errand,
        max_age: Duration,
    ) -> Result<Arc<Listing>, CallError> {
        renew(&mut self.active, genesys, errand, UserListing::Active, max_age).await
    }

    async fn inactive(
        &mut self,
        genesys: &dyn Genesys,
        errand: &Errand,
        max_age: Duration,
    ) -> Result<Arc<Listing>, CallError> {
        renew(&mut self.inactive, genesys, errand, UserListing::Inactive, max_age).await
    }
}

async fn renew(
    listing: &mut Option<Arc<Listing>>,
    genesys: &dyn Genesys,
    errand: &Errand,
    which: UserListing,
    max_age: Duration,
) -> Result<Arc<Listing>, CallError> {
    if let Some(listing) = listing.as_ref().filter(|listing| listing.read_at.elapsed() < max_age) {
        return Ok(Arc::clone(listing));
    }
    let read = Arc::new(Listing::new(genesys.list_users(errand, which).await?, Instant::now()));
    *listing = Some(Arc::clone(&read));
    Ok(read)
}
