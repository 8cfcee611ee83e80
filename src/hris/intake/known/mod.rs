//! Remembers whom each source has named: a person missing from a full export is a leaver only if that source named
//! them.
//!
//! People are kept apart by source, because two HR systems may each know half of them, and a full export of one says
//! nothing about those of the other. A person stays known for as long as the source names them or they have owned
//! assignments, and for `journal.retention` after that.
//!
//! The sender's id is stored with each person, if the sender reports one: for a deleted person, most senders report
//! nothing else. The deletion of a person who has no name, or whose name is another's by now, is remembered as well,
//! because older events about them may arrive later.

mod erasing;
mod exports;
mod full_export;
mod handed_on;
mod learning;
mod order;
mod tidying;
mod turns;
mod written;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use self::exports::Exports;
pub(super) use self::learning::{NamedPerson, count_in_order_of_rows};
pub(super) use self::order::Order;
pub(super) use self::turns::Turn;
use self::turns::Turns;
pub use self::written::is_known_person;
pub(super) use self::written::{called, written};
use self::written::{kept, memo, read, read_undated_export};
use crate::clock::WallClock;
use crate::domain::text::{as_it_reads, folded};
use crate::domain::{UserId, UserRef};
use crate::engine::Engine;
use crate::hris::source::Source;
use crate::journal::{Journal, JournalError, Memo};

/// Minimum time between two memos that a person was named again, just below the period of a nightly export.
const ALMOST_A_DAY: Duration = Duration::from_secs(20 * 3600);
/// Number of people that are processed before the task yields to others.
const AT_ONCE: usize = 500;

