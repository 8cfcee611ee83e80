//! `[[webhooks.rules]]` derives assignments from attributes; `leaver` recognises people who have left.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// One rule: the people it applies to, and what it assigns to them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// `id`: name of the rule, reported with each assignment that it yields.
    pub id: String,
    /// `when`: people the rule applies to; by default everyone.
    #[serde(default)]
    pub when: WhenConfig,
    /// `assign`: what the rule assigns.
    pub assign: Vec<AssignConfig>,
    /// `split_on`: separator that splits one text into several values before they are compared.
    #[serde(alias = "splitOn")]
    pub split_on: Option<String>,
}

/// Conditions on attributes; all of the given lists must be satisfied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenConfig {
    /// `when.all`: every condition holds.
    pub all: Option<Vec<ConditionConfig>>,
    /// `when.any`: at least one condition holds.
    pub any: Option<Vec<ConditionConfig>>,
    /// `when.not`: no condition holds.
    pub not: Option<Vec<ConditionConfig>>,
}

impl WhenConfig {
    /// Returns whether there is no condition at all.
    pub fn is_empty(&self) -> bool {
        [&self.all, &self.any, &self.not].into_iter().flatten().all(Vec::is_empty)
    }
}

/// Who counts as a leaver because of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaverConfig {
    /// `leaver = false`: no one.
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
        f.write_str("conditions such as { any = [{ attr = \"status\", eq = \"Inactive\" }] }, or false")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<LeaverConfig, E> {
        if flag {
            Err(E::custom("true does not say who has left; give conditions, or false"))
        } else {
            Ok(LeaverConfig::Nobody)
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LeaverConfig, A::Error> {
        WhenConfig::deserialize(MapAccessDeserializer::new(map)).map(LeaverConfig::When)
    }
}

/// One condition: `attr` and exactly one of the other keys. Texts are compared trimmed and ignoring case; if an
/// attribute has several values, one match is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionConfig {
    /// `attr`: the name of the attribute.
    pub attr: String,
    /// `eq`: the value equals this text.
    pub eq: Option<String>,
    /// `in`: the value equals one of these texts.
    pub r#in: Option<Vec<String>>,
    /// `prefix`: the value begins with this text.
    pub prefix: Option<String>,
    /// `regex`: the value contains a match of this regular expression; anchor it with `^` and `$` to match the whole
    /// value.
    pub regex: Option<String>,
    /// `exists`: the attribute has a value (`true`), or has none (`false`).
    pub exists: Option<bool>,
}

/// One assignment that a rule yields.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignConfig {
    /// `skill`: name or id of the skill or skill group.
    pub skill: String,
    /// `proficiency`: rating from 0.0 to 5.0; routing skills only.
    pub proficiency: Option<f64>,
}
