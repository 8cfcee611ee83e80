//! `[sync]`: how jobs are executed.

use std::num::NonZeroU32;
use std::time::Duration;

use documented::DocumentedFields;
use serde::{Deserialize, Deserializer, de};

use super::duration;

/// `[sync]`: how jobs are executed.
#[derive(Debug, Clone, Deserialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct SyncConfig {
    /// How long an entry waits for Genesys to become available before it fails.
    #[serde(deserialize_with = "duration")]
    pub patience: Duration,
    /// How far the date of a change may lie in the future. A job with a later date is rejected; a delivery or an export
    /// is dated to the time it arrives.
    #[serde(deserialize_with = "duration")]
    pub future_tolerance: Duration,
    /// How long to wait, in total, for the conflicts of one user to clear.
    #[serde(deserialize_with = "duration")]
    pub conflict_patience: Duration,
    /// Maximum number of refused writes for one user before its entries fail.
    pub conflict_attempts: NonZeroU32,
    /// Write without reading first if the version is known and the target checks versions.
    pub write_without_read: bool,
    /// Proficiency of a skill that a user newly gets and that is listed without one, from 0 to 5; a user who has the skill
    /// keeps the proficiency.
    #[serde(deserialize_with = "proficiency")]
    pub default_proficiency: f64,
    /// Names or ids of assignments that mode managed may remove, regardless of who assigned them.
    pub managed: Vec<String>,
    /// Maximum number of missing routing skills that skillsync creates for one job; 0 disables it. If a job lacks more,
    /// none are created. A skill whose name looks like an existing one is never created.
    pub create_missing_skills: u32,
    /// Hold a job that would remove assignments from more than this percentage of its users, until an operator applies
    /// or cancels it; 100 disables the check.
    #[serde(deserialize_with = "percent")]
    pub hold_users_percent: u8,
    /// Hold a job that would remove one skill from more than this percentage of its holders, both among the job's users
    /// and among all known holders in the org; 100 disables the check.
    #[serde(deserialize_with = "percent")]
    pub hold_skill_percent: u8,
    /// Losses of fewer users than this never hold a job, where only the job's own users are counted.
    pub hold_users_min: u32,
    /// Losses of fewer users than this never hold a job, where users would be left without any assignment or where all
    /// holders of a skill in the org are counted.
    pub hold_floor: u32,
    /// Hold a job of any size that would leave a skill with fewer known holders in the org than this, if two or more
    /// users lose it within a day; 0 disables the check.
    pub hold_skill_left: u32,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(24 * 3600),
            future_tolerance: Duration::from_secs(600),
            conflict_patience: Duration::from_secs(120),
            conflict_attempts: NonZeroU32::MIN.saturating_add(9),
            write_without_read: true,
            default_proficiency: 0.0,
            managed: Vec::new(),
            create_missing_skills: 0,
            hold_users_percent: 20,
            hold_users_min: 20,
            hold_skill_percent: 50,
            hold_floor: 5,
            hold_skill_left: 2,
        }
    }
}

/// Deserializes a whole number from 0 to 100.
fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let percent = u8::deserialize(deserializer)?;
    if percent > 100 {
        return Err(de::Error::custom(format!("{percent} is not a percentage from 0 to 100")));
    }
    Ok(percent)
}

/// Deserializes a proficiency.
pub(super) fn proficiency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let proficiency = f64::deserialize(deserializer)?;
    if !(0.0..=5.0).contains(&proficiency) {
        return Err(de::Error::custom(format!("{proficiency} is not a proficiency from 0 to 5")));
    }
    Ok(proficiency)
}