/// Returns the key under which it is remembered that a person without a name has left. No user has such a name.
fn gone_key(sender_id: &str) -> Box<str> {
    format!("gone:{}", as_it_reads(sender_id)).into()
}

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

    /// Returns whether this name was given to its holder before the other one was to its own: by date, else by when each
    /// was first given.
    fn was_given_before(&self, other: &Self) -> bool {
        match (self.order.held_at(), other.order.held_at()) {
            (Some(at), Some(other)) => at < other,
            (Some(_) | None, None) | (None, Some(_)) => self.since < other.since,
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

/// Whom each source has named, by its name.
type People = HashMap<Arc<str>, OfSource>;

/// Whom one source has named.
///
/// Invariant: `by_sender_id` leads from each id in `by_name`, present or former, to all names that have or had it, and
/// `by_folded` from each name that may be written in another case to all its spellings.
#[derive(Debug, Default)]
struct OfSource {
    /// When the last full export came.
    last_export: Option<Timestamp>,
    /// When the last export without dates came.
    undated_export: Option<Timestamp>,
    /// When the last dry run of an export without dates came.
    undated_plan: Option<Timestamp>,
    by_name: BTreeMap<Box<str>, KnownPerson>,
    by_sender_id: HashMap<Box<str>, BTreeSet<Box<str>>>,
    by_folded: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

impl OfSource {
    /// Adds or replaces a person, and indexes their ids.
    fn insert(&mut self, text: Box<str>, known: KnownPerson) {
        self.remove(&text);
        for id in known.sender_id.iter().chain(&known.former_id) {
            self.by_sender_id.entry(id.clone()).or_default().insert(text.clone());
        }
        if let Some(folded) = in_any_case(&text) {
            self.by_folded.entry(folded).or_default().insert(text.clone());
        }
        self.last_export = self.last_export.max(known.exports.map(|exports| exports.last));
        self.by_name.insert(text, known);
    }

    /// Removes a person from both maps.
    fn remove(&mut self, text: &str) {
        let Some(known) = self.by_name.remove(text) else { return };
        for id in known.sender_id.into_iter().chain(known.former_id) {
            remove(&mut self.by_sender_id, &id, text);
        }
        if let Some(folded) = in_any_case(text) {
            remove(&mut self.by_folded, &folded, text);
        }
    }

    /// Returns who is known by this name in another case, unless the two are known to lead to different users.
    fn in_other_case<'k>(&'k self, text: &'k str, engine: &'k Engine) -> impl Iterator<Item = &'k KnownPerson> {
        let same = in_any_case(text).and_then(|folded| self.by_folded.get(&folded)).into_iter().flatten();
        let is_another = |other: &str| {
            self.user_of(text, engine).zip(self.user_of(other, engine)).is_some_and(|(user, other)| user != other)
        };
        same.filter(move |other| &***other != text && !is_another(other)).filter_map(|other| self.by_name.get(other))
    }
}

/// Returns the key under which the spellings of a name are found that differ only in case: Genesys may mean one user by
/// all of them. `None` for a name without letters, and for one that is compared regardless of case anyway.
fn in_any_case(text: &str) -> Option<Box<str>> {
    let (kind, name) = text.split_once(':')?;
    (kind == "employeeId" && name.chars().any(char::is_alphabetic)).then(|| folded(name).into())
}

/// Removes a name from an index.
fn remove(index: &mut HashMap<Box<str>, BTreeSet<Box<str>>>, key: &str, text: &str) {
    if let Some(names) = index.get_mut(key) {
        names.remove(text);
        if names.is_empty() {
            index.remove(key);
        }
    }
}

/// A name that belongs to a sender's id.
#[derive(Debug)]
pub(super) struct KnownById {
    pub(super) user: UserRef,
    /// When the person was last named so.
    pub(super) named_at: Timestamp,
    /// Date of the newest event about the person, by the sender's clock.
    pub(super) event_at: Option<Timestamp>,
    /// Whether only dry runs gave the name, whose plans may still be applied.
    pub(super) is_planned: bool,
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
    /// Of what is told, from the look at what is known until there is a job.
    pub(super) settling: Turns,
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
        for (source, at, dry_run) in memos.iter().filter_map(read_undated_export) {
            let of_source = people.entry(source.into()).or_default();
            let undated = if dry_run { &mut of_source.undated_plan } else { &mut of_source.undated_export };
            *undated = Some(at);
        }
        let (people, older_keys) = (Mutex::new(people), Mutex::new(older_keys));
        Self { people, older_keys, writing: Turns::new(), settling: Turns::new(), retention, clock }
    }

    /// Returns whether the source has named anyone so.
    pub(super) fn is_known(&self, source: &Source, named: &UserRef) -> bool {
        let Some(text) = written(named) else { return false };
        self.lock().get(&source.name).is_some_and(|of_source| of_source.by_name.contains_key(&text))
    }

    /// Returns the sender's id of the person with this name, if it was reported.
    pub(super) fn holder_of(&self, source: &Source, named: &UserRef) -> Option<Box<str>> {
        self.sender_id_of(source, &written(named)?)
    }

    /// Returns whether the name, in whatever case, was given to somebody else than the person with this id later than
    /// `at`; what has no date comes last.
    pub(super) fn is_anothers_since(
        &self,
        source: &Source,
        named: &UserRef,
        sender_id: &str,
        at: Option<Timestamp>,
        engine: &Engine,
    ) -> bool {
        let (people, text) = (self.lock(), written(named));
        let (Some(of_source), Some(text)) = (people.get(&source.name), text) else { return false };
        let same = of_source.by_name.get(&text).into_iter().chain(of_source.in_other_case(&text, engine));
        let is_anothers = |known: &KnownPerson| known.sender_id.as_deref().is_some_and(|holder| holder != sender_id);
        at.is_some() && same.filter(|known| is_anothers(known)).any(|known| known.order.held_at() > at)
    }

    /// Returns whether the name is somebody else's than the person's with this id: as it is written, or in another case
    /// in which it was given later.
    pub(super) fn is_anothers(&self, source: &Source, named: &UserRef, sender_id: &str, engine: &Engine) -> bool {
        let (people, text) = (self.lock(), written(named));
        let (Some(of_source), Some(text)) = (people.get(&source.name), text) else { return false };
        let is_anothers = |known: &KnownPerson| known.sender_id.as_deref().is_some_and(|holder| holder != sender_id);
        let known = of_source.by_name.get(&text);
        let is_later = |other: &KnownPerson| known.is_none_or(|known| known.was_given_before(other));
        let mut others = of_source.in_other_case(&text, engine);
        known.is_some_and(is_anothers) || others.any(|other| is_anothers(other) && is_later(other))
    }

    fn sender_id_of(&self, source: &Source, text: &str) -> Option<Box<str>> {
        self.lock().get(&source.name)?.by_name.get(text)?.sender_id.clone()
    }

    /// Returns all names that the source has ever given together with this sender's id, whoever has them now.
    pub(super) fn names_by_id(&self, source: &Source, sender_id: &str) -> Vec<UserRef> {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Vec::new() };
        let names = of_source.by_sender_id.get(&*as_it_reads(sender_id)).into_iter().flatten();
        names.filter_map(|text| read(text)).collect()
    }

    /// Returns all names that the source has given together with this sender's id.
    pub(super) fn by_id(&self, source: &Source, sender_id: &str) -> Vec<KnownById> {
        let people = self.lock();
        let Some(of_source) = people.get(&source.name) else { return Vec::new() };
        let names = of_source.by_sender_id.get(&*as_it_reads(sender_id)).into_iter().flatten();
        let has_it = |known: &&KnownPerson| known.sender_id.as_deref() == Some(&*as_it_reads(sender_id));
        let known = names.filter_map(|text| {
            let KnownPerson { named_at, order, is_planned, .. } = of_source.by_name.get(text).filter(has_it)?;
            let (named_at, event_at, is_planned) = (*named_at, order.event_at, *is_planned);
            Some(KnownById { user: read(text)?, named_at, event_at, is_planned })
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
        let text = gone_key(sender_id);
        let _writing = self.writing.of(std::iter::once(&*text)).await;
        let named_at = self.gone_at(source, sender_id).map_or(at, |before| before.max(at));
        let gone = (text, Some(KnownPerson::named_at(named_at)));
        self.write(journal, &source.name, vec![gone]).await
    }

    /// Returns when a person was deleted who was unknown at that time.
    pub(super) fn gone_at(&self, source: &Source, sender_id: &str) -> Option<Timestamp> {
        let people = self.lock();
        Some(people.get(&source.name)?.by_name.get(&gone_key(sender_id))?.named_at)
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

/// Returns whether an applied plan of an import of this source wrote for the user with this name.
fn was_applied(source: &str, text: &str, engine: &Engine) -> bool {
    let label = Source::label_of_imports(source);
    read(text).is_some_and(|named| engine.was_written_for(&named, &label))
}

/// Returns the time that lies `duration` before `now`.
pub(super) fn before(now: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    now.checked_sub(duration).unwrap_or(Timestamp::MIN)
}
