//! Which dates changes may have that are accepted now.

use crate::domain::dates::LatestDate;
use crate::engine::core::Engine;

impl Engine {
    /// The latest date that a change may have which is accepted now.
    pub fn latest_date(&self) -> LatestDate {
        LatestDate::at(self.core.clock.now(), self.core.settings.future_tolerance)
    }
}
