//! `[[webhooks.rules]]`: which assignments follow from which attributes, and `leaver`: from which it follows that somebody has left.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// One rule: who is meant, and what they are assigned.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// `id`: goes with each assignment that follows from it.
    pub id: String,
    /// `when`: who is meant; everybody if not given.
    #[serde(default)]
    pub when: WhenConfig,
    /// `assign`: what they are assigned.
    pub assign: Vec<AssignConfig>,
    /// `split_on`: takes values that are lists in one text apart before they are compared.
    #[serde(alias = "splitOn")]
    pub split_on: Option<String>,
}

/// Conditions on attributes; of the lists that are given, all must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenConfig {
    /// `when.all`: each of them holds.
    pub all: Option<Vec<ConditionConfig>>,
    /// `when.any`: at least one of them holds.
    pub any: Option<Vec<ConditionConfig>>,
    /// `when.not`: none of them holds.
    pub not: Option<Vec<ConditionConfig>>,
}

impl WhenConfig {
    /// Whether it names no condition at all.
    pub fn is_empty(&self) -> bool {
        [&self.all, &self.any, &self.not].into_iter().flatten().all(Vec::is_empty)
    }
}

/// Who has left, as far as attributes tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaverConfig {
    /// `leaver = false`: nobody.
    Nobody,
    When(WhenConfig),
}

impl<'de> Deserialize<'de> for LeaverConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LeaverVisitor)
    }
}

struct LeaverVisitor;

impl<'de> Visitor<'de> for LeaverVisitor {
    type Value = LeaverConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("conditions like { any = [{ attr = \"status\", eq = \"Inactive\" }] }, or false")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<LeaverConfig, E> {
        if flag {
            Err(E::custom("true says nothing of who has left: write conditions, or false"))
        } else {
            Ok(LeaverConfig::Nobody)
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LeaverConfig, A::Error> {
        WhenConfig::deserialize(MapAccessDeserializer::new(map)).map(LeaverConfig::When)
    }
}

/// One condition: `attr` and exactly one of the others. Texts are compared trimmed and without case; of several values
/// one is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionConfig {
    /// `attr`: the name of the attribute.
    pub attr: String,
    /// `eq`: is this text.
    pub eq: Option<String>,
    /// `in`: is one of these texts.
    pub r#in: Option<Vec<String>>,
    /// `prefix`: begins with this text.
    pub prefix: Option<String>,
    /// `regex`: contains what this regular expression describes; anchor it with `^` and `$` for the whole.
    pub regex: Option<String>,
    /// `exists`: has a value, or has none.
    pub exists: Option<bool>,
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignConfig {
    /// `skill`: name or id of the skill or skill group.
    pub skill: String,
    /// `proficiency`: 0.0 to 5.0, of routing skills only.
    pub proficiency: Option<f64>,
}
