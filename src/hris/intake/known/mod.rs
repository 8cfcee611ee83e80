//! Remembers whom each source has named: a person missing from a full export is a leaver only if that source named
//! them.
//!
//! People are kept apart by source, because two HR systems may each know half of them, and a full export of one says
//! nothing about those of the other. A person stays known for as long as the source names them or they have owned
//! assignments, and for `journal.retention` after that.
//!
//! The sender's id is stored with each person, if the sender reports one: for a deleted person, most senders report
//! nothing else. The deletion of a person who was never named is remembered as well, because older events about them
//! may arrive later.

mod exports;
mod full_export;
mod handed_on;
mod order;
mod turns;
mod written;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use self::exports::Exports;
pub(super) use self::order::Order;
use self::turns::Turns;
pub use self::written::is_known_person;
pub(super) use self::written::{called, written};
use self::written::{kept, memo, read, read_undated_export, undated_export};
use crate::clock::WallClock;
use crate::domain::text::as_it_reads;
use crate::domain::{UserId, UserRef};
use crate::engine::{Engine, ErasureError, PersonIdentity};
use crate::hris::mapped::Mapped;
use crate::hris::source::Source;
use crate::journal::{Journal, JournalError, Memo};

/// Minimum time between two memos that a person was named again, just below the period of a nightly export.
const ALMOST_A_DAY: Duration = Duration::from_secs(20 * 3600);
/// Number of people that are processed before the task yields to others.
const AT_ONCE: usize = 500;

/// Prefix of the sender's id under which the deletion of an unknown person is remembered. No user has such a name.
const GONE: &str = "gone:";

/// What is known of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownPerson {
    /// When the source first named the person.
    since: Timestamp,
    /// The latest series of consecutive full exports that named the person.
    exports: Option<Exports>,
    /// Since when full exports lack the person.
    missing_since: Option<Timestamp>,
    /// When the source last named the person, as written in the journal.
    named_at: Timestamp,
    /// The user that the person turned out to be.
    user: Option<UserId>,
    /// Another user that the name led to before, and who may still have owned assignments.
    former_user: Option<UserId>,
    /// The sender's id of the person.
    sender_id: Option<Box<str>>,
    /// The sender's id of another person to whom it gave this name before.
    former_id: Option<Box<str>>,
    /// Order of the changes that the source has reported so far.
    order: Order,
    /// Whether only dry runs have named the person.
    is_planned: bool,
    /// Whether the memo has the present form and key; false for memos of earlier versions.
    is_written: bool,
}

impl KnownPerson {
    /// Creates a person who was first named at this time, with nothing else known.
    fn named_at(named_at: Timestamp) -> Self {
        let (user, sender_id, order) = (None, None, Order::default());
        let (exports, missing_since, former_user, former_id) = (None, None, None, None);
        Self {
            since: named_at,
            exports,
            missing_since,
            named_at,
            user,
            former_user,
            sender_id,
            former_id,
            order,
            is_planned: false,
            is_written: true,
        }
    }

    /// Merges what was reported under two spellings of one person.
    fn and(self, other: Self) -> Self {
        let (newer, older) = if self.named_at < other.named_at { (other, self) } else { (self, other) };
        Self {
            since: newer.since.min(older.since),
            exports: newer.exports.or(older.exports),
            user: newer.user.or(older.user),
            former_user: newer.former_user.or(older.former_user),
            sender_id: newer.sender_id.or(older.sender_id),
            former_id: newer.former_id.or(older.former_id),
            order: newer.order.and(older.order),
            is_planned: newer.is_planned && older.is_planned,
            is_written: newer.is_written && older.is_written,
            ..newer
        }
    }
}

/// A person whom a source names.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedPerson<'p> {
    pub(super) user: &'p UserRef,
    pub(super) sender_id: Option<&'p str>,
    /// The date of the change by the sender's clock.
    pub(super) told_at: Option<Timestamp>,
    pub(super) order: Order,
    /// Whether a dry run names the person.
    pub(super) is_planned: bool,
}

