//! A source, compiled from its configuration: who may deliver, how payloads are read, and which assignments follow.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::admission::DeliveryAdmission;
use super::attributes::Attributes;
use super::filter::{self, FilterRunner};
use super::key_rule::KeyRule;
use super::nearest::nearest;
use super::people::Identity;
use super::rules::{Facts, Rules, When};
use super::senders::Sender;
use crate::charset::Charset;
use crate::config::{ConfigError, LeaverConfig, RecordConfig, SourceMode, SourceTarget, WebhookConfig};
use crate::domain::text::{as_it_reads, folded, quoted};
use crate::domain::{Mode, Owner, Proficiency, Target};

/// One source.
#[derive(Debug)]
pub struct Source {
    /// Name in paths, labels and logs.
    pub name: Arc<str>,
    pub(super) sender: &'static Sender,
    /// Whom the assignments belong to.
    pub owner: Owner,
    /// What the source assigns.
    pub target: Target,
    /// Rating of skills that a person newly gets and for which no rule gives one; `None` for that of all jobs.
    pub(super) default_proficiency: Option<Proficiency>,
    /// What the list of a person means.
    pub mode: Mode,
    /// Time zone of dates without an offset.
    pub(super) zone: TimeZone,
    pub(super) admission: DeliveryAdmission,
    pub(super) key_rule: KeyRule,
    pub(super) filter: Option<String>,
    pub(super) runner: FilterRunner,
    pub(super) identity: Option<Identity>,
    /// Attribute that holds the sender's id of a person.
    pub(super) sender_id: Option<String>,
    /// Attributes that a person must have to be mapped.
    pub(super) required: Vec<String>,
    pub(super) leaver: Option<Leaver>,
    /// Folded names of attributes that an export may lack.
    optional: BTreeSet<String>,
    /// Whether the sender omits empty attributes.
    pub(super) omits_empty: bool,
    pub(super) rules: Rules,
    pub(super) record: Option<RecordConfig>,
    /// Charset of files and payloads that do not declare one.
    pub(super) charset: Option<Charset>,
    /// Sheet to read in spreadsheets.
    pub(super) sheet: Option<String>,
}

/// The conditions that identify a leaver.
#[derive(Debug)]
pub(super) struct Leaver {
    pub(super) when: When,
    /// Whether they come from the preset, which knows the sender's attributes but not whether a payload contains them.
    is_preset: bool,
}

/// An attribute that must be known, and the key that needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needed<'s> {
    pub(super) attribute: &'s str,
    pub(super) by: NeededBy<'s>,
}

/// The key that needs an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NeededBy<'s> {
    Leaver,
    Required,
    Rule(&'s str),
    User,
}

impl NeededBy<'_> {
    /// Returns whether `optional` may allow an export to lack the attribute.
    pub(super) fn can_do_without(self) -> bool {
        matches!(self, Self::Leaver | Self::Rule(_))
    }
}

impl fmt::Display for NeededBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaver => f.write_str("leaver"),
            Self::Required => f.write_str("required"),
            Self::Rule(id) => write!(f, "rules.{id}"),
            Self::User => f.write_str("user"),
        }
    }
}

