//! The file that is pushed: its form, and what the job is besides its entries.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// What a job is besides its entries. A JSON file may say it itself; what is given here goes before it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct JobOptions {
    /// What is written: routingSkills or wfmSkillGroups. CSV and NDJSON cannot say it.
    #[arg(long)]
    target: Option<String>,
    /// What the listed assignments mean: add, remove, managed or replace.
    #[arg(long)]
    mode: Option<String>,
    /// Your name for the job.
    #[arg(long)]
    label: Option<String>,
    /// How urgent it is: bulk, or interactive for at most 20 entries.
    #[arg(long)]
    lane: Option<String>,
    /// What several rows about one user mean: merge, one list; or inOrder, changes that follow each other.
    #[arg(long)]
    same_user: Option<String>,
    /// The form of the file, if its name does not tell: csv, ndjson or json.
    #[arg(long, value_parser = ["csv", "ndjson", "json"])]
    format: Option<String>,
}

/// A submission, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) media_type: &'static str,
    /// With its question mark, if there is one.
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

impl Source {
    pub(super) fn read(file: &Path, options: &JobOptions, dry_run: bool) -> Result<Self> {
        let body = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::of(&form(file, options)?, body, options, dry_run)
    }

    fn of(form: &str, body: Vec<u8>, options: &JobOptions, dry_run: bool) -> Result<Self> {
        let members = options.members(dry_run);
        let of_lines = |media_type| Self { media_type, query: query(&members), body: body.clone() };
        match form {
            "csv" => Ok(of_lines("text/csv")),
            "ndjson" => Ok(of_lines("application/x-ndjson")),
            _ => {
                let body = if members.is_empty() { body } else { with_members(&body, members)? };
                Ok(Self { media_type: "application/json", query: String::new(), body })
            }
        }
    }
}

impl JobOptions {
    fn members(&self, dry_run: bool) -> Map<String, Value> {
        let texts = [
            ("target", &self.target),
            ("mode", &self.mode),
            ("label", &self.label),
            ("lane", &self.lane),
            ("sameUser", &self.same_user),
        ];
        let given = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        given.chain(dry_run.then(|| ("dryRun".to_owned(), true.into()))).collect()
    }
}

fn form(file: &Path, options: &JobOptions) -> Result<String> {
    if let Some(form) = &options.format {
        return Ok(form.clone());
    }
    match file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => Ok("csv".to_owned()),
        Some("ndjson" | "jsonl") => Ok("ndjson".to_owned()),
        Some("json") => Ok("json".to_owned()),
        _ => bail!("{}: the name does not tell the form; give --format csv, ndjson or json", file.display()),
    }
}

fn query(members: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<_> = members.iter().map(|(name, value)| format!("{name}={}", encoded(&text(value)))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// A text as it may stand in a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn with_members(body: &[u8], members: Map<String, Value>) -> Result<Vec<u8>> {
    let mut job: Map<String, Value> = serde_json::from_slice(body).context("the file is not a JSON object")?;
    job.extend(members);
    Ok(serde_json::to_vec(&job)?)
}

/// `roster.csv` has its failed rows in `roster.failed.csv`, whatever its form: rows of CSV can be corrected by hand.
pub(super) fn failed_rows_beside(file: &Path) -> PathBuf {
    file.with_extension("failed.csv")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> JobOptions {
        JobOptions { target: Some("wfmSkillGroups".into()), label: Some("a & b".into()), ..JobOptions::default() }
    }

    #[test]
    fn lines_carry_what_the_job_is_in_the_query() {
        let source = Source::of("csv", b"ref\n".to_vec(), &options(), true).unwrap();
        assert_eq!(source.query, "?dryRun=true&label=a%20%26%20b&target=wfmSkillGroups");
        assert_eq!((source.media_type, source.body.as_slice()), ("text/csv", b"ref\n".as_slice()));
        let merged = JobOptions { same_user: Some("merge".into()), ..options() };
        let source = Source::of("csv", Vec::new(), &merged, false).unwrap();
        assert!(source.query.contains("&sameUser=merge&"), "{}", source.query);
    }

    #[test]
    fn a_document_says_it_itself_and_options_go_before_it() {
        let body = br#"{"target":"routingSkills","mode":"add","entries":[]}"#.to_vec();
        let source = Source::of("json", body.clone(), &JobOptions::default(), false).unwrap();
        assert_eq!((source.query.as_str(), source.body), ("", body.clone()));
        let source = Source::of("json", body, &options(), false).unwrap();
        let job: Value = serde_json::from_slice(&source.body).unwrap();
        assert_eq!((job["target"].as_str(), job["mode"].as_str()), (Some("wfmSkillGroups"), Some("add")));
    }

    #[test]
    fn the_ending_tells_the_form() {
        let form = |name: &str| form(Path::new(name), &JobOptions::default()).ok();
        assert_eq!(form("a.CSV").as_deref(), Some("csv"));
        assert_eq!(form("a.jsonl").as_deref(), Some("ndjson"));
        assert_eq!(form("a.json").as_deref(), Some("json"));
        assert_eq!(form("a.txt"), None);
        assert_eq!(failed_rows_beside(Path::new("/x/roster.csv")), Path::new("/x/roster.failed.csv"));
    }
}