/// Whom each source has named, by its name.
type People = HashMap<Arc<str>, OfSource>;

/// Whom one source has named.
///
/// Invariant: `by_sender_id` leads from each id in `by_name`, present or former, to all names that have or had it.
#[derive(Debug, Default)]
struct OfSource {
    /// When the last full export came.
    last_export: Option<Timestamp>,
    /// When the last export without dates came.
    undated_export: Option<Timestamp>,
    by_name: BTreeMap<Box<str>, KnownPerson>,
    by_sender_id: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

impl OfSource {
    /// Adds or replaces a person, and indexes their ids.
    fn insert(&mut self, text: Box<str>, known: KnownPerson) {
        self.remove(&text);
        for id in known.sender_id.iter().chain(&known.former_id) {
            self.by_sender_id.entry(id.clone()).or_default().insert(text.clone());
        }
        self.last_export = self.last_export.max(known.exports.map(|exports| exports.last));
        self.by_name.insert(text, known);
    }

    /// Removes a person from both maps.
    fn remove(&mut self, text: &str) {
        let Some(known) = self.by_name.remove(text) else { return };
        for id in known.sender_id.into_iter().chain(known.former_id) {
            if let Some(names) = self.by_sender_id.get_mut(&id) {
                names.remove(text);
                if names.is_empty() {
                    self.by_sender_id.remove(&id);
                }
            }
        }
    }
}

/// What is known of the person to whom a source gives a name.
#[derive(Debug)]
pub(super) struct KnownName {
    /// The sender's id of the person, if it was reported.
    pub(super) sender_id: Option<Box<str>>,
}

/// A name that belongs to a sender's id.
#[derive(Debug)]
pub(super) struct KnownById {
    pub(super) user: UserRef,
    /// When the person was last named so.
    pub(super) named_at: Timestamp,
    /// Date of the newest event about the person, by the sender's clock.
    pub(super) event_at: Option<Timestamp>,
}

/// Keys of memos from earlier versions, which distinguished spellings that count as one person now; by source and
/// person.
type OlderKeys = HashMap<(Arc<str>, Box<str>), Vec<Box<str>>>;

/// Whom all sources have named.
///
/// Invariant: everyone in here is in the journal. What is known of a person changes, here and in the journal, only
/// during their turn.
#[derive(Debug)]
pub(super) struct KnownPeople {
    people: Mutex<People>,
    /// Keys that stay in the journal until their person is written the next time.
    older_keys: Mutex<OlderKeys>,
    writing: Turns,
    retention: Duration,
    clock: WallClock,
}

impl KnownPeople {
    /// Restores the people from the memos of a previous process.
    pub(super) fn recovered(memos: &[Memo], retention: Duration, clock: WallClock) -> Self {
        let (mut people, mut older_keys) = (People::new(), OlderKeys::new());
        for memo in memos.iter().filter(|memo| is_known_person(memo)) {
            let Some((source, key)) = memo.key.split_once('\n') else { continue };
            let unwritten = || KnownPerson { is_written: false, ..KnownPerson::named_at(clock.now()) };
            let mut known = kept(memo).unwrap_or_else(unwritten);
            known.sender_id = known.sender_id.map(|id| as_it_reads(&id).into());
            let (source, text) = (Arc::<str>::from(source), read(key).and_then(|user| written(&user)));
            let text = text.unwrap_or_else(|| key.into());
            if *text != *key {
                known.is_written = false;
                older_keys.entry((Arc::clone(&source), text.clone())).or_default().push(key.into());
            }
            let of_source = people.entry(source).or_default();
            let known = of_source.by_name.get(&text).cloned().map_or(known.clone(), |other| other.and(known));
            of_source.insert(text, known);
        }
        for (source, at) in memos.iter().filter_map(read_undated_export) {
            people.entry(source.into()).or_default().undated_export = Some(at);
        }
        let (people, older_keys) = (Mutex::new(people), Mutex::new(older_keys));
        Self { people, older_keys, writing: Turns::new(), retention, clock }
    }

