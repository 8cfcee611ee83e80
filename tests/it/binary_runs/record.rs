//! From what a run has left to the judge's plain values, and what can be said without them.

use std::collections::BTreeMap;
use std::fmt::Write;

use genesys_simulator::{Assignment, Ledger, Outcome, Target, Writer};
use jiff::Timestamp;
use serde_json::Value;
use skillsync::clock::WallClock;
use tokio::time::Instant;
use uuid::Uuid;

use super::bodies::causes;
use super::history::{At, Effect, Entry, Kind, Level, Name, Place, Set, State, Subject, Told, Violation, ms};
use super::judge;
use super::plan::SameUser;
use super::run::{Accepted, Run};

/// What one clock shows at the time of the other's zero.
struct Clock {
    started: Instant,
    date: Timestamp,
}

impl Clock {
    fn of(&self, at: Instant) -> At {
        match at.checked_duration_since(self.started) {
            Some(after) => At::try_from(after.as_micros()).unwrap(),
            None => -At::try_from((self.started - at).as_micros()).unwrap(),
        }
    }

    fn date(&self, date: Timestamp) -> At {
        date.as_microsecond() - self.date.as_microsecond()
    }
}

/// What is wrong with a run that has ended.
pub(super) fn violations(run: &Run) -> Vec<Violation> {
    let ledger = run.service.simulator.ledger();
    let mut found: Vec<Violation> = subjects(run, &ledger).iter().flat_map(judge::violations).collect();
    found.extend(run.jobs.iter().enumerate().filter_map(|(nth, job)| counts(nth, job)));
    found.extend(nobodies(run));
    found.extend(run.plans.iter().flat_map(|plan| planned(run, &ledger, *plan)));
    let most = if run.plan.limits.starts_with("20/") { 20 } else { 200 };
    let peak = ledger.peak_in_any(std::time::Duration::from_secs(1));
    // On their way through the sockets, calls may come a little closer together.
    if peak > most + most / 10 {
        found.push(Violation {
            kind: Kind::Rate,
            detail: format!("{peak} calls within a second, {most} are permitted"),
        });
    }
    found
}

fn counts(nth: usize, job: &Accepted) -> Option<Violation> {
    let states = ["applied", "unchanged", "superseded", "failed", "cancelled", "planned"];
    let wrong = states.into_iter().find(|state| {
        let really = job.entries.iter().filter(|entry| entry["state"] == *state).count();
        job.view["counts"][state].as_u64().is_none_or(|told| told != really as u64)
    })?;
    let detail = format!("job {nth} counts {} of {wrong}; its entries are others", job.view["counts"][wrong]);
    Some(Violation { kind: Kind::Counts, detail })
}

/// Entries about people who do not exist.
fn nobodies(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    for (nth, row, entry) in rows(run) {
        let nobody = run.jobs[nth].submission.rows[row].who.user().is_none();
        let right = entry["state"] == "cancelled" && cancelled(run, nth) || entry["reason"] == "userNotFound";
        if nobody && !right {
            let detail = format!("nobody's entry of job {nth}: {} {}", entry["state"], entry["reason"]);
            found.push(Violation { kind: Kind::Failure, detail });
        }
    }
    found
}

fn cancelled(run: &Run, job: usize) -> bool {
    run.jobs[job].cancelled
}

/// Each entry with its job and the row of the first job that it goes back to.
fn rows(run: &Run) -> Vec<(usize, usize, &Value)> {
    let mut rows = Vec::new();
    for (nth, job) in run.jobs.iter().enumerate() {
        for entry in &job.entries {
            let reference = entry["ref"].as_str().unwrap_or_default();
            let row = reference.split_once('-').and_then(|(_, row)| row.parse().ok());
            rows.extend(row.map(|row| (nth, row, entry)));
        }
    }
    rows
}

/// The job in which an entry was first asked for.
fn origin(run: &Run, mut job: usize) -> usize {
    while let Some(of) = run.jobs[job].repeats {
        job = of;
    }
    job
}

