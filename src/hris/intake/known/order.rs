//! Decides from when the changes count that one source reports about one person.
//!
//! Most changes have a date from the sender. Where there is none, something stands in for it: when the delivery was
//! signed, when it came, or when the record was read. That is the time at which a change was reported, by our clock or
//! at least not by the clock that dates changes. It is always later than the change itself, by days if a batch is late.
//! If the two were compared as dates, a person who was deleted yesterday, and whose deletion is reported today, would
//! keep what an undated change gave them an hour ago. So they are not compared:
//!
//! - Changes with dates from the sender follow each other by these dates, in whatever order they arrive.
//! - A change that is the newest by its own date comes after everything that was reported before. If a stand-in is
//!   later than its date, it counts from its arrival.
//! - A change without a date counts from its stand-in; if that is its arrival, it comes after everything that was
//!   reported before, even if the sender's clock is ahead of ours.
//!
//! A name may be given to another person, and what is told of the one before may arrive late: they have left, or are
//! called otherwise, since a date that is later than that of the new holder's change. The name is the new holder's all
//! the same, so what was told of the one before no longer keeps it from them.
//!
//! One case cannot be ordered: an old change with a date that arrives after a newer one without, since nothing shows
//! that it is old. Every sender that dates its changes dates all of them, except for some of BambooHR, and those arrive
//! in the order in which they were made.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What must be remembered of a person's changes to order the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::hris::intake) struct Order {
    /// The newest date from the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event_at: Option<Timestamp>,
    /// The time from which that change counts, if it is not its date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_counts_from: Option<Timestamp>,
    /// The newest time that stood in for a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stand_in: Option<Timestamp>,
    /// The newest date of a change that gave the name to whom it belongs to, if it differs from `event_at`: whatever is
    /// newer takes the name from them. The earliest possible time stands for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_at: Option<Timestamp>,
}

/// What a change says about whose a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameSays {
    /// It is the same person's as before, as far as is known.
    Held,
    /// It is another person's.
    HandedOn,
    /// The person with the name has left it.
    Left,
}

impl Order {
    /// Creates the order of a record that was requested `asked_at` because of events, the newest of which was
    /// `event_at` by the sender's clock. Without a time by that clock there is nothing to keep in order.
    pub(in crate::hris::intake) fn of_reading(event_at: Option<Timestamp>, asked_at: Timestamp) -> Self {
        Self { event_at, stand_in: event_at.map(|_| asked_at), ..Self::default() }
    }

    /// Returns the newest date of a change that gave the name to whom it belongs to.
    pub(super) fn held_at(&self) -> Option<Timestamp> {
        self.held_at.or(self.event_at).filter(|at| *at > Timestamp::MIN)
    }

    /// Returns the date at which the holder of the name left it, if anything newer was told than that it is theirs.
    pub(super) fn left_at(&self) -> Option<Timestamp> {
        self.event_at.filter(|event_at| Some(*event_at) > self.held_at())
    }

    /// Returns what a change of this date says about whose the name is: that it `is_called_so`, or was at that date, of
    /// the person with the sender's id `id`. So far it is the `holder`'s.
    pub(super) fn says(
        &self,
        date: Option<Timestamp>,
        is_called_so: bool,
        holder: Option<&str>,
        id: Option<&str>,
    ) -> NameSays {
        let is_late = date.is_some_and(|date| Some(date) < self.held_at());
        let is_another = holder.zip(id).is_some_and(|(holder, id)| holder != id);
        match is_called_so {
            true if is_another && !is_late => NameSays::HandedOn,
            true => NameSays::Held,
            false => NameSays::Left,
        }
    }

    /// Adds a change that came `now`, with a date from the sender or with `sent_at` as its stand-in, and returns the
    /// time from which it counts; `None` if that is its acceptance.
    pub(super) fn take(
        &mut self,
        says: NameSays,
        date: Option<Timestamp>,
        sent_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if says == NameSays::HandedOn && date.is_some() && date <= self.left_at() {
            // What was told of the one before comes before all that is told of the new holder.
            *self = Self { stand_in: self.stand_in.max(self.event_at), ..Self::default() };
        }
        let held_at = if says == NameSays::Left { self.held_at() } else { self.held_at().max(date) };
        let from = self.count(date, sent_at, now);
        self.is_held_at(held_at);
        from
    }

    fn is_held_at(&mut self, held_at: Option<Timestamp>) {
        self.held_at = Some(held_at.unwrap_or(Timestamp::MIN)).filter(|_| held_at != self.event_at);
    }

    /// Adds a time that stands in for a date.
    pub(super) fn beside(self, at: Option<Timestamp>) -> Self {
        Self { stand_in: self.stand_in.max(at), ..self }
    }

    /// Returns the time from which a change counts that is reported `now` without a date, if an earlier one counts from
    /// a future time.
    pub(super) fn after_what_is_ahead(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = self.stand_in.max(self.event_at);
        newest.filter(|newest| *newest > now).map(|newest| just_after(Some(newest), now))
    }

