//! Every key with what it means: the example configuration is written from this.
//!
//! A test asks the configuration itself which keys it knows, so that one that is added there and not here fails it by
//! name; another reads every default that is written here and holds it against the real one.

/// What stands behind a key in the example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// Has to be given: stands in the example as it is.
    Needed(&'static str),
    /// The default, as TOML: stands in the example as a comment.
    Default(&'static str),
    /// There is no default; this is what one could look like.
    Optional(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConfigKey {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) about: &'static str,
}

/// The keys of one table of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    /// Its head in the file: `[server]`, or `[[server.api_keys]]` for one of several.
    pub(super) head: &'static str,
    pub(super) about: &'static str,
    /// Whether the whole table may be left out and has nothing that is needed.
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
        about: "The org, and who we are to it. The OAuth client needs the client credentials grant and the permissions\n\
                directory:user:view, routing:skill:view; for routingSkills routing:skill:assign, and routing:skill:create or\n\
                routing:skill:manage for sync.create_missing_skills; for wfmSkillGroups routing:skillGroup:view.",
        optional: false,
        keys: &[
            needed("region", "\"eu-central-1\"", "A named region, or a base domain such as \"mypurecloud.de\"."),
            optional("api_url", "\"https://api.mypurecloud.de\"", "Instead of a region, together with login_url."),
            optional("login_url", "\"https://login.mypurecloud.de\"", "Instead of a region, together with api_url."),
            needed("client_id", "\"00000000-0000-0000-0000-000000000000\"", "The id of the OAuth client."),
            needed("client_secret", "\"change me\"", "Its secret. Better: client_secret_file."),
            optional("client_secret_file", "\"/run/secrets/genesys\"", "A file that holds the secret, in its place."),
            default(
                "limits",
                "\"10/1s, 300/60s\"",
                "Calls a window; all of them hold. 300 a minute is what Genesys permits an OAuth client by default.",
            ),
            default("max_in_flight", "10", "Calls under way at once."),
            optional("proxy", "\"http://proxy.example:3128\"", "An HTTP proxy for every connection to Genesys."),
            optional("ca_file", "\"/etc/ssl/proxy.pem\"", "Certificates (PEM) trusted besides those of the machine."),
            default("connect_timeout", "\"10s\"", "How long a connection may take to come about."),
            default("attempt_timeout", "\"60s\"", "How long one call may take, to the last byte of its answer."),
            default(
                "wfm_path",
                "\"/api/v2/wfm/users/{userId}/assignments\"",
                "Path of a user's WFM assignments at the partner endpoint.",
            ),
            default("version_header", "\"If-Match\"", "The header that carries the version of a WFM write."),
            default(
                "unversioned_writes",
                "false",
                "Write WFM assignments also where the endpoint gives no version: changes of others may be lost.",
            ),
            optional(
                "skill_division",
                "\"6d2bd3a4-0f5c-4f0e-9a53-5b6b1f8f7a11\"",
                "The division of skills that are created; without it they are in the division of the OAuth client.",
            ),
        ],
    },
    Section {
        head: "[server]",
        about: "Who may call us, and where.",
        optional: true,
        keys: &[
            default("listen", "\"127.0.0.1:8080\"", "Address and port. Others than loopback take server.api_keys."),
            default(
                "shutdown_grace",
                "\"30s\"",
                "How long what is in flight may take to finish at a stop; a second signal cuts it short.",
            ),
            default(
                "max_memory_bytes",
                "1073741824",
                "What the process may take: 5/16 for jobs, 3/16 for deliveries and 2/16 for other bodies while they are read.",
            ),
            optional(
                "max_body_bytes",
                "67108864",
                "Larger submissions get 413, also once they are decompressed; a sixteenth of the memory if not given, at \
                 most 64 MiB.",
            ),
            default("request_timeout", "\"60s\"", "How long a request may take to be read and answered."),
            default(
                "trusted_proxies",
                "[]",
                "Addresses or networks of proxies whose X-Forwarded-For is believed, for the audit record.",
            ),
            default("requests_per_second", "100", "Of each key; more get 429."),
            default(
                "max_connections",
                "1024",
                "Open at once. When there are as many, one whose peer does not go on makes room for the next.",
            ),
            optional(
                "max_streams",
                "512",
                "Event streams and waiting polls at once; half of the connections if not given.",
            ),
            default("max_open_entries", "1000000", "Entries that have not ended; beyond that submissions get 503."),
            default("open_metrics", "false", "Whether /metrics may be read without a key."),
        ],
    },
    Section {
        head: "[[server.api_keys]]",
        about: "Who may call us; one table a key, none: only this machine. To make one:\n\
                openssl rand -hex 32 | tee key | tr -d '\\n' | sha256sum",
        optional: true,
        keys: &[
            optional("name", "\"hr-export\"", "Who holds it, for logs."),
            optional(
                "sha256",
                "\"0000000000000000000000000000000000000000000000000000000000000000\"",
                "The SHA-256 of the key; the key itself is nowhere in the configuration.",
            ),
            optional("role", "\"submit\"", "read; submit: also submitting and cancelling; admin: everything."),
            optional("targets", "[\"routingSkills\"]", "What it may change; anything if not given."),
            optional("modes", "[\"add\", \"managed\"]", "Modes of the jobs that it may submit; any if not given."),
            optional("sources", "[\"workday\"]", "Sources whose exports it may import, and nothing else then."),
            optional("expires", "\"2027-12-31T00:00:00Z\"", "From then on it is not a key any more."),
        ],
    },
    Section {
        head: "[sync]",
        about: "How jobs are carried out.",
        optional: true,
        keys: &[
            default("patience", "\"24h\"", "How long an entry waits for Genesys to be available."),
            default(
                "future_tolerance",
                "\"10m\"",
                "How far the date of a change may lie ahead of now. Beyond it a job is refused; a webhook or an export is taken as of now.",
            ),
            default("conflict_patience", "\"2m\"", "How long conflicts of one user are waited out."),
            default("conflict_attempts", "10", "Writes at most for one user."),
            default("write_without_read", "true", "Write at once where the version is known and checked."),
            default("managed", "[]", "Names or ids of skills that count as ours, whoever assigned them."),
            default(
                "create_missing_skills",
                "0",
                "Routing skills that Genesys lacks and that one job may have created; of a job that lacks more, none is, and none of a name that looks like one which is there.",
            ),
            default(
                "hold_users_percent",
                "20",
                "A job that would take something away from more of its users is held until somebody decides; 100: never.",
            ),
            default(
                "hold_skill_percent",
                "50",
                "The same for one skill: of the job's users who have it, and of all in the org who are known to.",
            ),
            default(
                "hold_users_min",
                "20",
                "Fewer users than these are never too many, as far as only the job's own users are counted.",
            ),
            default(
                "hold_floor",
                "5",
                "Fewer users than these are never too many, also where they would be left with nothing, or where all in the org who have a skill are counted.",
            ),
            default(
                "hold_skill_left",
                "2",
                "A job of any size that would leave a skill to fewer users in the org is held, if several people lose it within a day; 0: never.",
            ),
        ],
    },
    Section {
        head: "[journal]",
        about: "What survives a restart.",
        optional: true,
        keys: &[
            default("enabled", "true", "false keeps everything in memory: a restart forgets it."),
            default("path", "\"./skillsync-data\"", "A folder of its own; one process has it at a time."),
            default(
                "retention",
                "\"7d\"",
                "How long a job can be read after it has ended; one sent under a key at least as long as the key, a held one until it is decided.",
            ),
            default("audit_retention", "\"365d\"", "How long it is kept who asked for what; see GET /v1/audit."),
            default(
                "max_bytes",
                "8589934592",
                "The largest that it may become; new jobs get 503 when nine tenths are in use.",
            ),
        ],
    },
    Section {
        head: "[callbacks]",
        about: "Signed messages (Standard Webhooks) to whoever asked for one, when a job ends or is held: docs/CALLBACKS.md.",
        optional: true,
        keys: &[
            optional("url", "\"https://hr.example.com/skillsync\"", "Who is told of jobs that name nobody themselves."),
            optional(
                "secret",
                "\"whsec_bm90IGEgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2g=\"",
                "What messages are signed with: echo whsec_$(openssl rand -base64 32). Better: secret_file.",
            ),
            optional("secret_file", "\"/run/secrets/callbacks\"", "A file that holds the secret, in its place."),
            default("allow_http", "false", "Whether messages may go over plain HTTP."),
            default("allow_private_networks", "false", "Whether they may go to this machine and to private networks."),
        ],
    },
    Section {
        head: "[telemetry]",
        about: "Traces for an OpenTelemetry collector: docs/OPERATIONS.md has what a span holds.",
        optional: true,
        keys: &[
            optional(
                "otlp_endpoint",
                "\"http://localhost:4318\"",
                "Where a collector takes OTLP over HTTP; /v1/traces is added. Without it nothing is exported.",
            ),
            default("service_name", "\"skillsync\"", "What this service is called there."),
        ],
    },
    Section {
        head: "[[webhooks]]",
        about: "An HR system that sends to us; one table a source. docs/HRIS.md has every key below these, and\n\
                examples/hris/ a configuration for each sender.",
        optional: true,
        keys: &[
            optional("name", "\"hr\"", "Its place in /v1/webhooks/{name} and /v1/imports/{name}."),
            optional(
                "preset",
                "\"bamboohr\"",
                "standardWebhooks, bamboohr, hibob, merge, finch, personio, workday or generic.",
            ),
            optional("target", "\"routingSkills\"", "routingSkills or wfmSkillGroups."),
            optional("mode", "\"managed\"", "managed (if not given), add or replace."),
            optional("secret", "\"change me\"", "What the sender signs with. Better: secret_file."),
            optional("secret_file", "\"/run/secrets/hr\"", "A file that holds it, in its place."),
            optional(
                "previous_secret",
                "\"changed\"",
                "One that is good as well, while the sender moves to a new one.",
            ),
            optional("previous_secret_file", "\"/run/secrets/hr-before\"", "A file that holds it."),
            optional("time_zone", "\"Europe/Berlin\"", "Whose local time its dates without an offset are; else UTC."),
            optional("tolerance", "\"5m\"", "How far the time of a signature may lie from now; else the preset's."),
            optional("signature", "{ header = \"x-signature\" }", "How a generic sender signs."),
            optional("dedupe", "{ header = \"x-delivery-id\" }", "What tells deliveries of a generic sender apart."),
            optional("user", "{ email = \"workEmail\" }", "Which attribute names the user at Genesys."),
            optional("sender_id", "\"id\"", "Which attribute is the sender's own id of a person; else the preset's."),
            optional(
                "filter",
                "\".people\"",
                "A jq filter from the payload to people, instead of the preset's reading.",
            ),
            optional("filter_file", "\"/etc/skillsync/people.jq\"", "A file that holds it."),
            optional("required", "[\"jobTitle\"]", "Attributes without which a person is not mapped but reported."),
            optional(
                "optional",
                "[\"region\"]",
                "Attributes that an export may lack although rules or leaver name them.",
            ),
            optional(
                "omits_empty",
                "true",
                "The sender leaves out what is empty, so that what is missing is empty and not unknown.",
            ),
            optional(
                "leaver",
                "{ any = [{ attr = \"status\", eq = \"Inactive\" }] }",
                "Who has left, by attributes; else the preset's. false: nobody.",
            ),
            optional(
                "rules",
                "[{ id = \"agents\", when = { all = [{ attr = \"jobTitle\", eq = \"Agent\" }] }, assign = [{ skill = \"Billing\" }] }]",
                "Attributes to assignments.",
            ),
            optional(
                "record",
                "{ url = \"https://hr.example.com/people/{id}\" }",
                "Where a person's record is read, for senders that only say who has changed.",
            ),
            optional(
                "charset",
                "\"windows-1252\"",
                "What its files and payloads are in that do not say it themselves; UTF-8 if not given.",
            ),
            optional(
                "sheet",
                "\"People\"",
                "Which sheet of a spreadsheet is read; the first that is shown if not given.",
            ),
        ],
    },
];

const HEAD: &str = "\
# The configuration of skillsync: every key with its default. What is not a comment has to be given.
# Each key can also be given in the environment, as SKILLSYNC__SECTION__KEY.
# Written by `skillsync config --example`.
";

/// The example configuration: what has to be given, and every other key as a comment with its default.
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