    /// Notes that these people were named, each with the sender's id if it was reported. Durable when it returns.
    pub(super) async fn learn<'p>(
        &self,
        journal: &dyn Journal,
        source: &Source,
        people: impl Iterator<Item = NamedPerson<'p>>,
    ) -> Result<(), JournalError> {
        let named = by_name(people);
        if self.renewed(source, &named).is_empty() {
            return Ok(());
        }
        let _writing = self.writing.of(named.keys().map(|text| &**text)).await;
        self.write(journal, &source.name, self.renewed(source, &named)).await
    }

    /// Notes that a dry run names these people. Anyone new becomes known, because the plan may be applied; nothing
    /// changes for people who are known already. Full exports miss a new person only after the plan was applied.
    pub(super) async fn learn_who_is_new<'p>(
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
    pub(super) async fn learn_in_order(
        &self,
        journal: &dyn Journal,
        source: &Source,
        people: &mut [Mapped],
        sent_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        let texts: Vec<_> = people.iter().filter_map(|person| written(&person.user)).collect();
        let _writing = self.writing.of(texts.iter().map(|text| &**text)).await;
        let (now, mut orders) = (self.clock.now(), BTreeMap::<_, Order>::new());
        let dates: Vec<_> = people.iter().map(|person| person.occurred_at).collect();
        for person in &mut *people {
            let Some(text) = written(&person.user) else { continue };
            let order = orders.entry(text).or_insert_with_key(|text| self.order_of(source, text));
            person.occurred_at = order.take(person.occurred_at, sent_at, now);
        }
        count_in_order_of_rows(people, now);
        let named =
            people.iter().zip(dates).map(|(person, told_at)| NamedPerson { told_at, ..NamedPerson::of(person) });
        let mut named = by_name(named);
        if source.tells_dates() {
            for (text, order) in orders {
                named.entry(text).and_modify(|named| named.order = order);
            }
        }
        self.write(journal, &source.name, self.renewed(source, &named)).await
    }

