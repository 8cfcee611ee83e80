//! A run told line by line, for whoever has to find out why it failed.

use std::collections::BTreeMap;
use std::fmt::Write;

use genesys_simulator::Target;
use tokio::time::Instant;
use uuid::Uuid;

use super::record::Run;

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
        let what = if e.writes {
            "write"
        } else if e.listed {
            "listing"
        } else {
            "read"
        };
        say(
            e.sent_at,
            format!("{} {} {what} sent by {}, version {:?}", short(e.user), name(e.target), e.life, e.if_match),
        );
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
        let who = format!(
            "{} {} entry {} of job {}",
            e.user.map_or("nobody".to_owned(), short),
            name(e.target),
            e.index,
            e.job
        );
        let (dry, at) = (if e.dry_run { "dry " } else { "" }, e.place.effective_at);
        say(e.accepted_at, format!("{who} {dry}{:?} {listed:?} of {at} {:?} accepted", e.mode, e.place.accepted));
        let causes: Vec<_> = e.result.conflicts.iter().map(|conflict| conflict.cause).collect();
        let by = e.result.superseded_by.and_then(|by| run.named(by)).map(|by| (by.job, by.index));
        let did = &e.result.effects.difference;
        let ids = |ids: &mut dyn Iterator<Item = Uuid>| ids.map(short).collect::<Vec<_>>().join(",");
        let added = ids(&mut did.added.iter().map(|(id, _)| id.0));
        let updated = ids(&mut did.updated.iter().map(|(id, _)| id.0));
        let removed = ids(&mut did.removed.iter().map(|id| id.0));
        let overwritten = ids(&mut e.result.effects.overwritten.iter().map(|id| id.0));
        let effects = format!("+[{added}] ~[{updated}] -[{removed}] over [{overwritten}]");
        say(e.finished_at, format!("{who} {:?} {:?} by {by:?} {causes:?} {effects}", e.state, e.result.reason));
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
        Target::RoutingLanguages => "languages",
        Target::WfmSkillGroups => "groups",
    }
}
