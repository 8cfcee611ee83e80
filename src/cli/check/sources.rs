//! Checks the sources: compiles each as a start would, and looks up the skills that its rules name.
//!
//! Does not call the HR systems: records hold personal data, which must not be read before the service starts.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::names::problem;
use crate::config::Config;
use crate::domain::Target;
use crate::domain::name_index::NameIndex;
use crate::hris::Source;
use crate::hris::filter::FilterRunner;

/// Returns the valid sources, and reports the faults of the others.
pub(super) fn compiled(config: &Config, findings: &mut Findings) -> Vec<Source> {
    let runner = FilterRunner::of_this_program();
    let mut sources = Vec::with_capacity(config.webhooks.len());
    for configured in &config.webhooks {
        match Source::compile(configured, &runner) {
            Ok(source) => {
                shown(&source, findings);
                sources.push(source);
            }
            Err(error) => findings.fail("webhooks", error, "correct the key; docs/HRIS.md explains each"),
        }
    }
    sources
}

fn shown(source: &Source, findings: &mut Findings) {
    let (name, target, rules) = (&source.name, source.target.name(), source.rules().len());
    let found = format!("{name}: {rules} rules for {target}, {}", source.way_in());
    if source.rules().is_empty() {
        let todo = "add [[webhooks.rules]]; until then, everybody whom it names gets nothing and loses what skillsync assigned";
        return findings.warn("webhooks", found, todo);
    }
    findings.ok("webhooks", found);
}

/// Checks whether everything that rules assign is in the catalogue of their target.
pub(super) fn rules(sources: &[Source], target: Target, names: &NameIndex, findings: &mut Findings) {
    for source in sources.iter().filter(|source| source.target == target && !source.rules().is_empty()) {
        let mut problems = BTreeMap::<String, BTreeSet<&str>>::new();
        for (rule, name) in source.rules().assigned() {
            if let Some(problem) = problem(name, &[names]) {
                problems.entry(problem).or_default().insert(rule);
            }
        }
        if problems.is_empty() {
            findings.ok("rules", format_args!("{}: all that they assign is in the catalogue", source.name));
            continue;
        }
        let listed = problems.iter().map(|(problem, rules)| format!("{problem} (rule {})", listed(rules)));
        findings.warn(
            "rules",
            format_args!("{}: the catalogue lacks {}", source.name, listed.collect::<Vec<_>>().join(", ")),
            "correct the names, create them in Genesys, or set sync.create_missing_skills for routingSkills",
        );
    }
}

fn listed(rules: &BTreeSet<&str>) -> String {
    rules.iter().copied().collect::<Vec<_>>().join(", ")
}
