//! Learning whom a source names: with which id of its own, in which order, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::order::Order;
use super::turns::Turn;
use super::written::{undated_export, written};
use super::{ALMOST_A_DAY, KnownById, KnownPeople, KnownPerson, before, was_applied};
use crate::domain::UserRef;
use crate::engine::Engine;
use crate::hris::mapped::Mapped;
use crate::hris::source::Source;
use crate::journal::{Journal, JournalError};

/// A person whom a source names.
#[derive(Debug, Clone, Copy)]
pub(in crate::hris::intake) struct NamedPerson<'p> {
    user: &'p UserRef,
    sender_id: Option<&'p str>,
    /// The date of the change by the sender's clock.
    told_at: Option<Timestamp>,
    order: OrderTold,
    /// Whether the name is the person's, or was at that date; otherwise the person has left.
    is_called_so: bool,
    /// Whether a dry run names the person.
    is_planned: bool,
}

/// What is told of the order of a person's changes.
#[derive(Debug, Clone, Copy)]
enum OrderTold {
    /// Nothing.
    Nothing,
    /// A record was read, which adds to the order so far.
    Read(Order),
    /// The order from now on.
    Now(Order),
}

impl<'p> NamedPerson<'p> {
    /// A person whom a delivery or an export names. The order of their changes is left to the caller.
    pub(in crate::hris::intake) fn of(person: &'p Mapped) -> Self {
        let Mapped { user, sender_id, occurred_at, .. } = person;
        Self {
            user,
            sender_id: sender_id.as_deref(),
            told_at: *occurred_at,
            order: OrderTold::Nothing,
            is_called_so: person.is_called_so(),
            is_planned: false,
        }
    }

    /// A person whose record was read, and who is therefore dated by our clock.
    pub(in crate::hris::intake) fn of_record(person: &'p Mapped, order: Order) -> Self {
        Self { told_at: None, order: OrderTold::Read(order), ..Self::of(person) }
    }
}

