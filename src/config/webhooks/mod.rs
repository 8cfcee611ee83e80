//! `[[webhooks]]`: HR systems that send data to skillsync, and what follows from that data.
//!
//! This module checks how the keys relate to each other. Rules, filters and templates are checked by the modules that
//! compile them.

mod record;
mod rules;
mod signature;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use documented::DocumentedFields;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

pub use self::record::{FetchMethod, RecordConfig};
pub use self::rules::{AssignConfig, ConditionConfig, LeaverConfig, RuleConfig, WhenConfig};
pub use self::signature::{DedupeConfig, SignatureAlgorithm, SignatureConfig, SignatureEncoding, SignatureKey};
use super::ConfigError;
use crate::charset;

/// The sender whose payloads and habits a source has.
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

/// What a source assigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceTarget {
    RoutingSkills,
    WfmSkillGroups,
}

/// What the list of assignments that the rules yield means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceMode {
    /// Adds the listed assignments; nothing is ever removed, not even from leavers.
    Add,
    /// Assigns the listed ones, and removes the rest of what skillsync assigned.
    #[default]
    Managed,
    /// Leaves the person with exactly the listed assignments.
    Replace,
}

/// One source.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Name of the source, used in the paths /v1/webhooks/{name} and /v1/imports/{name}.
    pub name: String,
    /// The sender: standardWebhooks, bamboohr, hibob, merge, finch, personio, workday or generic.
    pub preset: Preset,
    /// What is assigned: routingSkills or wfmSkillGroups.
    pub target: SourceTarget,
    /// Owner of what the source assigns. Sources with the same owner take away what the other assigned. By default the
    /// name of the source.
    pub owner: Option<String>,
    /// Proficiency of a skill that a person newly gets and for which the rule gives none. By default
    /// `sync.default_proficiency`.
    pub default_proficiency: Option<f64>,
    /// What the list of a person means: managed (default), add or replace.
    #[serde(default)]
    pub mode: SourceMode,
    /// Secret with which the sender signs its deliveries; for senders that do not sign, the last segment of the path.
    /// Prefer `secret_file`.
    secret: Option<SecretString>,
    /// File that contains the secret; replaces secret.
    secret_file: Option<PathBuf>,
    /// Secret that is accepted as well, while the sender changes to a new one.
    previous_secret: Option<SecretString>,
    /// File that contains it; replaces `previous_secret`.
    previous_secret_file: Option<PathBuf>,
    /// Time zone of dates without an offset. By default UTC.
    pub time_zone: Option<String>,
    /// How far the time of a signature may differ from now. By default that of the preset.
    #[serde(default, deserialize_with = "optional_duration")]
    pub tolerance: Option<Duration>,
    /// How a generic sender, or a workday sender that signs, signs its deliveries.
    pub signature: Option<SignatureConfig>,
    /// What identifies a delivery of a generic or workday sender, so that a repeated one is recognised. By default what is
    /// signed besides the body or, with a filter, the digest of the body.
    pub dedupe: Option<DedupeConfig>,
    /// Attribute that identifies the user in Genesys; a filter may name users itself.
    pub user: Option<UserConfig>,
    /// Attribute that holds the sender's id of a person. By default that of the preset.
    pub sender_id: Option<String>,
    /// jq filter that turns the payload into people; replaces the reader of the preset.
    filter: Option<String>,
    /// File that contains the filter; replaces filter.
    filter_file: Option<PathBuf>,
    /// Attributes that a person must have; a person without them is reported and not mapped.
    #[serde(default)]
    pub required: Vec<String>,
    /// Attributes that an export may lack although rules or leaver use them.
    #[serde(default)]
    pub optional: Vec<String>,
    /// The sender omits empty attributes, so a missing attribute counts as empty rather than unknown.
    #[serde(default)]
    pub omits_empty: bool,
    /// Conditions on attributes that identify a leaver. By default those of the preset; false disables them.
    pub leaver: Option<LeaverConfig>,
    /// Rules that derive assignments from attributes.
    #[serde(default)]
    pub rules: Vec<RuleConfig>,
    /// Where to read a person's record, for senders that only report who has changed.
    pub record: Option<RecordConfig>,
    /// Charset of files and payloads that do not declare one. By default UTF-8.
    pub charset: Option<String>,
    /// Sheet of a spreadsheet to read. By default the first visible one.
    pub sheet: Option<String>,
}

/// `user`: exactly one of `email`, `employee_id` and `external_id`, each the name of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// `user.email`: attribute with the e-mail address.
    pub email: Option<String>,
    /// `user.employee_id`: attribute with the employee id.
    pub employee_id: Option<String>,
    /// `user.external_id`: attribute with the external id; requires `user.authority`.
    pub external_id: Option<String>,
    /// `user.authority`: authority that issued the external ids.
    pub authority: Option<String>,
}

impl WebhookConfig {
    /// Returns the secrets, the current one first.
    pub fn secrets(&self) -> Result<Vec<SecretString>, ConfigError> {
        let current = self.secret("secret", self.secret.as_ref(), self.secret_file.as_deref())?;
        let previous =
            self.secret("previous_secret", self.previous_secret.as_ref(), self.previous_secret_file.as_deref())?;
        if current.is_none() && previous.is_some() {
            return Err(self.fault("secret", "is missing, but previous_secret is set"));
        }
        Ok([current, previous].into_iter().flatten().collect())
    }

    /// Returns the jq filter, if one is configured.
    pub fn filter(&self) -> Result<Option<String>, ConfigError> {
        match (&self.filter, &self.filter_file) {
            (Some(_), Some(_)) => Err(self.fault("filter", "conflicts with filter_file; set only one of them")),
            (Some(filter), None) => Ok(Some(filter.clone())),
            (None, Some(file)) => self.content("filter_file", file).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Builds the error for a problem with a key of this source.
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
            (Some(_), Some(_)) => Err(self.fault(key, format!("conflicts with {key}_file; set only one of them"))),
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, Some(file)) => {
                self.content(&format!("{key}_file"), file).map(|text| Some(text.trim().to_owned().into()))
            }
            (None, None) => Ok(None),
        }
    }

    /// Returns the content of a file, without a leading byte order mark.
    fn content(&self, key: &str, file: &Path) -> Result<String, ConfigError> {
        charset::text_of_file(file).map_err(|error| self.fault(key, format!("{}: {error}", file.display())))
    }
}

/// Checks that names are unique, and that they need no escaping in a path.
pub(super) fn check(sources: &[WebhookConfig]) -> Result<(), ConfigError> {
    let mut names = BTreeSet::new();
    for source in sources {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if source.name.is_empty() || source.name.len() > 64 || !source.name.chars().all(plain) {
            return Err(source.fault("name", "must consist of 1 to 64 of the characters a to z, 0 to 9, - and _"));
        }
        if !names.insert(&source.name) {
            return Err(source.fault("name", "is used by more than one source"));
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
            .ok_or_else(|| de::Error::custom(format!("{text:?} is not a duration such as 500ms, 2m or 24h")))
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
