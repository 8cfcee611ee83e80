//! `skillsync map`: shows the assignments derived from a payload or an export, and by which rules; sends nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use super::input::{Input, InputForm, InputOptions};
use crate::charset;
use crate::config::Config;
use crate::domain::UserRef;
use crate::hris::filter::FilterRunner;
use crate::hris::{ExportForm, Mapped, Mapping, PayloadPlace, PersonFault, Sources};
use crate::table::endless_room;

#[derive(Debug, clap::Args)]
pub(super) struct MapArguments {
    /// The name of the source.
    #[arg(long)]
    source: String,
    /// Treat the file as an export, like `/v1/imports`; the default for CSV and spreadsheets.
    #[arg(long)]
    export: bool,
    /// Treat the file as a record of one person, as the HR system returns it.
    #[arg(long, conflicts_with = "export")]
    record: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// The file with the payload, export or record.
    file: PathBuf,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    config: super::ConfigFile,
}

/// One person, as printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PersonView {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<String>,
    leaver: bool,
    assignments: Vec<MappedAssignment>,
    /// Assignments that are left as they are, because attributes that their rules need are missing.
    left_as_is: Vec<MappedAssignment>,
    /// The missing attributes.
    unknown: Vec<Box<str>>,
}

#[derive(Debug, Serialize)]
struct MappedAssignment {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proficiency: Option<f32>,
    because: Vec<Box<str>>,
}

pub(super) async fn run(arguments: &MapArguments) -> Result<ExitCode> {
    let config = Config::load(arguments.config.config.as_deref()).context("the configuration is invalid")?;
    let sources = Sources::compile(&config.webhooks, FilterRunner::of_this_program())?;
    let Some(source) = sources.get(&arguments.source) else {
        let names: Vec<_> = sources.all().iter().map(|source| source.name.to_string()).collect();
        bail!("there is no source {:?}; configured sources: {}", arguments.source, names.join(", "));
    };
    let input = Input::read(&arguments.file)?.unpacked().await?;
    let form = input.form.unwrap_or(InputForm::Json);
    arguments.input.check(form)?;
    let (body, charset) = (input.bytes, arguments.input.charset()?);
    let mapping = match form {
        InputForm::Csv => source.map_export(ExportForm::Csv(charset), body.into(), endless_room()).await?,
        InputForm::Xlsx => {
            let form = ExportForm::Xlsx { sheet: arguments.input.sheet.clone(), unpacked: usize::MAX };
            source.map_export(form, body.into(), endless_room()).await?
        }
        InputForm::Json | InputForm::Ndjson if arguments.record => {
            let text = charset::decoded(&body, charset)?;
            source.map_record(None, text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).await?
        }
        InputForm::Json | InputForm::Ndjson if arguments.export => {
            source.map_export(ExportForm::Json(charset), body.into(), endless_room()).await?
        }
        InputForm::Json | InputForm::Ndjson => {
            let declared = charset.map(|charset| format!("; charset={}", charset.name())).unwrap_or_default();
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(format!("application/json{declared}"))?);
            source.map_delivery(&headers, &body).await?
        }
    };
    if arguments.json {
        print_json(&mapping);
    } else {
        print_table(&mapping);
    }
    Ok(if mapping.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_json(mapping: &Mapping) {
    let faults = mapping.faults.iter();
    let document = serde_json::json!({
        "people": mapping.people.iter().map(PersonView::of).collect::<Vec<_>>(),
        "faults": faults.map(fault_view).collect::<Vec<_>>(),
        "datesNotRead": mapping.dates_not_read,
        "recordsToRead": mapping.changed.iter().map(|changed| &*changed.record).collect::<Vec<_>>(),
        "leaversBySenderId": mapping.gone.iter().map(|(_, gone)| &*gone.record).collect::<Vec<_>>(),
        "columnsTakenFor": mapping.loosely.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    print!("{document:#}\n");
}

fn fault_view(fault: &PersonFault) -> serde_json::Value {
    match fault.place {
        PayloadPlace::Person(number) => serde_json::json!({"person": number, "problem": fault.problem}),
        PayloadPlace::Line(number) => serde_json::json!({"line": number, "problem": fault.problem}),
        PayloadPlace::Row(number) => serde_json::json!({"row": number, "problem": fault.problem}),
    }
}

fn print_table(mapping: &Mapping) {
    let mut lines = vec![["user", "gets", "because of"].map(str::to_owned)];
    for person in mapping.people.iter().map(PersonView::of) {
        let nothing = if person.leaver { "nothing: has left" } else { "nothing: no rule matches" };
        if person.assignments.is_empty() && person.left_as_is.is_empty() {
            lines.push([person.user.clone(), nothing.to_owned(), String::new()]);
        }
        for left in &person.left_as_is {
            let why = format!("{}, which need {}", left.because.join(", "), person.unknown.join(", "));
            lines.push([person.user.clone(), format!("{} as it is", left.name), why]);
        }
        for assignment in &person.assignments {
            let rating = assignment.proficiency.map(|rating| format!(" at {rating}")).unwrap_or_default();
            let name = format!("{}{rating}", assignment.name);
            lines.push([person.user.clone(), name, assignment.because.join(", ")]);
        }
    }
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let (first, second) = (width(0), width(1));
    for [user, gets, because] in &lines {
        println!("{}", format!("{user:first$}  {gets:second$}  {because}").trim_end());
    }
    for column in &mapping.loosely {
        println!("the column {column}");
    }
    for (_, gone) in &mapping.gone {
        println!("the person with the sender's id {} has left", gone.record);
    }
    for changed in &mapping.changed {
        println!("the record {} would be read from the HR system; see --record", changed.record);
    }
    if mapping.dates_not_read > 0 {
        println!("unreadable dates: {}; these changes count as of their acceptance", mapping.dates_not_read);
    }
    for fault in &mapping.faults {
        println!("{fault}");
    }
}

impl PersonView {
    fn of(person: &Mapped) -> Self {
        let assignment = |derived: &crate::hris::Derived| MappedAssignment {
            name: derived.name.to_string(),
            proficiency: derived.proficiency.map(crate::domain::Proficiency::value),
            because: derived.because.clone(),
        };
        Self {
            user: match &person.user {
                UserRef::Id(id) => id.to_string(),
                UserRef::Email(text) | UserRef::EmployeeId(text) => text.to_string(),
                UserRef::ExternalId { authority, key } => format!("{authority}:{key}"),
            },
            occurred_at: person.occurred_at.map(|at| at.to_string()),
            leaver: person.leaver,
            assignments: person.assignments.iter().filter(|derived| !derived.left_as_is).map(assignment).collect(),
            left_as_is: person.assignments.iter().filter(|derived| derived.left_as_is).map(assignment).collect(),
            unknown: person.unknown.to_vec(),
        }
    }
}