impl KnownPeople {
    /// Notes that these people were named, each with the sender's id if it was reported. Durable when it returns.
    pub(in crate::hris::intake) async fn learn<'p>(
        &self,
        journal: &dyn Journal,
        source: &Source,
        people: impl Iterator<Item = NamedPerson<'p>>,
    ) -> Result<(), JournalError> {
        let named = by_name(people);
        if self.renewed(source, &named).is_empty() {
            return Ok(());
        }
        let turn = self.writing.of(named.keys().map(|text| &**text)).await;
        self.renew(journal, source, &named, turn).await
    }

    /// Writes what is new of these people. Whoever had one of their names before, had left it, and has no other one
    /// since, is remembered as gone: what is older may arrive later.
    async fn renew(
        &self,
        journal: &dyn Journal,
        source: &Source,
        named: &BTreeMap<Box<str>, NamedPerson<'_>>,
        turn: Turn,
    ) -> Result<(), JournalError> {
        let changes = self.renewed(source, named);
        let handed_on = self.handed_on(source, &changes);
        self.write(journal, &source.name, changes).await?;
        drop(turn);
        for (sender_id, left_at) in handed_on {
            let has_another_since = |known: &KnownById| known.event_at >= Some(left_at);
            if !self.by_id(source, &sender_id).iter().any(has_another_since) {
                self.remember_gone(journal, source, &sender_id, left_at).await?;
            }
        }
        Ok(())
    }

    /// Returns the sender's ids of the people whose names these changes give to others, with the date at which each had
    /// left the name.
    fn handed_on(&self, source: &Source, changes: &[(Box<str>, Option<KnownPerson>)]) -> Vec<(Box<str>, Timestamp)> {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Vec::new() };
        let by = |(text, after): &(Box<str>, Option<KnownPerson>)| {
            let before = of_source.by_name.get(text)?;
            let is_handed_on = after.as_ref().is_some_and(|after| after.sender_id != before.sender_id);
            Some((before.sender_id.clone().filter(|_| is_handed_on)?, before.order.left_at()?))
        };
        changes.iter().filter_map(by).collect()
    }

    /// Notes that a dry run names these people. Anyone new becomes known, because the plan may be applied; nothing
    /// changes for people who are known already. Full exports miss a new person only after the plan was applied.
    pub(in crate::hris::intake) async fn learn_who_is_new<'p>(
        &self,
        journal: &dyn Journal,
        source: &Source,
        people: impl Iterator<Item = NamedPerson<'p>>,
    ) -> Result<(), JournalError> {
        let is_new = |named: &NamedPerson<'_>| {
            let people = self.lock();
            let known = people.get(&source.name);
            known.is_none_or(|known| written(named.user).is_some_and(|text| !known.by_name.contains_key(&text)))
        };
        let planned = people.filter(is_new).map(|named| NamedPerson { is_planned: true, ..named });
        self.learn(journal, source, planned).await
    }

    /// Does what [`Self::learn`] does, for people named by a delivery that came now, and sets the time from which each
    /// change counts.
    pub(in crate::hris::intake) async fn learn_in_order(
        &self,
        journal: &dyn Journal,
        engine: &Engine,
        source: &Source,
        people: &mut [Mapped],
        sent_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let texts: Vec<_> = people.iter().filter_map(|person| written(&person.user)).collect();
        let turn = self.writing.of(texts.iter().map(|text| &**text)).await;
        let mut orders = BTreeMap::<_, Order>::new();
        let dates: Vec<_> = people.iter().map(|person| person.occurred_at).collect();
        for person in &mut *people {
            let Some(text) = written(&person.user) else { continue };
            let holder = self.sender_id_of(source, &text);
            let order = orders.entry(text).or_insert_with_key(|text| self.order_of(source, text, person, engine));
            let says =
                order.says(person.occurred_at, person.is_called_so(), holder.as_deref(), person.sender_id.as_deref());
            person.occurred_at = order.take(says, person.occurred_at, sent_at, now);
        }
        let named =
            people.iter().zip(dates).map(|(person, told_at)| NamedPerson { told_at, ..NamedPerson::of(person) });
        let mut named = by_name(named);
        if source.tells_dates() {
            for (text, order) in orders {
                named.entry(text).and_modify(|named| named.order = OrderTold::Now(order));
            }
        }
        self.renew(journal, source, &named, turn).await
    }

    /// Returns the order of a person's changes before the one of `person`, including the last export without dates.
    fn order_of(&self, source: &Source, text: &str, person: &Mapped, engine: &Engine) -> Order {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Order::default() };
        let known = of_source.by_name.get(text);
        let order = known.map(|known| known.order).unwrap_or_default().beside(of_source.undated_export);
        let planned = of_source.undated_plan.filter(|_| was_applied(&source.name, text, engine));
        let order = order.beside(planned);
        if known.is_some() {
            return order;
        }
        // Somebody else who has left the name may have had it in another case.
        let others = of_source.in_other_case(text, engine).filter(|other| other.sender_id != person.sender_id);
        let is_newer = |other: &&KnownPerson| other.order.held_at() <= person.occurred_at;
        let left_at = others.filter(is_newer).filter_map(|other| other.order.left_at()).max();
        order.beside(left_at.filter(|left_at| person.occurred_at.is_some_and(|at| at <= *left_at)))
    }

    /// Notes that an export without dates, or a dry run of one, came now: a change that is dated earlier but reported
    /// later comes after it, and after the plan of a dry run once that was applied. Durable when it returns.
    pub(in crate::hris::intake) async fn note_undated_export(
        &self,
        journal: &dyn Journal,
        source: &Source,
        dry_run: bool,
    ) -> Result<(), JournalError> {
        let _writing = self.writing.everybody().await;
        let now = self.clock.now();
        journal.remember(vec![undated_export(&source.name, now, dry_run)]).await?;
        let mut people = self.lock();
        let of_source = people.entry(Arc::clone(&source.name)).or_default();
        if dry_run {
            of_source.undated_plan = Some(now);
        } else {
            of_source.undated_export = Some(now);
        }
        Ok(())
    }

    /// Dates an export without dates after all changes that already count from a future time.
    pub(in crate::hris::intake) fn count_after_dates_ahead(&self, source: &Source, people: &mut [Mapped]) {
        let now = self.clock.now();
        let locked = self.lock();
        let Some(of_source) = locked.get(&source.name) else { return };
        for person in people.iter_mut().filter(|person| person.occurred_at.is_none()) {
            let known = written(&person.user).and_then(|text| of_source.by_name.get(&text));
            person.occurred_at = known.and_then(|known| known.order.after_what_is_ahead(now));
        }
    }

    /// Returns those of `named` who are new, or were last named long enough ago that naming them again is worth a memo.
    fn renewed(
        &self,
        source: &Source,
        named: &BTreeMap<Box<str>, NamedPerson<'_>>,
    ) -> Vec<(Box<str>, Option<KnownPerson>)> {
        let now = self.clock.now();
        let old = before(now, ALMOST_A_DAY.min(self.retention / 4));
        let people = self.lock();
        let known = people.get(&source.name);
        let mut renewed = Vec::new();
        for (text, NamedPerson { user: _, sender_id: told_id, told_at, order, is_called_so, is_planned }) in named {
            let before = known.and_then(|known| known.by_name.get(text));
            let id_before = before.and_then(|known| known.sender_id.as_deref());
            // A late delivery may carry an id that no longer belongs to the name.
            let is_late = told_at.is_some_and(|at| before.is_some_and(|known| Some(at) < known.order.held_at()));
            let id = told_id.filter(|_| (*is_called_so && !is_late) || id_before.is_none());
            let sender_id = id.or(id_before).map(Box::from);
            let handed_on_by = id_before.filter(|before| id.is_some_and(|id| id != *before)).map(Box::from);
            let has_id = |id: &str| id_before == Some(id);
            let order = match order {
                // An export, whose rows count from their dates or from now.
                OrderTold::Nothing => {
                    let mut order = before.map(|known| known.order).unwrap_or_default();
                    if told_at.is_some() && !*is_planned {
                        let says = order.says(*told_at, *is_called_so, id_before, *told_id);
                        order.take(says, *told_at, None, now);
                    }
                    order
                }
                OrderTold::Read(order) => before.map_or(*order, |known| known.order.and(*order)),
                OrderTold::Now(order) => *order,
            };
            let is_planned = before.map_or(*is_planned, |known| known.is_planned && (*is_planned || !*is_called_so));
            let is_newer = before.is_some_and(|known| {
                known.order != order || known.missing_since.is_some() || known.is_planned != is_planned
            });
            let is_new = before.is_none_or(|known| known.named_at < old) || id.is_some_and(|id| !has_id(id));
            if is_new || is_newer {
                let (user, since) = (before.and_then(|known| known.user), before.map_or(now, |known| known.since));
                let (exports, former_user) =
                    before.map_or_else(Default::default, |known| (known.exports, known.former_user));
                let former_id = handed_on_by.or_else(|| before?.former_id.clone());
                // A plan that nobody applies is forgotten, however often its names are left.
                let named_at =
                    before.filter(|known| known.is_planned && is_planned).map_or(now, |known| known.named_at);
                let known = KnownPerson { since, exports, user, former_user, ..KnownPerson::named_at(named_at) };
                renewed.push((text.clone(), Some(KnownPerson { sender_id, former_id, order, is_planned, ..known })));
            }
        }
        renewed
    }
}

