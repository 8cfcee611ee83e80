//! `[[webhooks]]`: HR systems that send to us, and what follows from what they send.
//!
//! What is checked here is what the keys say of each other. Whether rules, filters and templates make sense is for the
//! module that compiles them.

mod record;
mod rules;
mod signature;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

pub use self::record::{FetchMethod, RecordConfig};
pub use self::rules::{AssignConfig, ConditionConfig, LeaverConfig, RuleConfig, WhenConfig};
pub use self::signature::{DedupeConfig, SignatureAlgorithm, SignatureConfig, SignatureEncoding, SignatureKey};
use super::ConfigError;
use crate::charset;

/// Which sender's habits a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Preset {
    StandardWebhooks,
    #[serde(rename = "bamboohr")]
    BambooHr,
    #[serde(rename = "hibob")]
    HiBob,
    Merge,
    Finch,
    Personio,
    Workday,
    Generic,
}

/// What is written for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceTarget {
    RoutingSkills,
    WfmSkillGroups,
}

/// What the assignments that follow from the rules mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceMode {
    /// Have these too; nothing is ever taken away, also from leavers.
    Add,
    /// Have these, and of the rest lose what skillsync assigned.
    #[default]
    Managed,
    /// Have exactly these.
    Replace,
}

/// One source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// `name`: its place in the paths `/v1/webhooks/{name}` and `/v1/imports/{name}`, and in the labels of its jobs.
    pub name: String,
    /// `preset`: `standardWebhooks`, `bamboohr`, `hibob`, `merge`, `finch`, `personio`, `workday` or `generic`.
    pub preset: Preset,
    /// `target`: `routingSkills` or `wfmSkillGroups`.
    pub target: SourceTarget,
    /// `mode`: `managed` (default), `add` or `replace`.
    #[serde(default)]
    pub mode: SourceMode,
    /// `secret`: what the sender signs with; for senders that do not sign, the last segment of the path.
    secret: Option<SecretString>,
    /// `secret_file`: a file that holds it.
    secret_file: Option<PathBuf>,
    /// `previous_secret`: one that is good as well, while the sender moves to a new one.
    previous_secret: Option<SecretString>,
    /// `previous_secret_file`: a file that holds it.
    previous_secret_file: Option<PathBuf>,
    /// `time_zone`: the IANA name of the zone whose local time dates without an offset are; UTC if not given.
    pub time_zone: Option<String>,
    /// `tolerance`: how far the time of a signature may lie from now; the preset's if not given.
    #[serde(default, deserialize_with = "optional_duration")]
    pub tolerance: Option<Duration>,
    /// `signature`: how a `generic` sender signs, or a `workday` one that does.
    pub signature: Option<SignatureConfig>,
    /// `dedupe`: what tells deliveries of a `generic` sender apart; else what is signed beside the body, or, where a filter
    /// reads it, the digest of the body.
    pub dedupe: Option<DedupeConfig>,
    /// `user`: which attribute names the user at Genesys. A filter may name users itself.
    pub user: Option<UserConfig>,
    /// `sender_id`: which attribute is the sender's own id of a person; the preset's if not given.
    pub sender_id: Option<String>,
    /// `filter`: a jq filter from the payload to people, instead of the preset's reading.
    filter: Option<String>,
    /// `filter_file`: a file that holds it.
    filter_file: Option<PathBuf>,
    /// `required`: attributes without which a person is not mapped but reported.
    #[serde(default)]
    pub required: Vec<String>,
    /// `optional`: attributes that an export may lack although rules or `leaver` name them.
    #[serde(default)]
    pub optional: Vec<String>,
    /// `omits_empty`: the sender leaves out what is empty, so that a missing attribute is empty and not unknown.
    #[serde(default)]
    pub omits_empty: bool,
    /// `leaver`: who has left, by attributes; the preset's if not given, nobody if `false`.
    pub leaver: Option<LeaverConfig>,
    /// `rules`: attributes to assignments.
    #[serde(default)]
    pub rules: Vec<RuleConfig>,
    /// `record`: where the record of a person is read, for senders that only say who has changed.
    pub record: Option<RecordConfig>,
    /// `charset`: what the files and payloads are in that do not say it themselves; UTF-8 if not given.
    pub charset: Option<String>,
    /// `sheet`: which sheet of a spreadsheet is read; the first that is shown if not given.
    pub sheet: Option<String>,
}

