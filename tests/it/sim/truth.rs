//! Whether entries say of themselves what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use genesys_simulator::Target;
use skillsync::domain::job::SameUser;
use skillsync::domain::{EntryState, Mode, Reason};
use uuid::Uuid;

use super::checks::Kind;
use super::model::{Candidate, History, LAG, carried_out};
use super::record::{Entry, hundredths};
use super::world::{Step, differing};
use super::writes::Write;

/// What an assignment is said to have become: absent, or present with this rating.
pub(super) type Became = Option<Option<u32>>;

impl History<'_> {
    /// What is untrue about entries that ended together, in the world that speaks best for them. `effects` are those that
    /// were not told before.
    pub(super) fn untruths(
        &self,
        batch: &[&Entry],
        placed: &[Candidate],
        effects: Range<usize>,
        write: Option<&Write<'_>>,
    ) -> Vec<(Kind, String)> {
        let mut faults = self.unnamed(batch, effects, write);
        let of = |candidate: &Candidate| -> Vec<(Kind, String)> {
            let of_one = |entry: &&Entry| self.untruth(entry, batch, candidate);
            batch.iter().filter_map(of_one).collect()
        };
        faults.extend(placed.iter().map(of).min_by_key(Vec::len).unwrap_or_default());
        faults
    }

    fn untruth(&self, entry: &Entry, batch: &[&Entry], candidate: &Candidate) -> Option<(Kind, String)> {
        let step = candidate.replay.step(entry)?;
        let name = format!("entry {} of job {}", entry.index, entry.job);
        let has = step.touched.is_empty()
            || step.left == self.states[candidate.base]
            || step.left == candidate.replay.set
            || candidate.replay.satisfies(entry)
            || has_row(entry, step, candidate)
            || self.has_a_repetition(entry);
        let merged = entry.same_user == SameUser::Merge;
        match entry.state {
            // After an unanswered write it is not known which state the entries were held against.
            EntryState::Unchanged if !has && self.open.is_empty() => {
                Some((Kind::Untrue, format!("{name} is unchanged, and the user never had what it asks for")))
            }
            EntryState::Superseded => self.superseded_wrongly(entry, candidate, &name),
            EntryState::Applied => {
                let mut named = told(entry);
                let by_batch = |id: &Uuid| {
                    let mut steps = batch.iter().filter_map(|other| candidate.replay.step(other));
                    steps.any(|step| step.touched.contains(id))
                };
                // What an older entry does over again because of this one is this one's doing.
                let touched =
                    |id: &Uuid| step.touched.contains(id) || merged || self.open.contains(id) || !by_batch(id);
                if let Some((id, _)) = named.find(|(id, _)| !touched(id)) {
                    return Some((Kind::Effects, format!("{name} names {id}, which is not its doing")));
                }
                self.overwritten_wrongly(entry, step).map(|fault| (Kind::Effects, format!("{name} {fault}")))
            }
            EntryState::Unchanged
            | EntryState::Pending
            | EntryState::Running
            | EntryState::Waiting
            | EntryState::Planned
            | EntryState::Failed
            | EntryState::Cancelled
            | EntryState::Held => None,
        }
    }

    /// Whether another entry was carried out that is in the same place, as one of them repeats the other.
    fn has_a_repetition(&self, entry: &Entry) -> bool {
        let repeats = |other: &&&Entry| !other.is(entry) && other.place.accepted == entry.place.accepted;
        self.entries.iter().filter(repeats).any(|other| carried_out(other))
    }

    /// Whether an entry left nothing otherwise than the user really had it, whatever its reconciliation did on the way.
    fn really_had(&self, entry: &Entry, step: &Step, candidate: &Candidate) -> bool {
        let base = &self.states[candidate.base];
        let any_rating = |id: &Uuid| entry.listed.get(id) == Some(&None) && entry.mode != Mode::Remove;
        step.touched.iter().all(|id| match (step.left.get(id), base.get(id)) {
            (Some(_), Some(_)) if any_rating(id) => true,
            (left, had) => left == had,
        })
    }

    fn superseded_wrongly(&self, entry: &Entry, candidate: &Candidate, name: &str) -> Option<(Kind, String)> {
        let replay = &candidate.replay;
        let step = replay.step(entry)?;
        let by = entry.result.superseded_by.and_then(|by| self.run.named(by));
        let Some(by) = by else { return Some((Kind::Untrue, format!("{name} does not say what it is superseded by"))) };
        if by.user != entry.user || by.target != entry.target || by.place <= entry.place || by.dry_run {
            return Some((Kind::Untrue, format!("{name} names what is not later: entry {} of {}", by.index, by.job)));
        }
        if !self.open.is_empty() || entry.same_user == SameUser::Merge || by.same_user == SameUser::Merge {
            return None;
        }
        if step.touched.is_empty() {
            let has = replay.satisfies(entry);
            return has.then(|| (Kind::Untrue, format!("{name} is superseded, and the user has all that it asks for")));
        }
        let base = &self.states[candidate.base];
        let stays = |id: &&Uuid| {
            let others_did = replay.set.get(*id) != step.left.get(*id);
            !others_did && replay.later_touches(entry, **id).next().is_none() && step.left.get(*id) != base.get(*id)
        };
        if let Some(id) = step.touched.iter().find(stays) {
            return Some((Kind::Untrue, format!("{name} is superseded, and nothing later did {id} over")));
        }
        // It undid what the entry did, or what the entry asked for and found done, or did what the entry would undo.
        let lacking = replay.lacking(entry);
        let concerned_ids: Vec<&Uuid> = step.touched.iter().chain(entry.listed.keys()).chain(&lacking).collect();
        // Entries that repeat one another ask the same in the same place: it is open which of them did it.
        let is_by = |later: usize| self.run.entries[later].place.accepted == by.place.accepted;
        let its_doing = concerned_ids.iter().any(|id| replay.later_touches(entry, **id).any(is_by));
        // Where nobody but others left it otherwise, the next entry is named.
        let otherwise = |id: &&&Uuid| replay.set.get(**id) != step.left.get(**id);
        let mut undone = concerned_ids.iter().filter(otherwise);
        let by_entries = undone.any(|id| replay.later_touches(entry, **id).next().is_some());
        (!its_doing && by_entries)
            .then(|| (Kind::Untrue, format!("{name} names entry {} of {}, which undid none of it", by.index, by.job)))
    }

    /// Of what was written, everything is named once, as what it was; and nothing else is named.
    fn unnamed(&self, batch: &[&Entry], effects: Range<usize>, write: Option<&Write<'_>>) -> Vec<(Kind, String)> {
        let mut named: BTreeMap<Uuid, Vec<Became>> = BTreeMap::new();
        for (id, became) in batch.iter().flat_map(|entry| told(entry)) {
            named.entry(id).or_default().push(became);
        }
        let ours = |at: &usize| self.effects[*at].request.is_some();
        let touches = |at: usize, id: Uuid| self.states[at].get(&id) != self.states[at + 1].get(&id);
        let own: Vec<usize> = effects.clone().filter(ours).collect();
        // What others undid before it could be seen is nobody's to tell.
        let ended = batch.iter().map(|entry| entry.finished_at).max();
        let until = self.effects.iter().position(|effect| Some(effect.at) > ended).unwrap_or(self.effects.len());
        let seen = effects.start..effects.end.max(until);
        let foreign = |id: Uuid| seen.clone().any(|at| !ours(&at) && touches(at, id));
        let written: BTreeSet<Uuid> =
            own.iter().flat_map(|at| differing(&self.states[*at], &self.states[at + 1])).collect();
        let doubtful = own.iter().any(|at| write.is_none_or(|write| !write.effects.contains(at)));
        let mut faults = Vec::new();
        for id in &written {
            let mut at = own.iter().copied().filter(|at| touches(*at, *id));
            let (Some(first), last) = (at.next(), at.next_back()) else { continue };
            let (before, after) = (self.states[first].get(id), self.states[last.unwrap_or(first) + 1].get(id));
            let says = named.get(id).map(Vec::as_slice).unwrap_or_default();
            if before == after || foreign(*id) {
                continue;
            }
            let right = says == [after.copied()];
            let excused = says.is_empty() && doubtful && self.has_lost_entries(*id, &own);
            if !right && !excused {
                faults.push((
                    Kind::Effects,
                    format!("{id} was written, {before:?} to {after:?}, and is told as {says:?}"),
                ));
            }
        }
        // Without versions nothing tells that a read was older than what somebody else did a moment before.
        let since = own.first().map(|at| self.effects[*at].at);
        let just_before = |id: Uuid| {
            let lately = |at: &usize| since.is_some_and(|since| self.effects[*at].at + LAG >= since);
            let by_others = |at: &usize| !ours(at) && touches(*at, id);
            self.target == Target::RoutingSkills && (0..effects.end).any(|at| lately(&at) && by_others(&at))
        };
        for id in named.keys().filter(|id| !written.contains(*id)) {
            // If somebody else made the change that an unanswered write wanted, nobody can tell whose it is.
            if !((foreign(*id) && doubtful) || self.open.contains(id) || just_before(*id)) {
                faults.push((Kind::Effects, format!("{id} is told and was not written")));
            }
        }
        faults
    }

    /// Whether an entry that failed or was cancelled, and says that its end is not known, may have wanted this when it was
    /// written.
    fn has_lost_entries(&self, id: Uuid, own: &[usize]) -> bool {
        let lost = |entry: &&&Entry| {
            let says_so = entry.result.message.as_deref().is_some_and(|message| message.contains("check the user"));
            matches!(entry.state, EntryState::Failed | EntryState::Cancelled) && says_so
        };
        self.entries.iter().filter(lost).any(|entry| {
            let reaches = entry.listed.contains_key(&id) || matches!(entry.mode, Mode::Managed | Mode::Replace);
            let open = |at: &usize| {
                let at = self.effects[*at].at;
                entry.accepted_at <= at && at <= entry.finished_at + Duration::from_secs(61)
            };
            reaches && own.iter().any(open)
        })
    }

    fn overwritten_wrongly(&self, entry: &Entry, step: &Step) -> Option<String> {
        let effects = &entry.result.effects;
        let told: BTreeSet<Uuid> = effects.overwritten.iter().map(|id| id.0).collect();
        if entry.mode != Mode::Replace {
            return (!told.is_empty()).then(|| "says that it has overwritten something".to_owned());
        }
        let updated = effects.difference.updated.iter().map(|(id, _)| id.0);
        let lost: BTreeSet<Uuid> = updated.chain(effects.difference.removed.iter().map(|id| id.0)).collect();
        // What an earlier entry of the same pass took away was no longer there to be overwritten.
        let sure = self.open.is_empty();
        let of_others = |id: &Uuid| {
            // What a newer entry has claimed since may be changed as ours.
            let claimed_since =
                self.ever_owned.contains(id) && !effects.difference.removed.iter().any(|it| it.0 == *id);
            if sure {
                step.had.contains(id) && !step.owned.contains(id) && !claimed_since
            } else {
                effects.difference.removed.iter().any(|gone| gone.0 == *id) && !self.ever_owned.contains(id)
            }
        };
        let due: BTreeSet<Uuid> = lost.iter().copied().filter(of_others).collect();
        // What only an earlier entry of the same pass claimed was never really ours, and may be told as well.
        let ours = |id: &Uuid| {
            let owned = step.owned.contains(id) && self.ever_owned.contains(id) && !self.others_had_it(*id, entry);
            sure && step.had.contains(id) && owned
        };
        let right = told.is_superset(&due) && told.is_subset(&lost) && !told.iter().any(ours);
        (!right).then(|| format!("has overwritten {due:?} and says {told:?}"))
    }

    /// Whether somebody else was the last who touched it before the entry was carried out.
    fn others_had_it(&self, id: Uuid, entry: &Entry) -> bool {
        let touches = |at: usize| self.states[at].get(&id) != self.states[at + 1].get(&id);
        let before = (0..self.effects.len()).filter(|at| self.effects[*at].at <= entry.finished_at && touches(*at));
        let own = |at: usize| self.effects[at].request.is_some();
        before.rev().find(|at| !(own(*at) && self.effects[*at].at >= entry.accepted_at)).is_some_and(|at| !own(at))
    }

    /// What is wrong with what rows of a dry run say.
    pub(super) fn misplanned(&self, rows: &[&Entry], candidate: &Candidate) -> Vec<String> {
        let base = &self.states[candidate.base];
        let net: BTreeMap<Uuid, Became> =
            differing(base, &candidate.replay.set).map(|id| (id, candidate.replay.set.get(&id).copied())).collect();
        let mut faults = Vec::new();
        let mut named: Vec<(Uuid, Became)> = rows.iter().flat_map(|row| told(row)).collect();
        named.sort_unstable();
        if !named.iter().copied().eq(net.iter().map(|(id, became)| (*id, *became))) {
            faults.push(format!("job {} would do {net:?} and plans {named:?}", rows[0].job));
        }
        for row in rows {
            let Some(step) = candidate.replay.step(row) else { continue };
            let has = self.really_had(row, step, candidate)
                || candidate.replay.satisfies(row)
                || has_row(row, step, candidate);
            let wrong = match row.state {
                EntryState::Unchanged => !has,
                // A row that is taken together with others ends as they do.
                EntryState::Superseded if row.same_user == SameUser::Merge => false,
                EntryState::Superseded => candidate.replay.satisfies(row) && step.touched.is_empty(),
                EntryState::Planned => told(row).next().is_none(),
                EntryState::Applied
                | EntryState::Pending
                | EntryState::Running
                | EntryState::Waiting
                | EntryState::Failed
                | EntryState::Cancelled
                | EntryState::Held => true,
            };
            if wrong {
                faults.push(format!("entry {} of the dry run {} would not end as {:?}", row.index, row.job, row.state));
            }
        }
        faults
    }

    /// An event is stale if something newer was carried out before it was accepted, and only then.
    pub(super) fn check_stale(&mut self) {
        let mut faults = Vec::new();
        for entry in &self.entries {
            let name = format!("entry {} of job {}", entry.index, entry.job);
            // Rows that are one list are in the place of the newest of them.
            let of_list = |other: &&&Entry| entry.same_user == SameUser::Merge && other.job == entry.job;
            let rows = self.entries.iter().filter(of_list).map(|row| row.place);
            let place = rows.fold(entry.place, Ord::max);
            let above = |other: &Entry| other.place.accepted != place.accepted && other.place > place;
            let newer: Vec<&&Entry> = self.entries.iter().filter(|other| carried_out(other) && above(other)).collect();
            let can = entry.dated || entry.repeats;
            if entry.result.reason == Some(Reason::StaleEvent) {
                let by = entry.result.superseded_by.and_then(|by| self.run.named(by));
                let before = |other: &&&Entry| self.may_be_carried_out(other, entry);
                if !can || !newer.iter().any(before) {
                    faults.push(format!("{name} is called stale and nothing newer was carried out before it came"));
                } else if !entry.dry_run && !by.is_some_and(|by| newer.iter().any(|other| other.is(by))) {
                    faults.push(format!("{name} is stale and does not name what is newer"));
                }
            } else if can
                && (carried_out(entry) || entry.state == EntryState::Planned)
                && let Some(other) = newer.iter().find(|other| other.finished_at < entry.accepted_at)
            {
                faults.push(format!("{name} is stale: entry {} of {} was before", other.index, other.job));
            }
        }
        for fault in faults {
            self.fault(Kind::Stale, &fault);
        }
    }

    /// Whether `other` may have been carried out, for all that the service knew, when `entry` was accepted.
    fn may_be_carried_out(&self, other: &Entry, entry: &Entry) -> bool {
        let written = |write: &Write<'_>| {
            write.unsure() && other.accepted_at <= write.sent_at() && write.sent_at() <= entry.accepted_at
        };
        other.finished_at <= entry.accepted_at || self.writes.iter().any(written)
    }
}

/// Whether the user ends with what one of several rows that are taken together asks for by itself, or had it at their place.
fn has_row(entry: &Entry, step: &Step, candidate: &Candidate) -> bool {
    let ends_so = |id: &Uuid| candidate.replay.set.contains_key(id) == (entry.mode != Mode::Remove);
    let has = |id: &Uuid| ends_so(id) || !step.touched.contains(id);
    entry.same_user == SameUser::Merge && entry.own.keys().all(has)
}

/// What an entry says that it did.
fn told(entry: &Entry) -> impl Iterator<Item = (Uuid, Became)> {
    let difference = &entry.result.effects.difference;
    let set = difference.added.iter().chain(&difference.updated);
    let set = set.map(|(id, rating)| (id.0, Some(rating.map(|rating| hundredths(f64::from(rating.value()))))));
    set.chain(difference.removed.iter().map(|id| (id.0, None)))
}