/// Collects people by name. If one is named twice, the id that was reported last counts.
fn by_name<'p>(people: impl Iterator<Item = NamedPerson<'p>>) -> BTreeMap<Box<str>, NamedPerson<'p>> {
    let mut named = BTreeMap::<_, NamedPerson<'p>>::new();
    for person in people {
        let Some(text) = written(person.user) else { continue };
        let known = named.entry(text).or_insert(person);
        let is_older = person.told_at.zip(known.told_at).is_some_and(|(at, known_at)| at < known_at);
        if known.sender_id.is_none() || (person.sender_id.is_some() && !is_older) {
            *known = person;
        }
    }
    named
}

/// Dates the undated rows of a delivery if their person also has a row that counts from `now` or later. Counting from
/// acceptance, such a row would come after all the others; it counts from `now`, when the delivery came.
pub(in crate::hris::intake) fn count_in_order_of_rows(people: &mut [Mapped], now: Timestamp) {
    let counts_from = people.iter().filter_map(|person| Some((written(&person.user)?, person.occurred_at?)));
    let after: BTreeSet<_> = counts_from.filter(|(_, at)| *at >= now).map(|(text, _)| text).collect();
    for person in people.iter_mut().filter(|person| person.occurred_at.is_none()) {
        if written(&person.user).is_some_and(|text| after.contains(&text)) {
            person.occurred_at = Some(now);
        }
    }
}