pub(super) fn subjects(run: &Run, ledger: &Ledger) -> Vec<Subject> {
    let clock = Clock { started: ledger.started(), date: WallClock::System.date_of(ledger.started()) };
    let mut entries: BTreeMap<(Uuid, Target), Vec<Entry>> = BTreeMap::new();
    for (nth, row, value) in rows(run) {
        let submission = &run.jobs[nth].submission;
        if let Some(user) = submission.rows[row].who.user() {
            let of = entries.entry((run.org.users[user].id, submission.target)).or_default();
            of.push(entry(run, &clock, nth, row, value));
        }
    }
    let subject = |(user, target, initial): &(Uuid, Target, Vec<Assignment>)| Subject {
        name: format!("{target:?} of {}", &user.to_string()[..8]),
        initial: set_of(initial),
        effects: effects(&clock, ledger, *user, *target),
        entries: entries.get(&(*user, *target)).cloned().unwrap_or_default(),
        unversioned: *target == Target::RoutingSkills,
        lag: ms(i64::try_from(run.plan.lag.as_millis()).unwrap()),
        pool: run.service.simulator.foreign_pool(*target).into_iter().collect(),
    };
    run.initial.iter().map(subject).collect()
}

fn effects(clock: &Clock, ledger: &Ledger, user: Uuid, target: Target) -> Vec<Effect> {
    let unanswered = |request: usize| {
        let outcome = ledger.requests()[request].outcome;
        !matches!(outcome, Outcome::Answered(200..=299))
    };
    let effect = |effect: &genesys_simulator::Effect| Effect {
        at: clock.of(effect.at),
        ours: effect.writer == Writer::Client,
        unanswered: effect.request.is_some_and(unanswered),
        before: set_of(&effect.before),
        after: set_of(&effect.after),
    };
    ledger.effects_on(user, target).map(effect).collect()
}

fn entry(run: &Run, clock: &Clock, nth: usize, row: usize, value: &Value) -> Entry {
    let (job, first) = (&run.jobs[nth], origin(run, nth));
    let asked = &job.submission.rows[row];
    let items = run.org.items(job.submission.target);
    let rated = job.submission.target == Target::RoutingSkills;
    let occurred = run.jobs[first].body["entries"][row]["occurredAt"].as_str().map(|at| at.parse().unwrap());
    let name = (nth, usize::try_from(value["index"].as_u64().unwrap()).unwrap());
    let finished = value["finishedAt"].as_str().map(|at| clock.date(at.parse().unwrap()));
    let causes = causes(&job.submission, row, run.knows_same_user);
    Entry {
        name,
        place: Place {
            effective: clock.date(occurred.unwrap_or(run.jobs[first].created)),
            entry: (first, row),
            repeated_by: job.repeats.map(|_| name),
        },
        placed: occurred.is_some() || job.repeats.is_some(),
        applies_a_plan: job.applies,
        sent: clock.of(job.sent),
        answered: clock.of(job.answered),
        ended: finished.unwrap_or(At::MAX / 2),
        mode: job.submission.mode,
        listed: asked.items.iter().map(|(item, level)| (items[*item].id, level.filter(|_| rated))).collect(),
        dry_run: job.submission.dry_run,
        merged: job.submission.same_user == Some(SameUser::Merge),
        must_fail: !causes.is_empty() && (job.repeats.is_none() || causes != ["duplicateUser"]),
        causes,
        cancelled: job.cancelled,
        state: state(value["state"].as_str().unwrap_or_default()),
        reason: value["reason"].as_str().map(str::to_owned),
        says_that_it_may_have_begun: value["message"].as_str().is_some_and(|said| said.contains("check the user")),
        told: told(value),
        superseded_by: value["supersededBy"].as_str().and_then(|by| named(run, by)),
    }
}

fn named(run: &Run, by: &str) -> Option<Name> {
    let (job, index) = by.rsplit_once('/')?;
    Some((run.jobs.iter().position(|one| one.id == job)?, index.parse().ok()?))
}

