//! The configuration for readers: a table of every key, written from the same list as the example.

use super::keys::{ConfigKey, SECTIONS, Section, Value};

const HEAD: &str = "\
# Configuration

`skillsync serve` reads `skillsync.toml` in the working directory, or the file of `--config`. Each key can also be given in
the environment, as `SKILLSYNC__SECTION__KEY`, which wins over the file. An unknown key, or two that contradict each other,
end the start with an error that names them. `skillsync config` says whether a start could use a configuration, with the same
error if not: it reads the files that are named, and makes rules, filters, signatures and connections of it as the start does.
Whether the journal can be opened is for `skillsync check`, which also tries the configuration out against Genesys.
`examples/skillsync.toml` is a file with every key to start from.

This page is written by `skillsync config --reference`.
";

/// Every key with its default and its meaning, as Markdown.
pub fn reference() -> String {
    std::iter::once(HEAD.to_owned()).chain(SECTIONS.iter().map(section)).collect::<Vec<_>>().join("\n")
}

fn section(section: &Section) -> String {
    let rows = section.keys.iter().map(row).collect::<String>();
    format!("## `{}`\n\n{}\n\n| key | default | |\n|---|---|---|\n{rows}", section.head, section.about)
}

fn row(key: &ConfigKey) -> String {
    let value = match key.value {
        Value::Needed(value) => format!("none, has to be given: `{value}`"),
        Value::Default(value) => format!("`{value}`"),
        Value::Optional(value) => format!("none; for example `{value}`"),
    };
    format!("| `{}` | {} | {} |\n", key.name, value.replace('|', "\\|"), key.about.replace('|', "\\|"))
}
