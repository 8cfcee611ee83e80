//! The members of a job other than its entries, as query parameters for bodies that contain only entries.

use axum::http::Uri;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Ref, Type, schema::ObjectBuilder};

use crate::api::service::body_room::BodyRoom;
use crate::api::shapes::faults::{Faults, Pointer};
use crate::api::shapes::problem::Problem;
use crate::api::shapes::query::{QueryReader, parameter};
use crate::api::shapes::rules;
use crate::api::shapes::rules::EntryRules;
use crate::api::shapes::schemas;
use crate::api::shapes::vocabulary::{SyncLane, SyncMode, SyncSameUser, SyncTarget, Words as _};
use crate::domain::callback::{CallbackRules, CallbackUrl};
use crate::domain::dates::LatestDate;
use crate::domain::job::{JobSpec, Lane, SameUser};
use crate::domain::{Mode, Owner, Target};

/// The members of a job other than its entries; each may be absent.
#[derive(Debug, Clone)]
pub(in crate::api) struct JobParameters {
    pub(super) target: Option<Target>,
    pub(super) mode: Option<Mode>,
    pub(super) owner: Option<Owner>,
    pub(super) label: Option<Box<str>>,
    pub(super) dry_run: Option<bool>,
    pub(super) lane: Option<Lane>,
    pub(super) callback: Option<CallbackUrl>,
    pub(super) same_user: Option<SameUser>,
    /// The name of the sheet to read from a spreadsheet.
    pub(super) sheet: Option<String>,
    /// The rules for callback URLs.
    pub(super) callbacks: CallbackRules,
    /// The latest permitted date.
    pub(super) latest: LatestDate,
    /// Where the entries take their room.
    pub(super) room: BodyRoom,
}

impl IntoParams for JobParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        vec![
            parameter(
                "target",
                "What is assigned. Required for bodies of lines or rows. A JSON body has this and the other members itself, \
                 which take precedence.",
                Ref::from_schema_name("SyncTarget"),
            ),
            parameter(
                "mode",
                "What the lists of assignments mean. Default `managed`.",
                Ref::from_schema_name("SyncMode"),
            ),
            parameter("owner", schemas::OWNER, schemas::owner()),
            parameter("label", "The caller's name for the job, shown to people.", schemas::label()),
            parameter("dryRun", "Whether to plan only, without any write. Default false.", flag),
            parameter("lane", "The lane of the job. Default `bulk`.", Ref::from_schema_name("SyncLane")),
            parameter(
                "sameUser",
                "How several entries for one user are treated. Without it, the modes `managed` and `replace` refuse them \
                 unless each of them has a date.",
                Ref::from_schema_name("SyncSameUser"),
            ),
            parameter("callbackUrl", schemas::CALLBACK_URL, schemas::callback_url()),
            parameter(
                "sheet",
                "The name of the sheet to read from a spreadsheet. Default: the first visible one.",
                ObjectBuilder::new().schema_type(Type::String),
            ),
        ]
    }
}

impl JobParameters {
    /// Reads the query parameters, or returns all their faults.
    pub(super) fn read(
        uri: &Uri,
        callbacks: CallbackRules,
        latest: LatestDate,
        room: BodyRoom,
    ) -> Result<Self, Problem> {
        let mut query = QueryReader::new(
            uri,
            &["target", "mode", "owner", "label", "dryRun", "lane", "sameUser", "callbackUrl", "sheet"],
        )?;
        let label = |label: &str| rules::text(label, rules::MAX_LABEL_LENGTH).is_ok().then(|| label.into());
        let read = Self {
            target: query.word::<SyncTarget>("target").map(Target::from),
            mode: query.word::<SyncMode>("mode").map(Mode::from),
            owner: query.parsed("owner", "1 to 64 of the characters A to Z, a to z, 0 to 9, -, _ and .", Owner::new),
            label: query.parsed("label", "a text without control characters, neither blank nor too long", label),
            dry_run: query.parsed("dryRun", "true or false", |value| value.parse().ok()),
            lane: query.word::<SyncLane>("lane").map(Lane::from),
            callback: query.checked("callbackUrl", |url| CallbackUrl::new(url, callbacks)),
            same_user: query.word::<SyncSameUser>("sameUser").map(SameUser::from),
            sheet: query.parsed("sheet", "the name of a sheet", |sheet| Some(sheet.to_owned())),
            callbacks,
            latest,
            room,
        };
        query.finish(read)
    }

    /// Returns the job, with defaults for absent members, or `None` without a target.
    pub(super) fn spec(self) -> Option<JobSpec> {
        Some(JobSpec {
            target: self.target?,
            mode: self.mode.unwrap_or(Mode::Managed),
            label: self.label,
            dry_run: self.dry_run.unwrap_or(false),
            lane: self.lane.unwrap_or(Lane::Bulk),
            callback: self.callback,
            same_user: self.same_user.unwrap_or_default(),
            default_proficiency: None,
            owner: self.owner,
        })
    }

    /// Returns the parameters for the validation of the entries.
    pub(super) fn entry_rules(&self) -> EntryRules {
        EntryRules { target: self.target, latest: self.latest }
    }

    /// Returns the mode if it refuses several rows for one user, or `None` if they are permitted.
    pub(super) fn refuses_rows_of_one_user(&self) -> Option<SyncMode> {
        let mode = self.mode.unwrap_or(Mode::Managed);
        self.same_user.unwrap_or_default().refuses_in(mode).then(|| mode.into())
    }

    /// Validates the target and the number of entries of a job that was sent as lines or rows.
    pub(super) fn check(&self, entries: usize, faults: &mut Faults) {
        faults.at_line(None);
        if self.target.is_none() {
            faults.add_parameter("target", format_args!("is missing; give one of {}", SyncTarget::WORDS.join(", ")));
        }
        if entries == 0 {
            faults.add_here("the body must have at least one entry");
        } else if entries > rules::MAX_ENTRIES {
            let most = rules::MAX_ENTRIES;
            faults
                .add_here(format_args!("the body must have at most {most} entries, not {entries}; send several jobs"));
        }
        if let Some(detail) = self.too_many_for_lane(entries) {
            faults.add_parameter("lane", detail);
        }
    }

    /// Returns a fault if the job is interactive but has too many entries for that.
    pub(super) fn too_many_for_lane(&self, entries: usize) -> Option<String> {
        let most = Lane::MAX_INTERACTIVE_ENTRIES;
        (self.lane == Some(Lane::Interactive) && entries > most)
            .then(|| format!("may be interactive for at most {most} entries, not {entries}"))
    }
}

/// The root of pointers within a line.
pub(super) const LINE: Pointer<'static> = Pointer::Root;
