//! Rules that derive assignments from attributes: a list that is compiled once, with conditions as data.

mod condition;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::condition::{Facts, When};
use crate::config::{RuleConfig, SourceTarget};
use crate::domain::entry::AssignmentName;
use crate::domain::text::{as_it_reads, folded, quoted};
use crate::domain::{AssignmentId, Proficiency};

/// The error in a rule, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The key in the configuration of the source.
    pub key: String,
    /// What is wrong.
    pub problem: String,
}

/// An assignment that follows from attributes, and the rules from which it follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Derived {
    /// Name or id of the assignment.
    pub name: AssignmentName,
    /// The highest proficiency among the rules.
    pub proficiency: Option<Proficiency>,
    /// Ids of the rules, in their order.
    pub because: Vec<Box<str>>,
    /// Whether it is unknown if the assignment follows, so that it is left as it is.
    pub left_as_is: bool,
}

/// What was found for an assignment: that it follows, and that it may follow.
#[derive(Debug, Default)]
struct FoundAssignment {
    follows: Option<Derived>,
    may_follow: Option<Derived>,
}

/// The rules of a source.
#[derive(Debug)]
pub struct Rules(Vec<Rule>);

/// A compiled rule.
#[derive(Debug)]
struct Rule {
    id: Box<str>,
    when: When,
    assign: Vec<(AssignmentName, Option<Proficiency>)>,
    split_on: Option<String>,
}

impl Rules {
    /// Compiles the rules, or returns the first error.
    pub fn compile(rules: &[RuleConfig], target: SourceTarget) -> Result<Self, RuleError> {
        let mut ids = BTreeSet::new();
        let compiled = rules.iter().map(|rule| {
            let fault = |key: &str, problem: String| RuleError { key: format!("rules.{}.{key}", rule.id), problem };
            if as_it_reads(&rule.id).is_empty() || rule.id.chars().any(char::is_control) || rule.id.len() > 128 {
                return Err(RuleError {
                    key: "rules.id".to_owned(),
                    problem: format!(
                        "{} is not a rule id: it must have 1 to 128 bytes and no control characters",
                        quoted(&rule.id)
                    ),
                });
            }
            if !ids.insert(rule.id.as_str()) {
                return Err(fault("id", "is used by more than one rule".to_owned()));
            }
            if rule.split_on.as_deref() == Some("") {
                return Err(fault("split_on", "is empty; omit it, or set the separator between values".to_owned()));
            }
            if rule.assign.is_empty() {
                return Err(fault("assign", "is empty, so the rule does nothing".to_owned()));
            }
            let when =
                When::compile(&rule.when).map_err(|found| fault(&format!("when.{}", found.key), found.problem))?;
            let assign = rule.assign.iter().map(|assign| assigned(assign, target));
            let assign = assign.collect::<Result<_, _>>().map_err(|problem| fault("assign", problem))?;
            Ok(Rule { id: rule.id.as_str().into(), when, assign, split_on: rule.split_on.clone() })
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }

    /// Returns what follows from what is known of a person: the union of all rules that match, with the highest
    /// proficiency of each assignment. What follows only from rules that cannot be decided is left as it is, unless it
    /// follows from other rules anyway and the undecided ones would not give it a higher proficiency.
    pub(super) fn apply(&self, facts: Facts<'_>) -> Vec<Derived> {
        let mut found: BTreeMap<String, FoundAssignment> = BTreeMap::new();
        for rule in &self.0 {
            let holds = rule.when.holds(facts, rule.split_on.as_deref());
            if holds == Some(false) {
                continue;
            }
            for (name, proficiency) in &rule.assign {
                let found = found.entry(folded(&name.to_string())).or_default();
                let place = if holds.is_some() { &mut found.follows } else { &mut found.may_follow };
                let derived = place.get_or_insert_with(|| Derived {
                    name: name.clone(),
                    proficiency: None,
                    because: Vec::new(),
                    left_as_is: holds.is_none(),
                });
                if derived.proficiency < *proficiency {
                    derived.proficiency = *proficiency;
                }
                if derived.because.last() != Some(&rule.id) {
                    derived.because.push(rule.id.clone());
                }
            }
        }
        found.into_values().flat_map(FoundAssignment::derived).collect()
    }

    /// Returns the unknown attributes because of which rules cannot be decided.
    pub(super) fn unknown<'s>(&'s self, facts: Facts<'s>) -> impl Iterator<Item = &'s str> {
        let undecided = move |rule: &&Rule| rule.when.holds(facts, rule.split_on.as_deref()).is_none();
        self.0.iter().filter(undecided).flat_map(move |rule| rule.when.unknown(facts))
    }

    /// Returns the attributes that the rules use, each with the id of the rule.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|rule| rule.when.attributes().map(|attribute| (&*rule.id, attribute)))
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns everything that any rule assigns, with the id of the rule.
    pub fn assigned(&self) -> impl Iterator<Item = (&str, &AssignmentName)> {
        self.0.iter().flat_map(|rule| rule.assign.iter().map(|(name, _)| (&*rule.id, name)))
    }
}

impl FoundAssignment {
    /// Returns what is assigned, and what is left as it is.
    fn derived(self) -> impl Iterator<Item = Derived> {
        let Self { follows, may_follow } = self;
        let enough = follows.as_ref().map(|derived| derived.proficiency);
        let left = may_follow.filter(|may| enough.is_none_or(|enough| enough < may.proficiency));
        follows.into_iter().chain(left.map(|may| Derived { proficiency: None, ..may }))
    }
}

/// Compiles one assignment of a rule.
fn assigned(
    assign: &crate::config::AssignConfig,
    target: SourceTarget,
) -> Result<(AssignmentName, Option<Proficiency>), String> {
    let skill = assign.skill.trim();
    if as_it_reads(skill).is_empty() || skill.chars().any(char::is_control) || skill.chars().count() > 256 {
        return Err(format!("skill {} is neither a name nor an id", quoted(&assign.skill)));
    }
    let name =
        skill.parse().map_or_else(|_| AssignmentName::Name(skill.into()), |id| AssignmentName::Id(AssignmentId(id)));
    match (assign.proficiency, target) {
        (None, _) => Ok((name, None)),
        (Some(_), SourceTarget::WfmSkillGroups) => {
            Err(format!("skill {skill:?} has a proficiency, but only routingSkills have one"))
        }
        (Some(value), SourceTarget::RoutingSkills) => match Proficiency::new(value) {
            Some(proficiency) => Ok((name, Some(proficiency))),
            None => Err(format!("skill {skill:?} has proficiency {value}, which is not between 0.0 and 5.0")),
        },
    }
}