impl Source {
    /// Compiles a source, or returns the error with its key.
    pub fn compile(config: &WebhookConfig, runner: &FilterRunner) -> Result<Self, ConfigError> {
        let identity = config.user.as_ref().map(Identity::compile).transpose();
        let identity = identity.map_err(|problem| config.fault("user", problem))?;
        let filter = config.filter()?;
        let checked = |key: &str, filter: &str| filter::check(filter).map_err(|problem| config.fault(key, problem));
        filter.as_deref().map(|filter| checked("filter", filter)).transpose()?;
        if let Some(record) = &config.record {
            super::record::check(config, record)?;
            record.filter.as_deref().map(|filter| checked("record.filter", filter)).transpose()?;
        }
        if config.sender_id.as_ref().is_some_and(|name| as_it_reads(name).is_empty()) {
            return Err(config.fault("sender_id", "is empty; name the attribute that holds the sender's id"));
        }
        if identity.is_none() && filter.is_none() {
            let problem =
                "is missing; name the attribute that identifies the user, such as { employee_id = \"employeeNumber\" }";
            return Err(config.fault("user", problem));
        }
        let sender = Sender::of(config.preset);
        if sender.sends_ids_only && config.record.is_none() && filter.is_none() {
            let problem = "is missing; this sender only reports who has changed, so their records must be read";
            return Err(config.fault("record", problem));
        }
        let is_preset = config.leaver.is_none();
        let charset = config.charset.as_deref().map(Charset::named).transpose();
        let leaver = match &config.leaver {
            None => sender.leaver(),
            Some(LeaverConfig::Nobody) => None,
            Some(LeaverConfig::When(when)) if when.is_empty() => {
                let problem = "has no condition; write leaver = false if no attribute identifies leavers";
                return Err(config.fault("leaver", problem));
            }
            Some(LeaverConfig::When(when)) => Some(when.clone()),
        };
        let leaver = leaver.as_ref().map(When::compile).transpose();
        let leaver = leaver.map_err(|fault| config.fault(format!("leaver.{}", fault.key), fault.problem))?;
        let rules =
            Rules::compile(&config.rules, config.target).map_err(|fault| config.fault(fault.key, fault.problem))?;
        let source = Self {
            name: config.name.as_str().into(),
            owner: owner(config)?,
            sender,
            target: match config.target {
                SourceTarget::RoutingSkills => Target::RoutingSkills,
                SourceTarget::WfmSkillGroups => Target::WfmSkillGroups,
            },
            mode: match config.mode {
                SourceMode::Add => Mode::Add,
                SourceMode::Managed => Mode::Managed,
                SourceMode::Replace => Mode::Replace,
            },
            zone: time_zone(config)?,
            admission: DeliveryAdmission::compile(config)?,
            key_rule: KeyRule::compile(config)?,
            filter,
            runner: runner.clone(),
            identity,
            sender_id: config.sender_id.clone().or_else(|| sender.id_attribute.map(str::to_owned)),
            required: config.required.clone(),
            leaver: leaver.map(|when| Leaver { when, is_preset }),
            optional: config.optional.iter().map(|name| folded(name)).collect(),
            omits_empty: config.omits_empty,
            default_proficiency: default_proficiency(config)?,
            rules,
            record: config.record.clone(),
            charset: charset.map_err(|unknown| config.fault("charset", unknown.to_string()))?,
            sheet: config.sheet.clone(),
        };
        source.check_optional(config)?;
        Ok(source)
    }

    /// Checks that the source uses every attribute in `optional`, and can do without it.
    fn check_optional(&self, config: &WebhookConfig) -> Result<(), ConfigError> {
        for name in &config.optional {
            let reads = folded(name);
            let is_it = |attribute: &str| folded(attribute) == reads;
            let needed_by = if self.identity.iter().any(|identity| is_it(identity.attribute())) {
                NeededBy::User
            } else if self.required.iter().any(|attribute| is_it(attribute)) {
                NeededBy::Required
            } else if self.attributes().any(is_it) {
                continue;
            } else {
                let nearest =
                    nearest(&reads, self.attributes()).map(|nearest| format!("; did you mean {}?", quoted(nearest)));
                let problem =
                    format!("names {}, which this source does not use{}", quoted(name), nearest.unwrap_or_default());
                return Err(config.fault("optional", problem));
            };
            let problem = format!("names {}, which `{needed_by}` needs, so every export must contain it", quoted(name));
            return Err(config.fault("optional", problem));
        }
        Ok(())
    }

    /// Returns whether `given` is a secret of the path, in constant time; false for senders that sign.
    pub fn is_path_secret(&self, given: &str) -> bool {
        let DeliveryAdmission::Path(secrets) = &self.admission else { return false };
        let same = |secret: &SecretString| secret.expose_secret().as_bytes().ct_eq(given.as_bytes());
        secrets.iter().fold(subtle::Choice::from(0), |found, secret| found | same(secret)).into()
    }