    /// Returns the order of a person's changes, including the last export without dates.
    fn order_of(&self, source: &Source, text: &str) -> Order {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Order::default() };
        let order = of_source.by_name.get(text).map(|known| known.order).unwrap_or_default();
        order.beside_export(of_source.undated_export)
    }

    /// Notes that an export without dates came now: a change that is dated earlier but reported later comes after it.
    /// Durable when it returns.
    pub(super) async fn note_undated_export(&self, journal: &dyn Journal, source: &Source) -> Result<(), JournalError> {
        let _writing = self.writing.everybody().await;
        let now = self.clock.now();
        journal.remember(vec![undated_export(&source.name, now)]).await?;
        self.lock().entry(Arc::clone(&source.name)).or_default().undated_export = Some(now);
        Ok(())
    }

    /// Dates an export without dates after all changes that already count from a future time.
    pub(super) fn count_after_dates_ahead(&self, source: &Source, people: &mut [Mapped]) {
        let now = self.clock.now();
        let locked = self.lock();
        let Some(of_source) = locked.get(&source.name) else { return };
        for person in people.iter_mut().filter(|person| person.occurred_at.is_none()) {
            let known = written(&person.user).and_then(|text| of_source.by_name.get(&text));
            person.occurred_at = known.and_then(|known| known.order.after_what_is_ahead(now));
        }
    }

    /// Returns what the source has reported of the person with this name, if it has named anyone so.
    pub(super) fn find(&self, source: &Source, named: &UserRef) -> Option<KnownName> {
        let text = written(named)?;
        let people = self.lock();
        let known = people.get(&source.name)?.by_name.get(&text)?;
        Some(KnownName { sender_id: known.sender_id.clone() })
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
        for (text, NamedPerson { user: _, sender_id: id, told_at, order, is_planned }) in named {
            let before = known.and_then(|known| known.by_name.get(text));
            let id_before = before.and_then(|known| known.sender_id.as_deref());
            // A late delivery may carry an id that no longer belongs to the name.
            let is_late = told_at.is_some_and(|at| before.is_some_and(|known| Some(at) < known.order.event_at));
            let id = id.filter(|_| !is_late || id_before.is_none());
            let sender_id = id.or(id_before).map(Box::from);
            let handed_on_by = id_before.filter(|before| id.is_some_and(|id| id != *before)).map(Box::from);
            let has_id = |id: &str| id_before == Some(id);
            let order = before.map_or(*order, |known| known.order.and(*order));
            let is_planned = *is_planned && before.is_none_or(|known| known.is_planned);
            let is_newer = before.is_some_and(|known| {
                known.order != order || known.missing_since.is_some() || known.is_planned != is_planned
            });
            let is_new = before.is_none_or(|known| known.named_at < old) || id.is_some_and(|id| !has_id(id));
            if is_new || is_newer {
                let (user, since) = (before.and_then(|known| known.user), before.map_or(now, |known| known.since));
                let (exports, former_user) =
                    before.map_or_else(Default::default, |known| (known.exports, known.former_user));
                let former_id = handed_on_by.or_else(|| before?.former_id.clone());
                let known = KnownPerson { since, exports, user, former_user, ..KnownPerson::named_at(now) };
                renewed.push((text.clone(), Some(KnownPerson { sender_id, former_id, order, is_planned, ..known })));
            }
        }
        renewed
    }

    /// Returns all names that the source has given together with this sender's id.
    pub(super) fn by_id(&self, source: &Source, sender_id: &str) -> Vec<KnownById> {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Vec::new() };
        let names = of_source.by_sender_id.get(&*as_it_reads(sender_id)).into_iter().flatten();
        let has_it = |known: &&KnownPerson| known.sender_id.as_deref() == Some(&*as_it_reads(sender_id));
        let known = names.filter_map(|text| {
            let KnownPerson { named_at, order, .. } = of_source.by_name.get(text).filter(has_it)?;
            Some(KnownById { user: read(text)?, named_at: *named_at, event_at: order.event_at })
        });
        known.collect()
    }

    /// Remembers that a person whom the source never named was deleted `at` this time. Durable when it returns.
    pub(super) async fn remember_gone(
        &self,
        journal: &dyn Journal,
        source: &Source,
        sender_id: &str,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let text = format!("{GONE}{}", as_it_reads(sender_id));
        let _writing = self.writing.of(std::iter::once(&*text)).await;
        let named_at = self.gone_at(source, sender_id).map_or(at, |before| before.max(at));
        let gone = (text.into(), Some(KnownPerson::named_at(named_at)));
        self.write(journal, &source.name, vec![gone]).await
    }

    /// Returns when a person was deleted who was unknown at that time.
    pub(super) fn gone_at(&self, source: &Source, sender_id: &str) -> Option<Timestamp> {
        let people = self.lock();
        Some(people.get(&source.name)?.by_name.get(&*format!("{GONE}{}", as_it_reads(sender_id)))?.named_at)
    }

    /// Forgets people who have left and have no owned assignments. Durable when it returns.
    pub(super) async fn forget(
        &self,
        journal: &dyn Journal,
        source: &Source,
        users: &[UserRef],
    ) -> Result<(), JournalError> {
        let _writing = self.writing.everybody().await;
        let gone = users.iter().filter_map(written).map(|text| (text, None));
        self.write(journal, &source.name, gone.collect()).await
    }

    /// Goes through all people: notes the users that the engine has found for them, and forgets those who have not been
    /// named for longer than the retention and have no owned assignments.
    pub(super) async fn tidy_up(&self, journal: &dyn Journal, engine: &Engine) -> Result<(), JournalError> {
        let sources: Vec<_> = self.lock().keys().map(Arc::clone).collect();
        let mut forgotten = 0;
        for source in sources {
            let mut after = None;
            loop {
                let writing = self.writing.everybody().await;
                let some = self.some(&source, after.as_deref());
                let Some((last, _)) = some.last() else { break };
                after = Some(last.clone());
                let changes: Vec<_> =
                    some.into_iter().filter_map(|(text, known)| self.change(&source, text, &known, engine)).collect();
                forgotten += changes.iter().filter(|(_, known)| known.is_none()).count();
                if !changes.is_empty() {
                    self.write(journal, &source, changes).await?;
                }
                drop(writing);
                tokio::task::yield_now().await;
            }
        }
        if forgotten > 0 {
            tracing::info!(
                people = forgotten,
                "forgot people whom no source has named for longer than journal.retention"
            );
        }
        Ok(())
    }

    /// Returns the next people of a source, in order of their names.
    fn some(&self, source: &str, after: Option<&str>) -> Vec<(Box<str>, KnownPerson)> {
        let people = self.lock();
        let Some(known) = people.get(source).map(|known| &known.by_name) else { return Vec::new() };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = known.range::<str, _>((from, std::ops::Bound::Unbounded));
        range.take(AT_ONCE).map(|(text, known)| (text.clone(), known.clone())).collect()
    }

    /// Returns what must be written about a person, if anything; the inner `None` forgets them.
    fn change(
        &self,
        source: &str,
        text: Box<str>,
        known: &KnownPerson,
        engine: &Engine,
    ) -> Option<(Box<str>, Option<KnownPerson>)> {
        let view = read(&text).and_then(|named| engine.user(&named));
        let user = view.as_ref().map(|view| view.user).or(known.user);
        let is_open = view.is_some_and(|view| view.entries.iter().any(|(_, _, entry)| !entry.state.is_terminal()));
        let is_old = known.named_at < before(self.clock.now(), self.retention);
        if is_old && !is_open && user.is_none_or(|user| engine.owns_nothing_of(user)) {
            return Some((text, None));
        }
        let handed_on = known.user.filter(|before| user != Some(*before));
        let before = || engine.user_called_before(&read(&text)?);
        let former_user = handed_on.or_else(before).or(known.former_user);
        let former_user = former_user.filter(|former| user != Some(*former) && !engine.owns_nothing_of(*former));
        let is_planned = known.is_planned && !was_applied(source, &text, engine);
        let noted = KnownPerson { user, former_user, is_planned, is_written: true, ..known.clone() };
        (noted != *known).then_some((text, Some(noted)))
    }

    /// Returns the users that a name has turned out to be, over all sources.
    pub(super) fn users_named(&self, name: &UserRef) -> Vec<UserId> {
        let Some(text) = written(name) else { return Vec::new() };
        self.lock().values().filter_map(|known| known.by_name.get(&text)?.user).collect()
    }

    /// Returns the names that sources have given to a user.
    pub(super) fn names_of(&self, user: UserId) -> Vec<UserRef> {
        let people = self.lock();
        let all = people.values().flat_map(|known| &known.by_name);
        all.filter(|(_, known)| known.user == Some(user)).filter_map(|(text, _)| read(text)).collect()
    }

    /// Forgets a person in each source, together with `erase`, which receives the memos to write. No one becomes known
    /// in the meantime.
    pub(super) async fn erase<T>(
        &self,
        person: &PersonIdentity,
        erase: impl AsyncFnOnce(Vec<Memo>) -> Result<T, ErasureError>,
    ) -> Result<T, ErasureError> {
        let _writing = self.writing.everybody().await;
        let theirs = self.places_of(person);
        let handed_on = self.handed_on_by(person);
        let memos = theirs.iter().flat_map(|(source, text)| self.memos(source, text, None));
        let after = handed_on.iter().flat_map(|(source, text, known)| self.memos(source, text, Some(known)));
        let erased = erase(memos.chain(after).collect()).await;
        if matches!(erased, Ok(_) | Err(ErasureError::Journal(JournalError::StillInFiles(_)))) {
            self.have_one_key(theirs.iter().map(|(source, text)| (source, text)));
            let mut people = self.lock();
            for (source, text) in theirs {
                if let Some(known) = people.get_mut(&source) {
                    known.remove(&text);
                }
            }
            for (source, text, known) in handed_on {
                people.entry(source).or_default().insert(text, known);
            }
        }
        erased
    }

    /// Returns the sender's ids of a person, over all sources.
    pub(super) fn sender_ids_of(&self, person: &PersonIdentity) -> Vec<Box<str>> {
        let places = self.places_of(person);
        let people = self.lock();
        let id = |(source, text): &(Arc<str>, Box<str>)| people.get(source)?.by_name.get(text)?.sender_id.clone();
        places.iter().filter_map(id).collect()
    }

    /// Returns where a person is known: as their user, or by name where the user is unknown.
    fn places_of(&self, person: &PersonIdentity) -> Vec<(Arc<str>, Box<str>)> {
        let names: BTreeSet<_> = person.names.iter().filter_map(written).collect();
        let mut places = Vec::new();
        for (source, known) in &*self.lock() {
            let theirs = known.by_name.iter().filter(|(text, known)| match known.user {
                Some(user) => person.user == Some(user),
                None => names.contains(*text),
            });
            places.extend(theirs.map(|(text, _)| (Arc::clone(source), text.clone())));
        }
        places
    }

    /// Writes changes to the journal, then applies them here.
    async fn write(
        &self,
        journal: &dyn Journal,
        source: &Arc<str>,
        changes: Vec<(Box<str>, Option<KnownPerson>)>,
    ) -> Result<(), JournalError> {
        let memos = changes.iter().flat_map(|(text, known)| self.memos(source, text, known.as_ref()));
        journal.remember(memos.collect()).await?;
        self.have_one_key(changes.iter().map(|(text, _)| (source, text)));
        let mut people = self.lock();
        let of_source = people.entry(Arc::clone(source)).or_default();
        for (text, known) in changes {
            match known {
                Some(known) => of_source.insert(text, known),
                None => of_source.remove(&text),
            }
        }
        Ok(())
    }

    /// Returns the memos that write a person under the present key, and remove older keys.
    fn memos(&self, source: &Arc<str>, text: &str, known: Option<&KnownPerson>) -> Vec<Memo> {
        let older_keys = self.older_keys.lock();
        let older = older_keys.get(&(Arc::clone(source), text.into()));
        let gone = older.into_iter().flatten().map(|key| memo(source, key, None));
        gone.chain([memo(source, text, known)]).collect()
    }

    /// Notes that these people are written under their present keys only.
    fn have_one_key<'k>(&self, people: impl Iterator<Item = (&'k Arc<str>, &'k Box<str>)>) {
        let mut older_keys = self.older_keys.lock();
        if !older_keys.is_empty() {
            people.for_each(|(source, text)| drop(older_keys.remove(&(Arc::clone(source), text.clone()))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, People> {
        self.people.lock()
    }
}

impl<'p> NamedPerson<'p> {
    /// A person whom a delivery or an export names. The order of their changes is left to the caller.
    pub(super) fn of(person: &'p Mapped) -> Self {
        let Mapped { user, sender_id, occurred_at, .. } = person;
        Self {
            user,
            sender_id: sender_id.as_deref(),
            told_at: *occurred_at,
            order: Order::default(),
            is_planned: false,
        }
    }

    /// A person whose record was read, and who is therefore dated by our clock.
    pub(super) fn of_record(person: &'p Mapped, order: Order) -> Self {
        Self { told_at: None, order, ..Self::of(person) }
    }
}

/// Returns whether an applied plan of an import of this source wrote for the user with this name.
fn was_applied(source: &str, text: &str, engine: &Engine) -> bool {
    let label = Source::label_of_imports(source);
    read(text).is_some_and(|named| engine.was_written_for(&named, &label))
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
fn count_in_order_of_rows(people: &mut [Mapped], now: Timestamp) {
    let counts_from = people.iter().filter_map(|person| Some((written(&person.user)?, person.occurred_at?)));
    let after: BTreeSet<_> = counts_from.filter(|(_, at)| *at >= now).map(|(text, _)| text).collect();
    for person in people.iter_mut().filter(|person| person.occurred_at.is_none()) {
        if written(&person.user).is_some_and(|text| after.contains(&text)) {
            person.occurred_at = Some(now);
        }
    }
}

/// Returns the time that lies `duration` before `now`.
pub(super) fn before(now: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    now.checked_sub(duration).unwrap_or(Timestamp::MIN)
}
