//! The report of the demo: its figures, and whether every promise held.

use serde_json::Value;

use super::naive::NaiveResult;
use super::{DemoPace, org};
use genesys_simulator::Ledger;

/// The figures of a run, and the promises checked against them.
pub(super) struct Report {
    lines: Vec<String>,
    promises: Vec<(String, bool)>,
}

impl Report {
    /// Builds the report from the job, its failed entries, the ledger of the simulator and the naive run.
    pub(super) fn new(job: &Value, failed: &Value, ledger: &Ledger, naive: NaiveResult, pace: &DemoPace) -> Self {
        let mut report = Self { lines: Vec::new(), promises: Vec::new() };
        report.entries(job);
        report.failures(failed);
        report.conflicts(job, ledger);
        report.calls(job, ledger);
        report.rate(ledger, pace);
        let lost = ledger.lost_foreign_changes().len();
        report.promise(format!("{lost} changes by others lost"), lost == 0);
        report.beside(naive);
        report
    }

    pub(super) fn print(&self) {
        println!();
        println!("what happened");
        self.lines.iter().for_each(|line| println!("  {line}"));
        println!();
        println!("what was promised");
        for (promise, held) in &self.promises {
            println!("  {}  {promise}", if *held { "ok    " } else { "BROKEN" });
        }
    }

    /// Returns whether every promise held.
    pub(super) fn every_promise_held(&self) -> bool {
        self.promises.iter().all(|(_, held)| *held)
    }

    fn entries(&mut self, job: &Value) {
        let states = Counts::at(job, "/counts");
        self.lines.push(format!("entries: {}", states.told()));
        let total = states.of("total");
        let open = states.of("pending") + states.of("running") + states.of("waiting");
        self.promise(
            format!("each of {total} entries in exactly one terminal state"),
            states.sum() == total && open == 0,
        );
        let done = states.of("applied") + states.of("unchanged");
        self.promise(format!("{done} applied or unchanged"), done == total - org::BLOCKED as u64);
    }

    fn failures(&mut self, failed: &Value) {
        let failed = failed.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |entry: &Value, field| entry.get(field).and_then(Value::as_str).unwrap_or("?").to_owned();
        for entry in failed {
            let (row, reason, message) = (text(entry, "ref"), text(entry, "reason"), text(entry, "message"));
            self.lines.push(format!("{row} failed, {reason}: {message}"));
        }
        let explained = failed
            .iter()
            .all(|entry| text(entry, "reason") == "blocked" && text(entry, "message").contains("correlation id"));
        self.promise(
            format!("{} blocked, with Genesys' message and correlation id", failed.len()),
            explained && failed.len() == org::BLOCKED,
        );
    }

    fn conflicts(&mut self, job: &Value, ledger: &Ledger) {
        let causes = Counts::at(job, "/conflicts");
        self.lines.push(format!("conflicts: {}", causes.told()));
        let met = conflicts_met(ledger);
        let writes = ledger.requests().iter().filter(|request| request.route.writes().is_some()).count() as u64;
        self.lines.push(format!("conflicted writes: {met} of {writes} ({})", percent(met, writes)));
        self.promise(format!("each of {met} conflicts has a cause"), causes.sum() == met && causes.of("total") == met);
        self.promise("no conflict caused by skillsync itself".to_owned(), causes.of("ownConcurrency") == 0);
    }

    fn calls(&mut self, job: &Value, ledger: &Ledger) {
        let states = Counts::at(job, "/counts");
        let calls = ledger.api_requests().count() as u64;
        let least = 2 + states.of("total") + states.of("applied") + 2 * conflicts_met(ledger);
        self.lines.push(format!(
            "calls: {calls}, {} of the minimum (two listings, a read per user, a write per change, two calls per conflict)",
            percent(calls, least)
        ));
    }

    fn rate(&mut self, ledger: &Ledger, pace: &DemoPace) {
        let mut within = true;
        for (permitted, window) in &pace.windows {
            let peak = ledger.peak_in_any(*window);
            within &= peak <= *permitted as usize;
            self.lines.push(format!("peak in any {} s: {peak} of {permitted} permitted", window.as_secs()));
        }
        self.promise("no window above the limit, as counted by Genesys".to_owned(), within);
        self.promise("never a 429".to_owned(), ledger.rate_limited() == 0);
        self.promise("at most one write per user in flight".to_owned(), ledger.overlapping_writes().is_empty());
    }

    fn beside(&mut self, naive: NaiveResult) {
        self.lines.push(format!(
            "the naive client (reads once, writes later, repeats the same version): {} of {} users failed for good ({}), \
             {} conflicts",
            naive.failed,
            naive.users,
            percent(naive.failed as u64, naive.users as u64),
            naive.conflicts
        ));
        self.promise(
            "the naive client fails for more than 10 % of the users".to_owned(),
            naive.failed * 10 > naive.users,
        );
    }

    fn promise(&mut self, promise: String, held: bool) {
        self.promises.push((promise, held));
    }
}

/// The counts in the view of a job by name, including `total`.
struct Counts(Vec<(String, u64)>);

impl Counts {
    fn at(job: &Value, pointer: &str) -> Self {
        let object = job.pointer(pointer).and_then(Value::as_object);
        Self(object.into_iter().flatten().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect())
    }

    fn of(&self, name: &str) -> u64 {
        self.0.iter().find(|(have, _)| have == name).map(|(_, count)| *count).unwrap_or_default()
    }

    fn sum(&self) -> u64 {
        self.0.iter().filter(|(name, _)| name != "total").map(|(_, count)| count).sum()
    }

    fn told(&self) -> String {
        let counts = self.0.iter().filter(|(_, count)| *count > 0);
        counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    }
}

fn conflicts_met(ledger: &Ledger) -> u64 {
    ledger.conflicts().values().map(|count| *count as u64).sum()
}

/// Formats `part` as a percentage of `whole`.
fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or_default();
    format!("{}.{} %", tenths / 10, tenths % 10)
}
