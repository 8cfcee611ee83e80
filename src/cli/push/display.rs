//! Live progress: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::Instant;

/// How often the job is asked for while it changes.
pub(super) const REFRESH: Duration = Duration::from_millis(500);
/// How often a line is written where there is no terminal.
const A_LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) enum Display {
    Bar(ProgressBar),
    Lines { begun: Instant, next: Instant },
}

impl Display {
    pub(super) fn new() -> Result<Self> {
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Ok(Self::Lines { begun: now, next: now });
        }
        let form = "{bar:40} {pos}/{len}  {per_sec:.1}  {msg}  {elapsed}";
        Ok(Self::Bar(ProgressBar::new(0).with_style(ProgressStyle::with_template(form)?)))
    }

    pub(super) fn show(&mut self, view: &Value) {
        let progress = Progress::of(view);
        match self {
            Self::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.ended);
                bar.set_message(progress.told);
            }
            Self::Lines { begun, next } if Instant::now() >= *next => {
                let Progress { total, ended, told } = progress;
                println!("{:6.1} s  {ended}/{total}  {told}", begun.elapsed().as_secs_f64());
                *next = Instant::now() + A_LINE_EVERY;
            }
            Self::Lines { .. } => {}
        }
    }

    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}

/// How far a job has come.
struct Progress {
    total: u64,
    ended: u64,
    told: String,
}

impl Progress {
    fn of(view: &Value) -> Self {
        let number = |pointer: &str| view.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        let text = |name: &str| view.get(name).and_then(Value::as_str);
        let total = number("/counts/total");
        let open = number("/counts/pending") + number("/counts/running") + number("/counts/waiting");
        let mut told = format!("{} failed, {} conflicts", number("/counts/failed"), number("/conflicts/total"));
        if let Some(until) = text("parkedUntil") {
            told = format!("{told}, parked until {until}");
        } else if let Some(end) = text("estimatedFinishAt") {
            told = format!("{told}, done about {end}");
        }
        Self { total, ended: total.saturating_sub(open), told }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_is_what_has_ended_and_a_parked_job_says_until_when() {
        let mut view = json!({"counts": {"total": 10, "pending": 3, "running": 1, "waiting": 1, "failed": 2},
            "conflicts": {"total": 4}, "parkedUntil": null, "estimatedFinishAt": "2026-11-23T20:00:00Z"});
        let progress = Progress::of(&view);
        assert_eq!((progress.total, progress.ended), (10, 5));
        assert_eq!(progress.told, "2 failed, 4 conflicts, done about 2026-11-23T20:00:00Z");
        view["parkedUntil"] = "2026-11-23T21:00:00Z".into();
        assert!(Progress::of(&view).told.ends_with("parked until 2026-11-23T21:00:00Z"));
    }
}