    /// Adds a change, whoever has the name, and returns the time from which it counts.
    fn count(&mut self, date: Option<Timestamp>, sent_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let Some(date) = date else {
            if let Some(sent_at) = sent_at {
                self.stand_in = self.stand_in.max(Some(sent_at));
                return Some(sent_at);
            }
            let from = just_after(self.stand_in.max(self.event_at), now);
            self.stand_in = Some(from);
            return Some(from).filter(|from| *from > now);
        };
        match self.event_at {
            Some(newest) if date < newest => Some(date),
            // The same change again: the sender signs anew when it repeats a delivery, or we could not accept the first
            // one.
            Some(newest) if date == newest => Some(self.event_counts_from.unwrap_or(date)),
            Some(_) | None => {
                let is_beaten = self.stand_in.is_some_and(|stand_in| date <= stand_in);
                self.event_at = Some(date);
                self.event_counts_from = is_beaten.then(|| just_after(self.stand_in, now));
                self.stand_in = self.event_counts_from.or(self.stand_in);
                Some(self.event_counts_from.unwrap_or(date))
            }
        }
    }

    /// Merges what was reported under two names of one person.
    pub(super) fn and(self, other: Self) -> Self {
        let held_at = self.held_at().max(other.held_at());
        let newer = if self.event_at < other.event_at { other } else { self };
        let mut both = Self { stand_in: self.stand_in.max(other.stand_in), ..newer };
        both.is_held_at(held_at);
        both
    }
}

/// Returns now, or the moment just after `newest` if that lies in the future.
fn just_after(newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let after = newest.and_then(|newest| newest.checked_add(SignedDuration::from_nanos(1)).ok());
    after.map_or(now, |after| after.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Changes as they arrive: the sender's date, the time of the signature, and the time of arrival.
    fn taken(changes: &[(Option<i64>, Option<i64>, i64)]) -> Vec<Timestamp> {
        let mut order = Order::default();
        let take = |(date, sent_at, now): &(Option<i64>, Option<i64>, i64)| {
            // The order must survive being written to the journal.
            order = serde_json::from_str(&serde_json::to_string(&order).unwrap()).unwrap();
            order.take(NameSays::Held, date.map(at), sent_at.map(at), at(*now)).unwrap_or(at(*now))
        };
        changes.iter().map(take).collect()
    }

    #[test]
    fn a_date_of_the_senders_own_does_not_lose_against_what_stands_for_one() {
        for stand_in in [Some(1_000), None] {
            let signed = stand_in.map(|at| at + 100);
            let from = taken(&[(None, stand_in, 1_000), (Some(500), signed, 1_100), (Some(600), signed, 1_200)]);
            assert_eq!(from, [at(1_000), at(1_100), at(1_200)], "each is the newest by its own date");
        }
        let from = taken(&[(Some(400), None, 1_000), (None, None, 1_000), (Some(500), None, 1_000)]);
        assert!(from[0] < from[1] && from[1] < from[2], "{from:?}");
    }

    #[test]
    fn dates_of_the_senders_own_keep_their_order_however_they_come() {
        let dated = |dates: &[i64]| taken(&dates.iter().map(|date| (Some(*date), None, 1_000)).collect::<Vec<_>>());
        assert_eq!(dated(&[500, 300, 400, 700, 500]), [500, 300, 400, 700, 500].map(at));
        let from = taken(&[(None, None, 1_000), (Some(500), None, 1_100), (Some(400), None, 1_200)]);
        assert_eq!(from, [at(1_000), at(1_100), at(400)], "the last is older than the one before");
    }

    #[test]
    fn the_same_change_counts_from_the_same_time_again() {
        let changes = [(None, None, 1_000), (Some(500), None, 1_100), (None, None, 1_200), (Some(500), None, 1_300)];
        assert_eq!(taken(&changes), [1_000, 1_100, 1_200, 1_100].map(at));
    }

    #[test]
    fn a_clock_that_is_ahead_puts_no_change_below_one_that_came_before_it() {
        let from =
            taken(&[(Some(1_590), None, 1_000), (None, None, 1_010), (None, None, 1_020), (Some(1_595), None, 1_030)]);
        assert!(from.is_sorted() && from[0] < from[1] && from[1] < from[2] && from[2] < from[3], "{from:?}");
    }

    #[test]
    fn what_was_read_counts_from_its_reading_and_bars_no_newer_event() {
        let mut order = Order::of_reading(Some(at(500)), at(1_000));
        assert_eq!(
            order.take(NameSays::Held, Some(at(600)), None, at(1_100)),
            Some(at(1_100)),
            "a clock that is behind"
        );
        assert_eq!(order.take(NameSays::Held, Some(at(400)), None, at(1_200)), Some(at(400)));
        assert_eq!(Order::of_reading(None, at(1_000)), Order::default());
    }
}
