//! What the listings of active and inactive users tell together of one user.

use std::sync::Arc;

use super::Sought;
use crate::domain::UserRef;
use crate::domain::name_index::Match;
use crate::engine::org::cache::CachedReading;
use crate::engine::org::user_listing::{FoundUser, Listing};
use crate::engine::port::CallError;

/// The listings in which users are looked for.
pub(super) struct Listings {
    pub(super) active: Arc<CachedReading<Listing>>,
    /// Read only if the first one is complete: who is inactive here may be active there, on what is missing of it.
    pub(super) inactive: Option<Result<Arc<CachedReading<Listing>>, CallError>>,
}

impl Listings {
    /// Whether there are inactive users whom Genesys does not list, now or later.
    pub(super) fn is_cut(&self) -> bool {
        match &self.inactive {
            Some(Ok(inactive)) => inactive.value.extent.is_cut,
            Some(Err(error)) => !is_worth_waiting_for(error),
            None => false,
        }
    }

    /// What becomes of a user who is not the one of that name on the first listing, and active.
    pub(super) fn tell(&self, user: &UserRef) -> Sought {
        match self.tell_by(|listing| listing.find(user)) {
            Sought::Told(Match::None) => self.tell_by(|listing| listing.find_in_other_case(user)),
            told @ (Sought::Told(_) | Sought::InDoubt(_) | Sought::Refused(_)) => told,
        }
    }

    fn tell_by(&self, find: impl Fn(&Listing) -> Match<FoundUser>) -> Sought {
        let active = &self.active.value;
        if let known @ (Match::One(_) | Match::Several(_)) = find(active) {
            return Sought::Told(known);
        }
        match &self.inactive {
            None => Sought::InDoubt(active.extent.lacks("users")),
            Some(Ok(inactive)) => {
                let (found, extent) = (find(&inactive.value), &inactive.value.extent);
                if found == Match::None && !extent.complete && !extent.is_cut {
                    return Sought::InDoubt(extent.lacks("inactive users"));
                }
                Sought::Told(found)
            }
            Some(Err(CallError::Unavailable { answer, .. })) => Sought::InDoubt(answer.clone()),
            Some(Err(_)) => Sought::Told(Match::None),
        }
    }
}

/// Whether what failed may do better later.
fn is_worth_waiting_for(error: &CallError) -> bool {
    matches!(error, CallError::Unavailable { .. })
}
