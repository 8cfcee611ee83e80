//! All configuration keys, from which the example and the reference are generated: their names and meanings are the
//! fields of the configuration with their doc comments, and this adds what to show as the value of each.
//!
//! The tests keep the list complete: one asks the configuration itself which keys it knows and names any that is
//! missing here, another compares every default listed here with the real one.

use documented::DocumentedFields;

use super::{
    ApiKeyConfig, CallbacksConfig, GenesysConfig, JournalConfig, ServerConfig, SyncConfig, TelemetryConfig,
    WebhookConfig,
};

/// Value shown for a key in the example configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// Required: the example sets the key to this value.
    Needed(&'static str),
    /// The default, as TOML: the example shows it commented out.
    Default(&'static str),
    /// The key has no default; the example shows this sample value commented out.
    Optional(&'static str),
}

/// One configuration key.
#[derive(Debug)]
pub(super) struct ConfigKey {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) about: String,
}

/// One table of the configuration file with its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    /// Header of the table in the file: `[server]`, or `[[server.api_keys]]` for an array of tables.
    pub(super) head: &'static str,
    pub(super) about: &'static str,
    /// Whether the whole table may be omitted, because none of its keys is required.
    pub(super) optional: bool,
    /// The fields of the struct that is read from it.
    names: &'static [&'static str],
    /// Their doc comments.
    docs: &'static [&'static str],
    /// What to show for each key.
    values: &'static [(&'static str, Value)],
}

/// Describes the table that is read as `C`.
const fn section<C: DocumentedFields>(
    head: &'static str,
    about: &'static str,
    optional: bool,
    values: &'static [(&'static str, Value)],
) -> Section {
    Section { head, about, optional, names: C::FIELD_NAMES, docs: C::FIELD_DOCS, values }
}

impl Section {
    /// Returns its keys, in the order of the fields. Fields that are tables of their own have no value here.
    pub(super) fn keys(&self) -> impl Iterator<Item = ConfigKey> {
        self.names.iter().zip(self.docs).filter_map(|(name, docs)| {
            let (_, value) = self.values.iter().find(|(of, _)| of == name)?;
            Some(ConfigKey { name, value: *value, about: docs.replace('\n', " ") })
        })
    }
}

