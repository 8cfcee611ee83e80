//! The file to push: its form, and the members of the job other than its entries.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::super::input::{Input, InputForm, InputOptions};
use crate::charset;
use crate::compression::Compression;
use crate::table::XLSX;

/// The members of a job other than its entries. Options take precedence over members of a JSON file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct JobOptions {
    /// What to assign: routingSkills or wfmSkillGroups; required unless a JSON file contains it.
    #[arg(long)]
    target: Option<String>,
    /// What the lists of assignments mean: add, remove, managed or replace [service default: managed].
    #[arg(long)]
    mode: Option<String>,
    /// Owner of what the job assigns: with managed, only what the same owner assigned is taken away [service default:
    /// default, or the first owner that the API key is bound to].
    #[arg(long)]
    owner: Option<String>,
    /// A name for the job, shown to people.
    #[arg(long)]
    label: Option<String>,
    /// The lane: bulk, or interactive for at most 20 entries [service default: bulk].
    #[arg(long)]
    lane: Option<String>,
    /// How to treat several rows for one user: merge combines their lists; inOrder treats them as successive changes.
    #[arg(long)]
    same_user: Option<String>,
    /// The form of the file, if its name does not reveal it.
    #[arg(long)]
    format: Option<InputForm>,
    #[command(flatten)]
    input: InputOptions,
}

/// A submission, ready to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PushSource {
    pub(super) media_type: String,
    /// The compression that the body already has.
    pub(super) packed: Option<Compression>,
    /// The query with its question mark, or empty.
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

impl PushSource {
    /// Reads the file. Returns an error if its form is unknown or an option does not apply to it.
    pub(super) async fn read(file: &Path, options: &JobOptions, dry_run: bool) -> Result<Self> {
        let input = Input::read(file)?;
        let form = options.format.or(input.form).with_context(|| {
            format!("{}: the name does not reveal the form; give --format csv, ndjson, json or xlsx", file.display())
        })?;
        Self::of(form, input, options, dry_run).await
    }

    async fn of(form: InputForm, input: Input, options: &JobOptions, dry_run: bool) -> Result<Self> {
        options.input.check(form)?;
        let (members, charset) = (options.members(dry_run), options.input.charset()?);
        let declared = charset.map(|charset| format!("; charset={}", charset.name())).unwrap_or_default();
        if form == InputForm::Json && !members.is_empty() {
            let body = with_members(&charset::decoded(&input.unpacked().await?.bytes, charset)?, members)?;
            return Ok(Self { media_type: "application/json".to_owned(), packed: None, query: String::new(), body });
        }
        let media_type = match form {
            InputForm::Csv => format!("text/csv{declared}"),
            InputForm::Ndjson => format!("application/x-ndjson{declared}"),
            InputForm::Json => format!("application/json{declared}"),
            InputForm::Xlsx => XLSX.to_owned(),
        };
        let sheet = options.input.sheet.as_deref().map(|sheet| ("sheet".to_owned(), sheet.into()));
        let query = query(&members.into_iter().chain(sheet).collect());
        Ok(Self { media_type, packed: input.packed, query, body: input.bytes })
    }
}

impl JobOptions {
    fn members(&self, dry_run: bool) -> Map<String, Value> {
        let texts = [
            ("target", &self.target),
            ("mode", &self.mode),
            ("owner", &self.owner),
            ("label", &self.label),
            ("lane", &self.lane),
            ("sameUser", &self.same_user),
        ];
        let given = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        given.chain(dry_run.then(|| ("dryRun".to_owned(), true.into()))).collect()
    }
}

fn query(members: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<_> = members.iter().map(|(name, value)| format!("{name}={}", encoded(&text(value)))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Percent-encodes a text for a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn with_members(body: &str, members: Map<String, Value>) -> Result<Vec<u8>> {
    let mut job: Map<String, Value> = serde_json::from_str(body).context("the file is not a JSON object")?;
    job.extend(members);
    Ok(serde_json::to_vec(&job)?)
}

/// Returns the default file for failed rows: `roster.failed.csv` for both `roster.csv` and `roster.csv.gz`. It is CSV
/// for every input form, because CSV can be corrected by hand.
pub(super) fn failed_rows_beside(file: &Path) -> PathBuf {
    let is_packed = Input::named(file, Vec::new()).packed.is_some();
    let file = if is_packed { file.with_extension("") } else { file.to_owned() };
    file.with_extension("failed.csv")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> JobOptions {
        JobOptions { target: Some("wfmSkillGroups".into()), label: Some("a & b".into()), ..JobOptions::default() }
    }

    async fn source(form: InputForm, bytes: &[u8], options: &JobOptions, dry_run: bool) -> PushSource {
        let input = Input { form: None, packed: None, bytes: bytes.to_vec() };
        PushSource::of(form, input, options, dry_run).await.unwrap()
    }

    #[tokio::test]
    async fn lines_carry_what_the_job_is_in_the_query() {
        let sent = source(InputForm::Csv, b"ref\n", &options(), true).await;
        assert_eq!(sent.query, "?dryRun=true&label=a%20%26%20b&target=wfmSkillGroups");
        assert_eq!((sent.media_type.as_str(), sent.body.as_slice()), ("text/csv", b"ref\n".as_slice()));
        let merged = JobOptions { same_user: Some("merge".into()), ..options() };
        let sent = source(InputForm::Csv, b"", &merged, false).await;
        assert!(sent.query.contains("&sameUser=merge&"), "{}", sent.query);
    }

    #[tokio::test]
    async fn the_file_is_sent_as_it_is_with_what_it_is_in() {
        let input = InputOptions { charset: Some("latin1".into()), sheet: None };
        let sent = source(InputForm::Csv, b"\xfc\n", &JobOptions { input, ..JobOptions::default() }, false).await;
        assert_eq!(
            (sent.media_type.as_str(), sent.body.as_slice()),
            ("text/csv; charset=windows-1252", &b"\xfc\n"[..])
        );
        let input = InputOptions { charset: None, sheet: Some("März".into()) };
        let sent = source(InputForm::Xlsx, b"PK", &JobOptions { input, ..options() }, false).await;
        assert!(sent.media_type == XLSX && sent.query.contains("sheet=M%C3%A4rz&"), "{}", sent.query);
        let packed = Input { form: None, packed: Some(Compression::Gzip), bytes: b"\x1f\x8b".to_vec() };
        let sent = PushSource::of(InputForm::Csv, packed, &options(), false).await.unwrap();
        assert_eq!((sent.packed, sent.body.as_slice()), (Some(Compression::Gzip), &b"\x1f\x8b"[..]));
    }

    #[tokio::test]
    async fn a_document_says_it_itself_and_options_go_before_it() {
        let body = b"\xef\xbb\xbf{\"target\":\"routingSkills\",\"mode\":\"add\",\"entries\":[]}";
        let sent = source(InputForm::Json, body, &JobOptions::default(), false).await;
        assert_eq!((sent.query.as_str(), sent.body.as_slice()), ("", &body[..]));
        let sent = source(InputForm::Json, body, &options(), false).await;
        let job: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!((job["target"].as_str(), job["mode"].as_str()), (Some("wfmSkillGroups"), Some("add")));
    }

    #[test]
    fn failed_rows_are_kept_beside_the_file() {
        for file in ["/x/roster.csv", "/x/roster.csv.gz", "/x/roster.xlsx"] {
            assert_eq!(failed_rows_beside(Path::new(file)), Path::new("/x/roster.failed.csv"));
        }
    }
}
