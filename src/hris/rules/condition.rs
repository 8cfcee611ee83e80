//! Conditions on attributes, compiled.

use std::borrow::Cow;
use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use crate::config::{ConditionConfig, WhenConfig};
use crate::domain::text::{as_it_reads, folded};
use crate::hris::attributes::Attributes;

/// The error in a condition, with its key in `when`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hris) struct ConditionError {
    /// The key, relative to `when`.
    pub(in crate::hris) key: String,
    /// What is wrong.
    pub(in crate::hris) problem: String,
}

/// Conditions that select people; without any, everyone is selected.
#[derive(Debug, Default)]
pub(in crate::hris) struct When {
    /// All of these must hold.
    all: Vec<Condition>,
    /// At least one of these must hold, if the list is given.
    any: Option<Vec<Condition>>,
    /// None of these may hold.
    not: Vec<Condition>,
}

/// A test of one attribute.
#[derive(Debug)]
struct Condition {
    attribute: String,
    test: Test,
}

/// The test of a value. Texts are folded.
#[derive(Debug)]
enum Test {
    /// The value is one of these.
    Is(BTreeSet<String>),
    /// The value begins with this.
    Prefix(String),
    /// The value matches this expression.
    Matches(Regex),
    /// The attribute has a value, or has none.
    Exists(bool),
}

/// What is known of a person.
#[derive(Debug, Clone, Copy)]
pub(in crate::hris) struct Facts<'a> {
    /// The attributes that were reported.
    pub(in crate::hris) attributes: &'a Attributes,
    /// Whether the sender omits empty attributes, so that a missing one is empty rather than unknown.
    pub(in crate::hris) omits_empty: bool,
}

impl Facts<'_> {
    /// Returns whether the value of an attribute, or that it has none, is known.
    fn know(&self, attribute: &str) -> bool {
        self.omits_empty || self.attributes.tell_of(attribute)
    }
}

/// Maximum size of a compiled regular expression, in bytes; one that needs more is a mistake.
const MAX_EXPRESSION: usize = 1 << 20;

impl When {
    /// Compiles the conditions, or returns the first error.
    pub(in crate::hris) fn compile(when: &WhenConfig) -> Result<Self, ConditionError> {
        let list = |name: &str, conditions: &[ConditionConfig]| -> Result<Vec<Condition>, ConditionError> {
            let numbered = conditions.iter().enumerate();
            numbered
                .map(|(at, condition)| {
                    Condition::compile(condition)
                        .map_err(|problem| ConditionError { key: format!("{name}[{at}]"), problem })
                })
                .collect()
        };
        let everybody = "is empty and would match everyone; omit it, or add a condition";
        for (key, conditions, problem) in [
            ("all", &when.all, everybody),
            ("any", &when.any, "is empty and would match no one"),
            ("not", &when.not, everybody),
        ] {
            if conditions.as_ref().is_some_and(Vec::is_empty) {
                return Err(ConditionError { key: key.to_owned(), problem: problem.to_owned() });
            }
        }
        Ok(Self {
            all: list("all", when.all.as_deref().unwrap_or_default())?,
            any: when.any.as_deref().map(|any| list("any", any)).transpose()?,
            not: list("not", when.not.as_deref().unwrap_or_default())?,
        })
    }

    /// Returns the attributes that the conditions use and that are unknown.
    pub(in crate::hris) fn unknown<'s>(&'s self, facts: Facts<'s>) -> impl Iterator<Item = &'s str> {
        self.attributes().filter(move |attribute| !facts.know(attribute))
    }

    /// Returns the attributes that the conditions use.
    pub(in crate::hris) fn attributes(&self) -> impl Iterator<Item = &str> {
        let any = self.any.iter().flatten();
        self.all.iter().chain(any).chain(&self.not).map(|condition| &*condition.attribute)
    }

    /// Returns whether this person is selected; `None` if that depends on unknown attributes (Kleene's three-valued
    /// logic). With `split_on`, a value is a list of values with this separator.
    pub(in crate::hris) fn holds(&self, facts: Facts<'_>, split_on: Option<&str>) -> Option<bool> {
        let holds = |condition: &Condition| condition.holds(facts, split_on);
        let any = |conditions: &[Condition]| not(all(conditions.iter().map(|condition| not(holds(condition)))));
        let groups =
            [all(self.all.iter().map(holds)), self.any.as_deref().map_or(Some(true), any), not(any(&self.not))];
        all(groups.into_iter())
    }
}

impl Condition {
    /// Compiles a condition, or returns what is wrong with it.
    fn compile(condition: &ConditionConfig) -> Result<Self, String> {
        let attribute = condition.attr.trim();
        if as_it_reads(attribute).is_empty() {
            return Err("attr is empty".to_owned());
        }
        let ConditionConfig { attr: _, eq, r#in, prefix, regex, exists } = condition;
        let test = match (eq, r#in, prefix, regex, exists) {
            (Some(text), None, None, None, None) => Test::Is([folded(text)].into()),
            (None, Some(texts), None, None, None) if texts.is_empty() => return Err("in is empty".to_owned()),
            (None, Some(texts), None, None, None) => Test::Is(texts.iter().map(|text| folded(text)).collect()),
            (None, None, Some(prefix), None, None) if prefix.trim().is_empty() => {
                return Err("prefix is empty; use exists".to_owned());
            }
            (None, None, Some(prefix), None, None) => Test::Prefix(folded(prefix)),
            (None, None, None, Some(regex), None) => Test::Matches(compiled(regex)?),
            (None, None, None, None, Some(exists)) => Test::Exists(*exists),
            _ => return Err("must have exactly one of eq, in, prefix, regex and exists".to_owned()),
        };
        Ok(Self { attribute: attribute.to_owned(), test })
    }

    /// Returns whether a person meets the condition; `None` if the attribute is unknown.
    fn holds(&self, facts: Facts<'_>, split_on: Option<&str>) -> Option<bool> {
        if !facts.know(&self.attribute) {
            return None;
        }
        let attributes = facts.attributes;
        if let Test::Exists(wanted) = self.test {
            return Some(wanted == attributes.has(&self.attribute));
        }
        Some(attributes.values(&self.attribute).any(|value| match split_on {
            Some(between) => value.split(between).any(|part| self.test.fits(part)),
            None => self.test.fits(value),
        }))
    }
}

/// Negation in three-valued logic.
fn not(truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| !truth)
}

/// Conjunction in three-valued logic: false if any is false, otherwise unknown if any is unknown.
fn all(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for truth in truths {
        match truth {
            Some(false) => return Some(false),
            None => all = None,
            Some(true) => {}
        }
    }
    all
}

impl Test {
    /// Returns whether a value passes the test.
    fn fits(&self, value: &str) -> bool {
        let value: Cow<'_, str> = folded(value).into();
        match self {
            Self::Is(texts) => texts.contains(&*value),
            Self::Prefix(prefix) => value.starts_with(prefix),
            Self::Matches(expression) => expression.is_match(&value),
            Self::Exists(wanted) => *wanted,
        }
    }
}

/// Compiles a regular expression, or returns what is wrong with it.
fn compiled(expression: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(expression);
    builder.case_insensitive(true).size_limit(MAX_EXPRESSION);
    // The error marks the position over several lines; only its last line says what is wrong.
    let problem = |error: regex::Error| {
        let text = error.to_string();
        format!("regex {expression:?}: {}", text.lines().last().unwrap_or_default().trim())
    };
    builder.build().map_err(problem)
}