fn state(name: &str) -> State {
    match name {
        "applied" => State::Applied,
        "unchanged" => State::Unchanged,
        "superseded" => State::Superseded,
        "failed" => State::Failed,
        "cancelled" => State::Cancelled,
        "planned" => State::Planned,
        _ => State::Open,
    }
}

fn told(value: &Value) -> Told {
    let items = |list: &str| value[list].as_array().cloned().unwrap_or_default();
    let id = |item: &Value| -> Uuid { item["id"].as_str().unwrap().parse().unwrap() };
    let rated = |list| items(list).iter().map(|item| (id(item), level(item["proficiency"].as_f64()))).collect();
    let plain = |list| items(list).iter().map(id).collect();
    Told {
        added: rated("added"),
        removed: plain("removed"),
        updated: rated("updated"),
        overwritten: plain("overwritten"),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "levels are 0.0 to 5.0")]
fn level(proficiency: Option<f64>) -> Level {
    (proficiency.unwrap_or_default() * 10.0).round() as Level
}

fn set_of(assignments: &[Assignment]) -> Set {
    assignments.iter().map(|one| (one.id, level(one.proficiency))).collect()
}

/// A plan that was carried out at once has come to what it said, if nobody else touched its users meanwhile.
fn planned(run: &Run, ledger: &Ledger, (dry, real): (usize, usize)) -> Vec<Violation> {
    let mut found = Vec::new();
    for subject in subjects(run, ledger) {
        let plans: Vec<&Entry> = subject.entries.iter().filter(|entry| entry.name.0 == dry).collect();
        let done: Vec<&Entry> = subject.entries.iter().filter(|entry| entry.name.0 == real).collect();
        let Some((from, until)) = plans.first().map(|plan| plan.sent).zip(done.iter().map(|done| done.ended).max())
        else {
            continue;
        };
        let lone =
            subject.entries.iter().all(|entry| [dry, real].contains(&entry.name.0) || entry.ended < from - subject.lag);
        let quiet =
            subject.effects.iter().all(|effect| effect.ours || effect.at < from - subject.lag || effect.at > until);
        let plan_of =
            |done: &Entry| plans.iter().find(|plan| plan.place.entry == done.place.entry).map(|plan| &plan.told);
        let kept = |done: &&Entry| plan_of(done) == Some(&done.told) && done.state != State::Failed;
        if let Some(other) = done.iter().find(|done| lone && quiet && !kept(done)) {
            let detail = format!("{}: planned {:?}, {:?} {:?}", subject.name, plan_of(other), other.state, other.told);
            found.push(Violation { kind: Kind::DryRun, detail });
        }
    }
    found
}

/// The run line by line, for whoever has to find out why it failed.
pub(super) fn story(run: &Run) -> String {
    let ledger = run.service.simulator.ledger();
    let mut lines: Vec<(At, String)> = Vec::new();
    for subject in subjects(run, &ledger) {
        let short =
            |set: &Set| -> Vec<_> { set.iter().map(|(id, level)| (id.to_string()[..4].to_owned(), *level)).collect() };
        lines.push((At::MIN, format!("{} has {:?}", subject.name, short(&subject.initial))));
        for effect in &subject.effects {
            let who = if effect.ours { "we" } else { "others" };
            let answer = if effect.unanswered { ", unanswered" } else { "" };
            lines.push((effect.at, format!("{} {who}: {:?}{answer}", subject.name, short(&effect.after))));
        }
        for entry in &subject.entries {
            let listed: Vec<_> =
                entry.listed.iter().map(|(id, level)| (id.to_string()[..4].to_owned(), *level)).collect();
            let what = format!("{} entry {:?} {:?} {listed:?}", subject.name, entry.name, entry.mode);
            lines.push((entry.sent, format!("{what} of {} sent", entry.place.effective)));
            lines.push((
                entry.ended,
                format!("{what} {:?} {:?} {:?} {:?}", entry.state, entry.reason, entry.told, entry.superseded_by),
            ));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    let mut story = String::new();
    for (at, line) in lines {
        let _ = writeln!(story, "{:>11} {line}", if at == At::MIN { 0 } else { at / 1_000 });
    }
    story
}
