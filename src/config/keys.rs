//! Table of all configuration keys with their meaning, from which the example and the reference are generated.
//!
//! The tests keep the table complete: one asks the configuration itself which keys it knows and names any that is
//! missing here, another compares every default listed here with the real one.

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
#[derive(Debug, Clone, Copy)]
pub(super) struct ConfigKey {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) about: &'static str,
}

/// One table of the configuration file with its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    /// Header of the table in the file: `[server]`, or `[[server.api_keys]]` for an array of tables.
    pub(super) head: &'static str,
    pub(super) about: &'static str,
    /// Whether the whole table may be omitted, because none of its keys is required.
    pub(super) optional: bool,
    pub(super) keys: &'static [ConfigKey],
}

const fn needed(name: &'static str, value: &'static str, about: &'static str) -> ConfigKey {
    ConfigKey { name, value: Value::Needed(value), about }
}

const fn default(name: &'static str, value: &'static str, about: &'static str) -> ConfigKey {
    ConfigKey { name, value: Value::Default(value), about }
}

const fn optional(name: &'static str, value: &'static str, about: &'static str) -> ConfigKey {
    ConfigKey { name, value: Value::Optional(value), about }
}

pub(super) const SECTIONS: &[Section] = &[
    Section {
        head: "[genesys]",
        about: "The Genesys Cloud org and the OAuth client that skillsync uses. The client needs the client credentials grant\n\
                and the permissions directory:user:view and routing:skill:view. The target routingSkills also needs\n\
                routing:skill:assign, plus routing:skill:create or routing:skill:manage for sync.create_missing_skills. The\n\
                target wfmSkillGroups also needs routing:skillGroup:view.",
        optional: false,
        keys: &[
            needed(
                "region",
                "\"eu-central-1\"",
                "Name of the AWS region, or a base domain such as \"mypurecloud.de\".",
            ),
            optional(
                "api_url",
                "\"https://api.mypurecloud.de\"",
                "Base URL of the API; replaces region, together with login_url.",
            ),
            optional(
                "login_url",
                "\"https://login.mypurecloud.de\"",
                "Base URL of the login service; replaces region, together with api_url.",
            ),
            needed("client_id", "\"00000000-0000-0000-0000-000000000000\"", "Id of the OAuth client."),
            needed("client_secret", "\"change me\"", "Secret of the OAuth client. Prefer client_secret_file."),
            optional(
                "client_secret_file",
                "\"/run/secrets/genesys\"",
                "File that contains the secret; replaces client_secret.",
            ),
            default(
                "limits",
                "\"10/1s, 300/60s\"",
                "Calls per time window; all windows apply. Genesys permits an OAuth client 300 calls per minute by \
                 default.",
            ),
            default("max_in_flight", "10", "Maximum number of concurrent calls to Genesys."),
            optional("proxy", "\"http://proxy.example:3128\"", "HTTP proxy for every connection to Genesys."),
            optional(
                "ca_file",
                "\"/etc/ssl/proxy.pem\"",
                "PEM file of CA certificates to trust in addition to those of the system.",
            ),
            default("connect_timeout", "\"10s\"", "Timeout for opening a connection."),
            default(
                "attempt_timeout",
                "\"60s\"",
                "Timeout for one call, from sending it to the last byte of its response.",
            ),
            default(
                "wfm_path",
                "\"/api/v2/wfm/users/{userId}/assignments\"",
                "Path of a user's WFM assignments at the partner endpoint; must contain {userId}.",
            ),
            default("version_header", "\"If-Match\"", "Request header that carries the version of a WFM write."),
            default(
                "unversioned_writes",
                "false",
                "Write WFM assignments even if the endpoint returns no version. Changes made by others may be lost.",
            ),
            optional(
                "skill_division",
                "\"6d2bd3a4-0f5c-4f0e-9a53-5b6b1f8f7a11\"",
                "Division of the skills that skillsync creates; without it, that of the OAuth client.",
            ),
        ],
    },
    Section {
        head: "[server]",
        about: "The HTTP server: where it listens, its limits and timeouts.",
        optional: true,
        keys: &[
            default(
                "listen",
                "\"127.0.0.1:8080\"",
                "Address and port to listen on. Any address other than loopback requires server.api_keys.",
            ),
            default(
                "shutdown_grace",
                "\"30s\"",
                "How long a shutdown waits for work in progress; a second signal cuts the wait short.",
            ),
            default(
                "max_memory_bytes",
                "1073741824",
                "Memory that the process may use: 5/16 for jobs, 3/16 for deliveries and 2/16 for other request \
                 bodies while they are read.",
            ),
            optional(
                "max_body_bytes",
                "67108864",
                "Largest request body, both as sent and after decompression; a larger one gets 413. By default 1/16 of \
                 max_memory_bytes, at most 64 MiB.",
            ),
            default("request_timeout", "\"60s\"", "Timeout for reading and answering a request."),
            default(
                "trusted_proxies",
                "[]",
                "Addresses or networks of proxies whose X-Forwarded-For header is trusted; used for the audit record.",
            ),
            default("requests_per_second", "100", "Requests per second for each API key; any more get 429."),
            default(
                "max_connections",
                "1024",
                "Maximum number of open connections. At the limit, a connection that waits for its peer is closed to \
                 admit a new one.",
            ),
            optional(
                "max_streams",
                "512",
                "Maximum number of concurrent event streams and long polls. By default half of max_connections.",
            ),
            default(
                "max_open_entries",
                "1000000",
                "Maximum number of open entries in all jobs together; submissions beyond it get 503.",
            ),
            default("open_metrics", "false", "Serve /metrics without an API key."),
        ],
    },
    Section {
        head: "[[server.api_keys]]",
        about: "API keys, one table per key. Without any, only local callers are admitted. To create a key:\n\
                openssl rand -hex 32 | tee key | tr -d '\\n' | sha256sum",
        optional: true,
        keys: &[
            optional(
                "name",
                "\"hr-export\"",
                "Name of the key's holder, as it appears in logs and in the audit record.",
            ),
            optional(
                "sha256",
                "\"0000000000000000000000000000000000000000000000000000000000000000\"",
                "SHA-256 of the key in hexadecimal; the key itself never appears in the configuration.",
            ),
            optional("role", "\"submit\"", "read, submit (read, and submit or cancel jobs) or admin (everything)."),
            optional("targets", "[\"routingSkills\"]", "Targets that the key may change. By default all."),
            optional("modes", "[\"add\", \"managed\"]", "Modes of the jobs that the key may submit. By default all."),
            optional("sources", "[\"workday\"]", "Restricts the key to importing exports of these sources."),
            optional("expires", "\"2027-12-31T00:00:00Z\"", "Time from which the key is no longer accepted."),
        ],
    },
    Section {
        head: "[sync]",
        about: "How jobs are executed.",
        optional: true,
        keys: &[
            default("patience", "\"24h\"", "How long an entry waits for Genesys to become available before it fails."),
            default(
                "future_tolerance",
                "\"10m\"",
                "How far the date of a change may lie in the future. A job with a later date is rejected; a delivery \
                 or an export is dated to the time it arrives.",
            ),
            default(
                "conflict_patience",
                "\"2m\"",
                "How long to wait, in total, for the conflicts of one user to clear.",
            ),
            default(
                "conflict_attempts",
                "10",
                "Maximum number of refused writes for one user before its entries fail.",
            ),
            default(
                "write_without_read",
                "true",
                "Write without reading first if the version is known and the target checks versions.",
            ),
            default(
                "managed",
                "[]",
                "Names or ids of assignments that mode managed may remove, regardless of who assigned them.",
            ),
            default(
                "create_missing_skills",
                "0",
                "Maximum number of missing routing skills that skillsync creates for one job; 0 disables it. If a \
                 job lacks more, none are created. A skill whose name looks like an existing one is never created.",
            ),
            default(
                "hold_users_percent",
                "20",
                "Hold a job that would remove assignments from more than this percentage of its users, until an \
                 operator applies or cancels it; 100 disables the check.",
            ),
            default(
                "hold_skill_percent",
                "50",
                "Hold a job that would remove one skill from more than this percentage of its holders, both among \
                 the job's users and among all known holders in the org; 100 disables the check.",
            ),
            default(
                "hold_users_min",
                "20",
                "Losses of fewer users than this never hold a job, where only the job's own users are counted.",
            ),
            default(
                "hold_floor",
                "5",
                "Losses of fewer users than this never hold a job, where users would be left without any assignment \
                 or where all holders of a skill in the org are counted.",
            ),
            default(
                "hold_skill_left",
                "2",
                "Hold a job of any size that would leave a skill with fewer known holders in the org than this, if \
                 two or more users lose it within a day; 0 disables the check.",
            ),
        ],
    },
    Section {
        head: "[journal]",
        about: "The journal: everything that survives a restart.",
        optional: true,
        keys: &[
            default("enabled", "true", "If false, everything is kept in memory and lost at a restart."),
            default(
                "path",
                "\"./skillsync-data\"",
                "Folder for the journal's files only; one process may use it at a time.",
            ),
            default(
                "retention",
                "\"7d\"",
                "How long a job stays readable after it has ended. A job with an idempotency key stays at least as \
                 long as the key, a held job until an operator decides.",
            ),
            default("audit_retention", "\"365d\"", "How long audit records are kept; see GET /v1/audit."),
            default(
                "max_bytes",
                "8589934592",
                "Maximum size of the journal. Once nine tenths are in use, new jobs get 503; the last tenth is \
                 reserved for outcomes.",
            ),
        ],
    },
    Section {
        head: "[callbacks]",
        about: "Signed messages (Standard Webhooks) to the caller when a job ends or is held. See docs/CALLBACKS.md.",
        optional: true,
        keys: &[
            optional("url", "\"https://hr.example.com/skillsync\"", "Receiver of callbacks for jobs that name none."),
            optional(
                "secret",
                "\"whsec_bm90IGEgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2g=\"",
                "Secret that signs the messages, created by: echo whsec_$(openssl rand -base64 32). Prefer \
                 secret_file.",
            ),
            optional("secret_file", "\"/run/secrets/callbacks\"", "File that contains the secret; replaces secret."),
            default("allow_http", "false", "Allow callbacks over plain HTTP."),
            default("allow_private_networks", "false", "Allow callbacks to this machine and to private networks."),
        ],
    },
    Section {
        head: "[telemetry]",
        about: "Export of traces to an OpenTelemetry collector. docs/OPERATIONS.md describes the content of a span.",
        optional: true,
        keys: &[
            optional(
                "otlp_endpoint",
                "\"http://localhost:4318\"",
                "Base URL of a collector that accepts OTLP over HTTP; skillsync appends /v1/traces. Without it, \
                 nothing is exported.",
            ),
            default("service_name", "\"skillsync\"", "Name of this service in the exported traces."),
        ],
    },
    Section {
        head: "[[webhooks]]",
        about: "HR systems that send data to skillsync, one table per source. docs/HRIS.md also describes the nested keys;\n\
                examples/hris/ has a configuration for each sender.",
        optional: true,
        keys: &[
            optional(
                "name",
                "\"hr\"",
                "Name of the source, used in the paths /v1/webhooks/{name} and /v1/imports/{name}.",
            ),
            optional(
                "preset",
                "\"bamboohr\"",
                "The sender: standardWebhooks, bamboohr, hibob, merge, finch, personio, workday or generic.",
            ),
            optional("target", "\"routingSkills\"", "What is assigned: routingSkills or wfmSkillGroups."),
            optional("mode", "\"managed\"", "What the list of a person means: managed (default), add or replace."),
            optional(
                "secret",
                "\"change me\"",
                "Secret with which the sender signs its deliveries. Prefer secret_file.",
            ),
            optional("secret_file", "\"/run/secrets/hr\"", "File that contains the secret; replaces secret."),
            optional(
                "previous_secret",
                "\"changed\"",
                "Secret that is accepted as well, while the sender changes to a new one.",
            ),
            optional(
                "previous_secret_file",
                "\"/run/secrets/hr-before\"",
                "File that contains it; replaces previous_secret.",
            ),
            optional("time_zone", "\"Europe/Berlin\"", "Time zone of dates without an offset. By default UTC."),
            optional(
                "tolerance",
                "\"5m\"",
                "How far the time of a signature may differ from now. By default that of the preset.",
            ),
            optional("signature", "{ header = \"x-signature\" }", "How a generic sender signs its deliveries."),
            optional(
                "dedupe",
                "{ header = \"x-delivery-id\" }",
                "What identifies a delivery of a generic or workday sender, so that a repeated one is recognised.",
            ),
            optional("user", "{ email = \"workEmail\" }", "Attribute that identifies the user in Genesys."),
            optional(
                "sender_id",
                "\"id\"",
                "Attribute that holds the sender's id of a person. By default that of the preset.",
            ),
            optional(
                "filter",
                "\".people\"",
                "jq filter that turns the payload into people; replaces the reader of the preset.",
            ),
            optional("filter_file", "\"/etc/skillsync/people.jq\"", "File that contains the filter; replaces filter."),
            optional(
                "required",
                "[\"jobTitle\"]",
                "Attributes that a person must have; a person without them is reported and not mapped.",
            ),
            optional(
                "optional",
                "[\"region\"]",
                "Attributes that an export may lack although rules or leaver use them.",
            ),
            optional(
                "omits_empty",
                "true",
                "The sender omits empty attributes, so a missing attribute counts as empty rather than unknown.",
            ),
            optional(
                "leaver",
                "{ any = [{ attr = \"status\", eq = \"Inactive\" }] }",
                "Conditions on attributes that identify a leaver. By default those of the preset; false disables them.",
            ),
            optional(
                "rules",
                "[{ id = \"agents\", when = { all = [{ attr = \"jobTitle\", eq = \"Agent\" }] }, assign = [{ skill = \"Billing\" }] }]",
                "Rules that derive assignments from attributes.",
            ),
            optional(
                "record",
                "{ url = \"https://hr.example.com/people/{id}\" }",
                "Where to read a person's record, for senders that only report who has changed.",
            ),
            optional(
                "charset",
                "\"windows-1252\"",
                "Charset of files and payloads that do not declare one. By default UTF-8.",
            ),
            optional("sheet", "\"People\"", "Sheet of a spreadsheet to read. By default the first visible one."),
        ],
    },
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
        parts.extend(section.keys.iter().map(|key| comment(key.about) + &line(key)));
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