/// `user`: exactly one of `email`, `employee_id` and `external_id`, each the name of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// `user.email`.
    pub email: Option<String>,
    /// `user.employee_id`.
    pub employee_id: Option<String>,
    /// `user.external_id`, with `user.authority`.
    pub external_id: Option<String>,
    /// `user.authority`: who gave the external ids.
    pub authority: Option<String>,
}

impl WebhookConfig {
    /// The secrets, the current one first.
    pub fn secrets(&self) -> Result<Vec<SecretString>, ConfigError> {
        let current = self.secret("secret", self.secret.as_ref(), self.secret_file.as_deref())?;
        let previous =
            self.secret("previous_secret", self.previous_secret.as_ref(), self.previous_secret_file.as_deref())?;
        if current.is_none() && previous.is_some() {
            return Err(self.fault("secret", "is missing, while previous_secret is given"));
        }
        Ok([current, previous].into_iter().flatten().collect())
    }

    /// The filter, if there is one.
    pub fn filter(&self) -> Result<Option<String>, ConfigError> {
        match (&self.filter, &self.filter_file) {
            (Some(_), Some(_)) => Err(self.fault("filter", "is given as well as filter_file")),
            (Some(filter), None) => Ok(Some(filter.clone())),
            (None, Some(file)) => self.content("filter_file", file).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Something is wrong with a key of this source.
    pub fn fault(&self, key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
        ConfigError::Webhook { source_name: self.name.clone(), key: key.into(), problem: problem.into() }
    }

    fn secret(
        &self,
        key: &str,
        text: Option<&SecretString>,
        file: Option<&Path>,
    ) -> Result<Option<SecretString>, ConfigError> {
        match (text, file) {
            (Some(_), Some(_)) => Err(self.fault(key, format!("is given as well as {key}_file"))),
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, Some(file)) => {
                self.content(&format!("{key}_file"), file).map(|text| Some(text.trim().to_owned().into()))
            }
            (None, None) => Ok(None),
        }
    }

    /// What a file holds, without the mark that editors put at its beginning.
    fn content(&self, key: &str, file: &Path) -> Result<String, ConfigError> {
        charset::text_of_file(file).map_err(|error| self.fault(key, format!("{}: {error}", file.display())))
    }
}

/// Names must be told apart, and be what they are in a path without escapes.
pub(super) fn check(sources: &[WebhookConfig]) -> Result<(), ConfigError> {
    let mut names = BTreeSet::new();
    for source in sources {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if source.name.is_empty() || source.name.len() > 64 || !source.name.chars().all(plain) {
            return Err(source.fault("name", "must be 1 to 64 of the characters a to z, 0 to 9, - and _"));
        }
        if !names.insert(&source.name) {
            return Err(source.fault("name", "is given twice"));
        }
        source.secrets()?;
        source.filter()?;
    }
    Ok(())
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parse = |text: String| {
        super::parse_duration(&text)
            .ok_or_else(|| de::Error::custom(format!("{text:?} is not a duration like 500ms, 2m or 24h")))
    };
    text.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use crate::config::Config;

    #[test]
    fn a_secret_in_a_file_is_what_editors_leave_of_it() {
        let file = std::env::temp_dir().join(format!("skillsync-secret-{}", uuid::Uuid::new_v4()));
        for text in ["k3y", "k3y\n", "k3y\r\n", "\u{feff}k3y\r\n", "\u{feff} k3y \n\n"] {
            std::fs::write(&file, text).unwrap();
            let toml = format!(
                "[genesys]\nregion = 'eu-central-1'\nclient_id = 'i'\nclient_secret = 's'\n[[webhooks]]\nname = 'hr'\n\
                 preset = 'merge'\ntarget = 'routingSkills'\nuser = {{ email = 'e' }}\nsecret_file = '{}'",
                file.display()
            );
            let secrets = Config::from_toml(&toml).unwrap().webhooks.remove(0).secrets().unwrap();
            assert_eq!(secrets.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(), ["k3y"], "{text:?}");
        }
        std::fs::remove_file(file).unwrap();
    }
}
