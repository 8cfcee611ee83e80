//! Shows live progress: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::Instant;

use crate::cli::http::JsonClient;

/// Polls the job at `path` until it has ended, and shows its progress.
pub(super) async fn follow(client: &JsonClient, path: &str) -> Result<Value> {
    let mut display = DemoDisplay::new()?;
    loop {
        let view = client.get(path).await?;
        display.show(&view);
        if view.get("finishedAt").is_some_and(Value::is_string) {
            display.finish();
            return Ok(view);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

enum DemoDisplay {
    Bar(ProgressBar),
    Lines { begun: Instant, next: Instant },
}

impl DemoDisplay {
    fn new() -> Result<Self> {
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Ok(Self::Lines { begun: now, next: now });
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} users  {msg}  {elapsed}")?;
        Ok(Self::Bar(ProgressBar::new(0).with_style(style)))
    }

    fn show(&mut self, view: &Value) {
        let number = |pointer: &str| view.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        let total = number("/counts/total");
        let ended = total - number("/counts/pending") - number("/counts/running") - number("/counts/waiting");
        let message = format!(
            "{} calls, {} conflicts, {} waiting",
            number("/calls/made"),
            number("/conflicts/total"),
            number("/counts/waiting")
        );
        match self {
            Self::Bar(bar) => {
                bar.set_length(total);
                bar.set_position(ended);
                bar.set_message(message);
            }
            Self::Lines { begun, next } if Instant::now() >= *next => {
                println!("{:5.1} s  {ended}/{total} users  {message}", begun.elapsed().as_secs_f64());
                *next += Duration::from_secs(2);
            }
            Self::Lines { .. } => {}
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}
