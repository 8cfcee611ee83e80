//! The findings of a check, printed as a table for people or as a JSON document for programs.

use std::fmt::Display;

use serde::Serialize;

use crate::terminal::plain;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// One finding, printed as one line.
#[derive(Debug, Serialize)]
pub(super) struct CheckFinding {
    level: Level,
    what: &'static str,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<&'static str>,
}

/// All findings, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<CheckFinding>);

impl Findings {
    /// Adds a finding that needs no action.
    pub(super) fn ok(&mut self, what: &'static str, found: impl Display) {
        self.add(Level::Ok, what, found, None);
    }

    /// Adds a finding that needs attention; `todo` says what to do.
    pub(super) fn warn(&mut self, what: &'static str, found: impl Display, todo: &'static str) {
        self.add(Level::Warn, what, found, Some(todo));
    }

    /// Adds a failure; `todo` says what to do.
    pub(super) fn fail(&mut self, what: &'static str, found: impl Display, todo: &'static str) {
        self.add(Level::Fail, what, found, Some(todo));
    }

    /// Returns whether there is a failure.
    pub(super) fn failed(&self) -> bool {
        self.0.iter().any(|finding| finding.level == Level::Fail)
    }

    /// Returns all findings as a table.
    pub(super) fn table(&self) -> String {
        self.0.iter().map(line).collect()
    }

    /// Returns all findings as a JSON document.
    pub(super) fn json(&self) -> String {
        let document = serde_json::json!({ "ok": !self.failed(), "findings": self.0 });
        format!("{document:#}\n")
    }

    fn add(&mut self, level: Level, what: &'static str, found: impl Display, todo: Option<&'static str>) {
        self.0.push(CheckFinding { level, what, found: found.to_string(), todo });
    }
}

fn line(finding: &CheckFinding) -> String {
    let CheckFinding { level, what, found, todo } = finding;
    let level = match level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "FAIL",
    };
    let todo = todo.map(|todo| format!("{:20}-> {todo}\n", "")).unwrap_or_default();
    format!("{level:<5}{what:<15}{}\n{todo}", plain(format_args!("{found}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_no_failure_and_every_line_says_what_to_do() {
        let mut findings = Findings::default();
        findings.ok("login", "worked");
        findings.warn("limits", "not told", "ask");
        assert!(!findings.failed());
        findings.fail("catalogue", "forbidden", "grant it");
        assert!(findings.failed());
        assert!(findings.table().contains("FAIL catalogue      forbidden\n                    -> grant it\n"));
        let document: serde_json::Value = serde_json::from_str(&findings.json()).unwrap();
        assert_eq!((document["ok"].as_bool(), document["findings"][1]["level"].as_str()), (Some(false), Some("warn")));
    }
}
