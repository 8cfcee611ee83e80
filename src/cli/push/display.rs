//! Shows live progress: a bar on a terminal, plain lines otherwise.

use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::terminal::plain;

/// Minimum interval between polls of the job.
pub(super) const REFRESH: Duration = Duration::from_millis(500);
/// Interval between lines if there is no terminal.
const A_LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) enum PushDisplay {
    Bar(ProgressBar),
    Lines { begun: Instant, next: Instant },
}

impl PushDisplay {
    pub(super) fn new() -> Result<Self> {
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Ok(Self::Lines { begun: now, next: now });
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {rate}  {msg}  {elapsed}")?;
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{:.1}/s", state.per_sec());
        });
        Ok(Self::Bar(ProgressBar::new(0).with_style(style)))
    }

    /// Shows the progress of the job in `view`.
    pub(super) fn show(&mut self, view: &Value, now: Timestamp) {
        let progress = PushProgress::of(view, now);
        match self {
            Self::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.ended);
                bar.set_message(plain(format_args!("{}", progress.told)));
            }
            Self::Lines { begun, next } if Instant::now() >= *next => {
                let PushProgress { total, ended, told } = progress;
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

/// The progress of a job.
struct PushProgress {
    total: u64,
    ended: u64,
    told: String,
}

impl PushProgress {
    fn of(view: &Value, now: Timestamp) -> Self {
        let number = |pointer: &str| view.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        let in_the_future = |name: &str| {
            let at: Timestamp = view.get(name)?.as_str()?.parse().ok()?;
            Some(lasting(at.duration_since(now).as_secs().max(0)))
        };
        let total = number("/counts/total");
        let open = number("/counts/pending") + number("/counts/running") + number("/counts/waiting");
        let mut told = format!("{} failed, {} conflicts", number("/counts/failed"), number("/conflicts/total"));
        if let Some(pause) = in_the_future("parkedUntil") {
            told = format!("{told}, parked for {pause}");
        } else if let Some(rest) = in_the_future("estimatedFinishAt") {
            told = format!("{told}, about {rest} to go");
        }
        Self { total, ended: total.saturating_sub(open), told }
    }
}

/// Formats a duration in its two largest units.
fn lasting(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
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
        let now = "2026-11-23T19:58:30Z".parse().unwrap();
        let progress = PushProgress::of(&view, now);
        assert_eq!((progress.total, progress.ended), (10, 5));
        assert_eq!(progress.told, "2 failed, 4 conflicts, about 1 min 30 s to go");
        view["parkedUntil"] = "2026-11-23T21:00:00Z".into();
        assert!(PushProgress::of(&view, now).told.ends_with("parked for 1 h 1 min"));
        assert_eq!(lasting(27), "27 s");
    }
}