pub(super) const SECTIONS: &[Section] = &[
    section::<GenesysConfig>(
        "[genesys]",
        "The Genesys Cloud org and the OAuth client that skillsync uses. The client needs the client credentials grant\n\
                and the permissions directory:user:view and routing:skill:view. The target routingSkills also needs\n\
                routing:skill:assign, plus routing:skill:create or routing:skill:manage for sync.create_missing_skills. The\n\
                target wfmSkillGroups also needs routing:skillGroup:view.",
        false,
        &[
            ("region", Value::Needed("\"eu-central-1\"")),
            ("api_url", Value::Optional("\"https://api.mypurecloud.de\"")),
            ("login_url", Value::Optional("\"https://login.mypurecloud.de\"")),
            ("client_id", Value::Needed("\"00000000-0000-0000-0000-000000000000\"")),
            ("client_secret", Value::Needed("\"change me\"")),
            ("client_secret_file", Value::Optional("\"/run/secrets/genesys\"")),
            ("limits", Value::Default("\"10/1s, 300/60s\"")),
            ("max_in_flight", Value::Default("10")),
            ("proxy", Value::Optional("\"http://proxy.example:3128\"")),
            ("ca_file", Value::Optional("\"/etc/ssl/proxy.pem\"")),
            ("connect_timeout", Value::Default("\"10s\"")),
            ("attempt_timeout", Value::Default("\"60s\"")),
            ("wfm_path", Value::Default("\"/api/v2/wfm/users/{userId}/assignments\"")),
            ("version_header", Value::Default("\"If-Match\"")),
            ("unversioned_writes", Value::Default("false")),
            ("skill_division", Value::Optional("\"6d2bd3a4-0f5c-4f0e-9a53-5b6b1f8f7a11\"")),
        ],
    ),
    section::<ServerConfig>(
        "[server]",
        "The HTTP server: where it listens, its limits and timeouts.",
        true,
        &[
            ("listen", Value::Default("\"127.0.0.1:8080\"")),
            ("shutdown_grace", Value::Default("\"30s\"")),
            ("max_memory_bytes", Value::Default("1073741824")),
            ("max_body_bytes", Value::Optional("67108864")),
            ("request_timeout", Value::Default("\"60s\"")),
            ("trusted_proxies", Value::Default("[]")),
            ("requests_per_second", Value::Default("100")),
            ("max_connections", Value::Default("1024")),
            ("max_streams", Value::Optional("512")),
            ("max_open_entries", Value::Default("1000000")),
            ("open_metrics", Value::Default("false")),
        ],
    ),
    section::<ApiKeyConfig>(
        "[[server.api_keys]]",
        "API keys, one table per key. Without any, only local callers are admitted. To create a key:\n\
                openssl rand -hex 32 | tee key | tr -d '\\n' | sha256sum",
        true,
        &[
            ("name", Value::Optional("\"hr-export\"")),
            ("sha256", Value::Optional("\"0000000000000000000000000000000000000000000000000000000000000000\"")),
            ("role", Value::Optional("\"submit\"")),
            ("targets", Value::Optional("[\"routingSkills\"]")),
            ("modes", Value::Optional("[\"add\", \"managed\"]")),
            ("sources", Value::Optional("[\"workday\"]")),
            ("owners", Value::Optional("[\"lms\"]")),
            ("expires", Value::Optional("\"2027-12-31T00:00:00Z\"")),
        ],
    ),
    section::<SyncConfig>(
        "[sync]",
        "How jobs are executed.",
        true,
        &[
            ("patience", Value::Default("\"24h\"")),
            ("future_tolerance", Value::Default("\"10m\"")),
            ("conflict_patience", Value::Default("\"2m\"")),
            ("conflict_attempts", Value::Default("10")),
            ("write_without_read", Value::Default("true")),
            ("default_proficiency", Value::Default("0.0")),
            ("managed", Value::Default("[]")),
            ("create_missing_skills", Value::Default("0")),
            ("hold_users_percent", Value::Default("20")),
            ("hold_skill_percent", Value::Default("50")),
            ("hold_users_min", Value::Default("20")),
            ("hold_floor", Value::Default("5")),
            ("hold_skill_left", Value::Default("2")),
        ],
    ),
    section::<JournalConfig>(
        "[journal]",
        "The journal: everything that survives a restart.",
        true,
        &[
            ("enabled", Value::Default("true")),
            ("path", Value::Default("\"./skillsync-data\"")),
            ("retention", Value::Default("\"7d\"")),
            ("audit_retention", Value::Default("\"365d\"")),
            ("max_bytes", Value::Default("8589934592")),
        ],
    ),
    section::<CallbacksConfig>(
        "[callbacks]",
        "Signed messages (Standard Webhooks) to the caller when a job ends or is held. See docs/CALLBACKS.md.",
        true,
        &[
            ("url", Value::Optional("\"https://hr.example.com/skillsync\"")),
            ("secret", Value::Optional("\"whsec_bm90IGEgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2g=\"")),
            ("secret_file", Value::Optional("\"/run/secrets/callbacks\"")),
            ("allow_http", Value::Default("false")),
            ("allow_private_networks", Value::Default("false")),
        ],
    ),
    section::<TelemetryConfig>(
        "[telemetry]",
        "Export of traces to an OpenTelemetry collector. docs/OPERATIONS.md describes the content of a span.",
        true,
        &[
            ("otlp_endpoint", Value::Optional("\"http://localhost:4318\"")),
            ("service_name", Value::Default("\"skillsync\"")),
        ],
    ),
    section::<WebhookConfig>(
        "[[webhooks]]",
        "HR systems that send data to skillsync, one table per source. docs/HRIS.md also describes the nested keys;\n\
                examples/hris/ has a configuration for each sender.",
        true,
        &[
            ("name", Value::Optional("\"hr\"")),
            ("preset", Value::Optional("\"bamboohr\"")),
            ("target", Value::Optional("\"routingSkills\"")),
            ("owner", Value::Optional("\"hr\"")),
            ("default_proficiency", Value::Optional("3.0")),
            ("mode", Value::Optional("\"managed\"")),
            ("secret", Value::Optional("\"change me\"")),
            ("secret_file", Value::Optional("\"/run/secrets/hr\"")),
            ("previous_secret", Value::Optional("\"changed\"")),
            ("previous_secret_file", Value::Optional("\"/run/secrets/hr-before\"")),
            ("time_zone", Value::Optional("\"Europe/Berlin\"")),
            ("tolerance", Value::Optional("\"5m\"")),
            ("signature", Value::Optional("{ header = \"x-signature\" }")),
            ("dedupe", Value::Optional("{ header = \"x-delivery-id\" }")),
            ("user", Value::Optional("{ email = \"workEmail\" }")),
            ("sender_id", Value::Optional("\"id\"")),
            ("filter", Value::Optional("\".people\"")),
            ("filter_file", Value::Optional("\"/etc/skillsync/people.jq\"")),
            ("required", Value::Optional("[\"jobTitle\"]")),
            ("optional", Value::Optional("[\"region\"]")),
            ("omits_empty", Value::Optional("true")),
            ("leaver", Value::Optional("{ any = [{ attr = \"status\", eq = \"Inactive\" }] }")),
            (
                "rules",
                Value::Optional(
                    "[{ id = \"agents\", when = { all = [{ attr = \"jobTitle\", eq = \"Agent\" }] }, assign = [{ skill = \"Billing\" }] }]",
                ),
            ),
            ("record", Value::Optional("{ url = \"https://hr.example.com/people/{id}\" }")),
            ("charset", Value::Optional("\"windows-1252\"")),
            ("sheet", Value::Optional("\"People\"")),
        ],
    ),
];

const HEAD: &str = "\
# The configuration of skillsync: every key with its default. Keys that are not commented out are required.
# An environment variable SKILLSYNC__SECTION__KEY overrides the key in this file.
# Generated by `skillsync config --example`.
";

/// Returns the example configuration: required keys are set, every other key is commented out with its default.
pub fn example() -> String {
    let mut parts = vec![HEAD.to_owned()];
    for section in SECTIONS {
        let head = if section.optional { comment(section.head) } else { format!("{}\n", section.head) };
        parts.push(comment(section.about) + &head);
        parts.extend(section.keys().map(|key| comment(&key.about) + &line(&key)));
    }
    parts.join("\n")
}

fn line(key: &ConfigKey) -> String {
    match key.value {
        Value::Needed(value) => format!("{} = {value}\n", key.name),
        Value::Default(value) | Value::Optional(value) => format!("# {} = {value}\n", key.name),
    }
}

fn comment(text: &str) -> String {
    format!("# {}\n", text.replace('\n', "\n# "))
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
