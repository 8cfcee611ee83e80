//! Checks whether an export has all the attributes that its source needs.
//!
//! A renamed column would take from everyone what its rules have assigned. So an export that lacks a needed attribute
//! is refused as a whole. A column that is spelled differently but reads the same is accepted and reported.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::attributes::Attributes;
use super::nearest::nearest;
use super::source::{Needed, Source};
use crate::domain::text::folded;

/// Maximum number of unused names that are kept to propose the most similar one.
const MAX_OTHERS: usize = 1000;

/// Which attributes an export has, as far as it has been read.
#[derive(Debug)]
pub(super) struct Columns<'s> {
    /// Attributes that are needed and not yet seen, by folded name.
    missing: BTreeMap<String, BTreeSet<Needed<'s>>>,
    /// How the configuration spells the attributes it names.
    spellings: BTreeMap<String, BTreeSet<&'s str>>,
    /// Names that were seen but are not used by the source.
    others: BTreeSet<Box<str>>,
    loosely: BTreeSet<LooseColumn>,
}

/// A column that is spelled differently from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LooseColumn {
    /// The name in the export.
    pub column: Box<str>,
    /// The spelling in the configuration.
    pub attribute: Box<str>,
}

/// The attributes that an export lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumns(Vec<MissingColumn>);

/// An attribute that an export lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MissingColumn {
    attribute: Box<str>,
    needed_by: Vec<String>,
    /// Whether listing it in `optional` would help.
    can_be_optional: bool,
    nearest: Option<Box<str>>,
}

impl<'s> Columns<'s> {
    /// Starts with everything that the source needs.
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

    /// Adds an attribute that is needed.
    pub(super) fn need(&mut self, needed: Needed<'s>) {
        self.missing.entry(folded(needed.attribute)).or_default().insert(needed);
    }

    /// Returns whether a needed attribute has not been seen yet.
    pub(super) fn lack(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Notes a column, or a member of a record, as written.
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
            None if self.others.len() < MAX_OTHERS => drop(self.others.insert(name.into())),
            None => {}
        }
    }

    /// Notes a record. An attribute that is reported as empty also covers everything nested in it.
    pub(super) fn saw_record(&mut self, attributes: &Attributes) {
        self.missing.retain(|name, _| !attributes.tell_of(name));
    }

    /// Returns the columns that are spelled differently, or the missing ones as an error.
    pub(super) fn checked(&self) -> Result<Vec<LooseColumn>, MissingColumns> {
        if !self.lack() {
            return Ok(self.loosely.iter().cloned().collect());
        }
        let missing = self.missing.iter().map(|(name, needed)| MissingColumn {
            attribute: needed.first().map(|needed| needed.attribute).unwrap_or_default().into(),
            needed_by: needed.iter().map(|needed| needed.by.to_string()).collect(),
            can_be_optional: needed.iter().all(|needed| needed.by.can_do_without()),
            nearest: nearest(name, self.others.iter().map(|other| &**other)).map(Into::into),
        });
        Err(MissingColumns(missing.collect()))
    }
}

impl fmt::Display for MissingColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX: usize = 5;
        f.write_str("the export lacks attributes that the source needs, so nothing was imported: ")?;
        for (at, missing) in self.0.iter().take(MAX).enumerate() {
            let MissingColumn { attribute, needed_by, nearest, can_be_optional: _ } = missing;
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{attribute:?}, needed by {}", needed_by.join(" and "))?;
            if let Some(nearest) = nearest {
                write!(f, " (did you mean {nearest:?}?)")?;
            }
        }
        if let Some(more) = self.0.len().checked_sub(MAX).filter(|more| *more > 0) {
            write!(f, "; and {more} more")?;
        }
        f.write_str(". Correct the export or the source")?;
        let optional = self.0.iter().filter(|missing| missing.can_be_optional).take(MAX);
        let optional: Vec<_> = optional.map(|missing| format!("{:?}", missing.attribute)).collect();
        if optional.is_empty() {
            return Ok(());
        }
        write!(f, ", or list {} in `optional` of the source", optional.join(", "))
    }
}

impl std::error::Error for MissingColumns {}

impl fmt::Display for LooseColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is read as {:?}", self.column, self.attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hris::filter::FilterRunner;
    use crate::hris::sources::Sources;

    #[test]
    fn what_cannot_be_optional_is_not_proposed_to_be() {
        let text = "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret = 's'\n[[webhooks]]\nname = 'hr'\n\
            preset = 'workday'\ntarget = 'routingSkills'\nuser = { employee_id = 'Employee_ID' }\nrequired = ['Team']\n\
            rules = [{ id = 'a', when = { all = [{ attr = 'Title', eq = 'Agent' }] }, assign = [{ skill = 'A' }] }]";
        let config = Config::from_toml(text).unwrap();
        let sources = Sources::compile(&config.webhooks, FilterRunner::of_this_program()).unwrap();
        let source = sources.get("hr").unwrap();
        let said = |columns: &[&str]| {
            let mut seen = Columns::of(&source);
            for column in columns {
                seen.saw(column);
            }
            seen.checked().unwrap_err().to_string()
        };
        for columns in [&["Title", "Team"][..], &["Title", "Employee_ID"], &["Title"]] {
            let said = said(columns);
            assert!(said.contains("Correct the export or the source") && !said.contains("optional"), "{said}");
        }
        let said = said(&["Employee_ID", "Team"]);
        assert!(said.ends_with(", or list \"Title\" in `optional` of the source"), "{said}");
    }
}
