//! Whether an export has what its source needs.
//!
//! A column that was renamed would take away what its rules have assigned to everybody. So an export that lacks one is refused
//! as a whole, and what is spelt in another way but reads the same is taken for the same, and told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::attributes::Attributes;
use super::source::{Needed, Source};
use crate::domain::text::folded;

/// So many names of others are kept, to propose the nearest.
const MOST_OTHERS: usize = 1000;
/// Names that are less alike are not proposed.
const ALIKE: f64 = 0.7;

/// What an export has of that, as far as it was read.
#[derive(Debug)]
pub(super) struct Columns<'s> {
    /// What is needed and was not seen, by its folded name.
    missing: BTreeMap<String, BTreeSet<Needed<'s>>>,
    /// How the configuration spells what it names.
    spellings: BTreeMap<String, BTreeSet<&'s str>>,
    /// What was seen and nobody names.
    others: BTreeSet<Box<str>>,
    loosely: BTreeSet<LooseColumn>,
}

/// A column that is spelt in another way than the configuration does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LooseColumn {
    pub column: Box<str>,
    /// As the configuration has it.
    pub attribute: Box<str>,
}

/// What an export lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumns(Vec<MissingColumn>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct MissingColumn {
    attribute: Box<str>,
    needed_by: Vec<String>,
    nearest: Option<Box<str>>,
}

impl<'s> Columns<'s> {
    pub(super) fn of(source: &'s Source) -> Self {
        let (mut missing, mut spellings) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for needed in source.needed() {
            missing.entry(folded(needed.attribute)).or_default().insert(needed);
        }
        for attribute in source.attributes() {
            spellings.entry(folded(attribute)).or_default().insert(attribute.trim());
        }
        Self { missing, spellings, others: BTreeSet::new(), loosely: BTreeSet::new() }
    }

    /// Whether something is needed that was not seen yet.
    pub(super) fn lack(&self) -> bool {
        !self.missing.is_empty()
    }

    /// A column or a member of a record, as it is written.
    pub(super) fn saw(&mut self, name: &str) {
        let name = name.trim();
        let folded = folded(name);
        self.missing.remove(&folded);
        match self.spellings.get(&folded) {
            Some(spellings) if !spellings.contains(name) => {
                let attribute = spellings.first().copied().unwrap_or_default();
                self.loosely.insert(LooseColumn { column: name.into(), attribute: attribute.into() });
            }
            Some(_) => {}
            None if self.others.len() < MOST_OTHERS => drop(self.others.insert(name.into())),
            None => {}
        }
    }

    /// A record: what it tells of, it may tell to be empty with all that would be in it.
    pub(super) fn saw_record(&mut self, attributes: &Attributes) {
        self.missing.retain(|name, _| !attributes.tell_of(name));
    }

    /// What was spelt in another way; what is missing is a fault.
    pub(super) fn checked(&self) -> Result<Vec<LooseColumn>, MissingColumns> {
        if !self.lack() {
            return Ok(self.loosely.iter().cloned().collect());
        }
        let missing = self.missing.iter().map(|(name, needed)| MissingColumn {
            attribute: needed.first().map(|needed| needed.attribute).unwrap_or_default().into(),
            needed_by: needed.iter().map(|needed| needed.by.clone()).collect(),
            nearest: self.nearest(name),
        });
        Err(MissingColumns(missing.collect()))
    }

    fn nearest(&self, name: &str) -> Option<Box<str>> {
        let likeness = |other: &str| {
            let other = folded(other);
            let part = !other.is_empty() && (other.contains(name) || name.contains(&*other));
            strsim::jaro_winkler(name, &other) + if part { 1.0 } else { 0.0 }
        };
        let rated = self.others.iter().map(|other| (likeness(other), other));
        let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
        best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name.clone())
    }
}

impl fmt::Display for MissingColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 5;
        f.write_str("it lacks what is needed of everybody, so nothing was taken from it: ")?;
        for (at, missing) in self.0.iter().take(MOST).enumerate() {
            let MissingColumn { attribute, needed_by, nearest } = missing;
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{attribute:?}, which {} names", needed_by.join(" and "))?;
            if let Some(nearest) = nearest {
                write!(f, " (the nearest that it has is {nearest:?})")?;
            }
        }
        if let Some(more) = self.0.len().checked_sub(MOST).filter(|more| *more > 0) {
            write!(f, "; and {more} more")?;
        }
        f.write_str(
            ". Correct the export or the source, or list under `optional` of the source what an export may lack",
        )
    }
}

impl std::error::Error for MissingColumns {}

impl fmt::Display for LooseColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is taken for {:?}", self.column, self.attribute)
    }
}
