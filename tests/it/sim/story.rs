//! A run told line by line, for whoever has to find out why it failed.

use std::collections::BTreeMap;
use std::fmt::Write;

use skillsync::simulator::Target;
use tokio::time::Instant;
use uuid::Uuid;

use super::run::Run;

/// What happened on the wire, in the org and to the entries, in order of time; ids shortened.
pub(super) fn told(run: &Run) -> String {
    let mut lines: BTreeMap<(Instant, usize), String> = BTreeMap::new();
    let mut say = |at: Instant, line: String| {
        let nth = lines.len();
        lines.insert((at, nth), line);
    };
    for ((user, target), initial) in &run.initial {
        let ids: Vec<_> = initial.iter().map(|item| (short(item.id), item.proficiency)).collect();
        say(run.ledger.started(), format!("{} {} has {ids:?}", short(*user), name(*target)));
    }
    for e in &run.exchanges {
        let what = if e.writes { "write" } else { "read" };
        say(e.sent_at, format!("{} {} {what} sent, version {:?}", short(e.user), name(e.target), e.if_match));
        let answer = format!("answered {:?}, version {:?}", e.status, e.shown);
        say(e.ended_at, format!("{} {} {what} {answer}", short(e.user), name(e.target)));
    }
    for e in run.ledger.effects() {
        let after: Vec<_> = e.after.iter().map(|item| (short(item.id), item.proficiency)).collect();
        let version = e.version_after;
        say(e.at, format!("{} {} {:?} {:?} -> {version} {after:?}", short(e.user), name(e.target), e.writer, e.kind));
    }
    for e in &run.entries {
        let listed: Vec<_> = e.listed.iter().map(|(id, rating)| (short(*id), *rating)).collect();
        let who = format!("{} {} entry {}", short(e.user), name(e.target), e.order);
        say(e.accepted_at, format!("{who} {:?} {listed:?} of {} accepted", e.mode, e.effective_at));
        let causes: Vec<_> = e.result.conflicts.iter().map(|conflict| conflict.cause).collect();
        say(e.finished_at, format!("{who} {:?} {:?} {causes:?}", e.state, e.result.reason));
    }
    let mut story = String::new();
    for ((at, _), line) in lines {
        let _ = writeln!(story, "{:>9.3} {line}", (at - run.ledger.started()).as_secs_f64());
    }
    story
}

fn short(id: Uuid) -> String {
    id.to_string()[..3].to_owned()
}

fn name(target: Target) -> &'static str {
    match target {
        Target::RoutingSkills => "skills",
        Target::WfmSkillGroups => "groups",
    }
}
