//! The sources of webhooks and exports: each compiled as a start would, and the skills that its rules name looked for.
//!
//! The HR systems themselves are not asked for anything: what a record holds is nobody's business before the start.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::names::problem;
use crate::config::Config;
use crate::domain::Target;
use crate::domain::name_index::NameIndex;
use crate::hris::Source;
use crate::hris::filter::FilterRunner;

/// The sources that can be used; what is wrong with the others is found.
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
        let todo =
            "add [[webhooks.rules]]: until then everybody it names gets nothing, and loses what skillsync assigned";
        return findings.warn("webhooks", found, todo);
    }
    findings.ok("webhooks", found);
}

/// Whether what rules assign is in the catalogue of their target.
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
            "correct the names, make them in Genesys, or let sync.create_missing_skills do so for routingSkills",
        );
    }
}

fn listed(rules: &BTreeSet<&str>) -> String {
    rules.iter().copied().collect::<Vec<_>>().join(", ")
}