    /// Describes how deliveries are admitted.
    pub fn way_in(&self) -> &'static str {
        match self.admission {
            DeliveryAdmission::Signature(_) => "deliveries are signed",
            DeliveryAdmission::Path(_) => "deliveries have a secret in their path",
            DeliveryAdmission::Nobody => "exports only, because no secret is configured",
        }
    }

    /// Returns whether the sender may give changes dates of its own.
    pub(super) fn tells_dates(&self) -> bool {
        self.filter.is_some() || self.sender.tells_dates
    }

    /// Returns whether the sender's id itself identifies users in Genesys.
    pub(super) fn names_users_by_their_id(&self) -> bool {
        let identity = self.identity.as_ref().map(|identity| folded(identity.attribute()));
        identity.is_some() && identity == self.sender_id.as_deref().map(folded)
    }

    /// Returns the attributes that the source uses; all others are ignored.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &str> {
        let identity = self.identity.iter().map(Identity::attribute);
        let leaver = self.leaver.iter().flat_map(|leaver| leaver.when.attributes());
        let rules = self.rules.attributes().map(|(_, attribute)| attribute);
        let identity = identity.chain(self.sender_id.as_deref());
        identity.chain(self.required.iter().map(String::as_str)).chain(leaver).chain(rules)
    }

    /// Returns the attributes that an export must contain, each with the key that needs it.
    pub(super) fn needed(&self) -> impl Iterator<Item = Needed<'_>> {
        // With a filter, `user` is not needed, because the filter may name users itself.
        let identity = self.identity.iter().filter(|_| self.filter.is_none()).map(Identity::attribute);
        let identity = identity.map(|attribute| Needed { attribute, by: NeededBy::User });
        let required = self.required.iter().map(|attribute| Needed { attribute, by: NeededBy::Required });
        let leaver = self.leaver.iter().filter(|leaver| !leaver.is_preset).flat_map(|leaver| leaver.when.attributes());
        let leaver = leaver.map(|attribute| Needed { attribute, by: NeededBy::Leaver });
        let rules = self.rules.attributes();
        let rules = rules.map(|(rule, attribute)| Needed { attribute, by: NeededBy::Rule(rule) });
        let needed = identity.chain(required).chain(leaver).chain(rules);
        needed.filter(|needed| !self.optional.contains(&*folded(needed.attribute)))
    }

    /// Returns what is known of a person.
    pub(super) fn facts<'a>(&self, attributes: &'a Attributes) -> Facts<'a> {
        Facts { attributes, omits_empty: self.omits_empty }
    }

    /// Returns the unknown attributes of a person without which a rule or the configured `leaver` cannot be decided.
    pub(super) fn unknown<'a>(&'a self, attributes: &'a Attributes) -> BTreeSet<&'a str> {
        let facts = self.facts(attributes);
        let leaver = self.leaver.iter().filter(|leaver| !leaver.is_preset && leaver.when.holds(facts, None).is_none());
        leaver.flat_map(|leaver| leaver.when.unknown(facts)).chain(self.rules.unknown(facts)).collect()
    }

    /// The rules that derive assignments from attributes.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// Returns the owner of what the source assigns.
fn owner(config: &WebhookConfig) -> Result<Owner, ConfigError> {
    let name = config.owner.as_ref().unwrap_or(&config.name);
    Owner::new(name).ok_or_else(|| config.fault("owner", Owner::FORM))
}

/// Compiles the rating of skills for which no rule gives one.
fn default_proficiency(config: &WebhookConfig) -> Result<Option<Proficiency>, ConfigError> {
    let fault = |problem: &str| config.fault("default_proficiency", problem);
    match (config.default_proficiency, config.target) {
        (None, _) => Ok(None),
        (Some(_), SourceTarget::WfmSkillGroups) => Err(fault("a skill group has no proficiency; remove the key")),
        (Some(value), SourceTarget::RoutingSkills) => {
            Proficiency::new(value).map(Some).ok_or_else(|| fault("must be from 0.0 to 5.0"))
        }
    }
}

/// Returns the configured time zone, by default UTC.
fn time_zone(config: &WebhookConfig) -> Result<TimeZone, ConfigError> {
    let Some(name) = &config.time_zone else { return Ok(TimeZone::UTC) };
    TimeZone::get(name.trim()).map_err(|_| {
        config.fault(
            "time_zone",
            format!("{name:?} is not the name of a time zone in the IANA database, such as Europe/Berlin"),
        )
    })
}
