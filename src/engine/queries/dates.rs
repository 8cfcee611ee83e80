//! The dates that a change accepted now may have.

use crate::domain::dates::LatestDate;
use crate::engine::core::Engine;

impl Engine {
    /// Returns the latest date that a change accepted now may have.
    pub fn latest_date(&self) -> LatestDate {
        LatestDate::at(self.core.clock.now(), self.core.settings.future_tolerance)
    }
}
