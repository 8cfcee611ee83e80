//! Combines the listings of active and inactive users into one answer about a user.

use std::sync::Arc;

use super::Sought;
use crate::domain::UserRef;
use crate::domain::name_index::Match;
use crate::engine::org::cache::CachedReading;
use crate::engine::org::user_listing::{FoundUser, Listing};
use crate::engine::port::CallError;

/// The listings in which users are sought.
pub(super) struct Listings {
    pub(super) active: Arc<CachedReading<Listing>>,
    /// Read only if the listing of active users is complete: a user who is inactive on this one may be active there, on
    /// the part that is missing.
    pub(super) inactive: Option<Result<Arc<CachedReading<Listing>>, CallError>>,
}

impl Listings {
    /// Returns whether there are inactive users whom Genesys does not list, now or later.
    pub(super) fn is_cut(&self) -> bool {
        match &self.inactive {
            Some(Ok(inactive)) => inactive.value.extent.is_cut,
            Some(Err(error)) => !is_worth_waiting_for(error),
            None => false,
        }
    }

    /// Returns what is known of a user whom the first listing does not show as the only active one of that name.
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

/// Returns whether trying again later may help.
fn is_worth_waiting_for(error: &CallError) -> bool {
    matches!(error, CallError::Unavailable { .. })
}
