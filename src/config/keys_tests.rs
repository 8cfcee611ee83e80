//! Compares the table of keys with the configuration itself.

use std::collections::BTreeSet;

use figment::error::Kind;

use super::*;
use crate::config::Config;

const MINIMAL: &str = "[genesys]\nregion = 'eu-central-1'\nclient_id = 'x'\nclient_secret = 'y'\n";

/// Returns the keys that a table of the configuration knows, found out with a key that it does not know.
fn known_in(head: &str) -> BTreeSet<String> {
    let text = match head {
        "" => format!("unknown_key = 1\n{MINIMAL}"),
        "[genesys]" => format!("{MINIMAL}unknown_key = 1\n"),
        head => format!("{MINIMAL}{head}\nunknown_key = 1\n"),
    };
    let Err(crate::config::ConfigError::Unreadable(error)) = Config::from_toml(&text) else {
        panic!("{head} takes an unknown key")
    };
    let Kind::UnknownField(_, known) = error.kind else { panic!("{head}: {error}") };
    known.iter().map(|name| (*name).to_owned()).collect()
}

/// Returns the keys that the table of keys lists for a table of the file, including nested tables.
fn listed_in(head: &str) -> BTreeSet<String> {
    let path = head.trim_matches(['[', ']']);
    let keys = SECTIONS.iter().filter(|section| section.head == head).flat_map(Section::keys);
    let below = SECTIONS.iter().filter_map(|section| {
        let inner = section.head.trim_matches(['[', ']']);
        let (outer, name) = inner.rsplit_once('.').unwrap_or(("", inner));
        (outer == path).then(|| name.to_owned())
    });
    keys.map(|key| key.name.to_owned()).chain(below).collect()
}

#[test]
fn every_key_of_the_configuration_is_in_the_table() {
    for head in std::iter::once("").chain(SECTIONS.iter().map(|section| section.head)) {
        let (known, listed) = (known_in(head), listed_in(head));
        let missing: Vec<_> = known.difference(&listed).collect();
        assert!(
            missing.is_empty(),
            "{head}: add a value for {missing:?} to src/config/keys.rs, and regenerate the example"
        );
        let gone: Vec<_> = listed.difference(&known).collect();
        assert!(gone.is_empty(), "{head}: {gone:?} is no longer a key; remove it from src/config/keys.rs");
    }
}

#[test]
fn every_value_belongs_to_a_key() {
    for section in SECTIONS {
        let of_none = section.values.iter().map(|(name, _)| *name).find(|name| !section.names.contains(name));
        assert_eq!(of_none, None, "{}: this is not a field of the configuration", section.head);
    }
}

#[test]
fn the_defaults_in_the_table_are_the_real_ones() {
    let mut text = MINIMAL.to_owned();
    for section in SECTIONS {
        if section.head != "[genesys]" {
            text = [&text, section.head, "\n"].concat();
        }
        let defaults = section.keys().filter_map(|key| match key.value {
            Value::Default(value) => Some(format!("{} = {value}\n", key.name)),
            Value::Needed(_) | Value::Optional(_) => None,
        });
        let mut defaults = defaults.peekable();
        if section.head.starts_with("[[") && defaults.peek().is_none() {
            text = text.trim_end().trim_end_matches(section.head).to_owned();
        }
        text.extend(defaults);
    }
    let (bare, full) = (Config::from_toml(MINIMAL).unwrap(), Config::from_toml(&text).unwrap());
    assert_eq!(format!("{bare:#?}"), format!("{full:#?}"));
}

#[test]
fn the_example_is_good_as_it_is_and_as_it_is_committed() {
    Config::from_toml(&example()).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/skillsync.toml");
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == example(),
        "examples/skillsync.toml is not what the keys say: run `cargo run -- config --example > examples/skillsync.toml`"
    );
}

#[test]
fn the_page_about_the_configuration_is_what_the_keys_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIGURATION.md");
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == crate::config::reference(),
        "docs/CONFIGURATION.md is not what the keys say: run `cargo run -- config --reference > docs/CONFIGURATION.md`"
    );
}
