//! Keeps the shape of the house: a module names only modules below it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules that it may name, `docs/ARCHITECTURE.md` says why.
const MAY_NAME: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "app",
            "api",
            "genesys",
            "hris",
            "journal",
            "domain",
            "charset",
            "clock",
            "compression",
            "config",
            "lifecycle",
            "metrics",
            "private_file",
            "retry_after",
            "table",
            "telemetry",
            "terminal",
        ],
    ),
    (
        "app",
        &[
            "api",
            "callback",
            "genesys",
            "hris",
            "engine",
            "journal",
            "domain",
            "backoff",
            "clock",
            "config",
            "lifecycle",
            "metrics",
        ],
    ),
    (
        "api",
        &[
            "charset",
            "compression",
            "table",
            "hris",
            "engine",
            "journal",
            "domain",
            "clock",
            "lifecycle",
            "metrics",
            "telemetry",
        ],
    ),
    ("callback", &["engine", "domain", "backoff", "clock", "lifecycle", "outbound", "retry_after"]),
    (
        "genesys",
        &["engine", "domain", "address", "backoff", "clock", "lifecycle", "metrics", "outbound", "retry_after"],
    ),
    (
        "hris",
        &["charset", "table", "engine", "journal", "domain", "address", "clock", "config", "lifecycle", "outbound"],
    ),
    ("engine", &["journal", "domain", "backoff", "clock", "lifecycle", "metrics"]),
    ("journal", &["domain", "metrics", "private_file"]),
    ("domain", &[]),
    ("address", &[]),
    ("backoff", &[]),
    ("clock", &[]),
    ("charset", &["compression"]),
    ("compression", &[]),
    ("table", &["charset", "compression", "domain"]),
    ("config", &["address", "charset", "private_file"]),
    ("lifecycle", &[]),
    ("metrics", &[]),
    ("outbound", &[]),
    ("private_file", &[]),
    ("retry_after", &[]),
    ("telemetry", &["outbound", "terminal"]),
    ("terminal", &[]),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The stations of folders, each of which names only those before it. The face of a folder, its `mod.rs`, hands their names on.
const STATIONS: &[(&str, &[&str])] = &[
    (
        "api",
        &[
            "shapes",
            "listener",
            "callers",
            "service",
            "updates",
            "context",
            "submission",
            "layers",
            "document",
            "routes",
            "router",
        ],
    ),
    (
        "engine",
        &[
            "port",
            "estimate",
            "job",
            "user",
            "org",
            "core",
            "conclusion",
            "prepare",
            "reconcile",
            "tasks",
            "accept",
            "queries",
            "start",
        ],
    ),
];

/// The first path segments after `crate::` in a file, comments and links in docs left out.
fn named_in(text: &str) -> impl Iterator<Item = String> {
    named_below("crate::", text)
}

/// The same after `root`.
fn named_below(root: &str, text: &str) -> impl Iterator<Item = String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(move |line| line.split(root).skip(1)).flat_map(|rest| {
        let group = rest.strip_prefix('{').map(|group| group.split('}').next().unwrap_or_default());
        let first = |path: &str| path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        match group {
            Some(group) => group.split(',').map(first).collect::<Vec<String>>(),
            None => vec![first(rest)],
        }
    })
}

#[test]
fn a_module_names_only_modules_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut faults = Vec::new();
    for file in files {
        let place = file.strip_prefix(&source).unwrap();
        let module = place.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let Some((_, may_name)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            assert!(["lib", "main"].contains(&module), "{module} has no place in the house; give it one");
            continue;
        };
        for named in named_in(&fs::read_to_string(&file).unwrap()) {
            let is_module = MAY_NAME.iter().any(|(name, _)| *name == named);
            if is_module && named != module && !may_name.contains(&named.as_str()) {
                faults.push(format!("{} names {named}", place.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_station_names_only_stations_before_it() {
    let mut faults = Vec::new();
    for (folder, stations) in STATIONS {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let mut files = Vec::new();
        rust_files(&source, &mut files);
        for file in files {
            let place = file.strip_prefix(&source).unwrap();
            let station = place.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
            if place == Path::new("mod.rs")
                || station == "tests"
                || place.file_name().is_some_and(|name| name == "tests.rs" || name == "room_tests.rs")
            {
                continue;
            }
            let floor = stations.iter().position(|known| *known == station);
            let floor = floor.unwrap_or_else(|| panic!("{folder}/{station} is no station; give it a place"));
            for named in named_below(&format!("crate::{folder}::"), &fs::read_to_string(&file).unwrap()) {
                if stations.iter().position(|known| *known == named).is_none_or(|other| other > floor) {
                    faults.push(format!("{folder}/{} names {named}", place.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_engine_is_known_to_its_implementor_by_the_port_alone() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/genesys");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    for file in files {
        for line in fs::read_to_string(&file).unwrap().lines().filter(|line| line.contains("crate::engine::")) {
            let allowed = line.contains("engine::port");
            assert!(allowed, "{}: {line}", file.display());
        }
    }
}

/// The compiler holds that the simulator knows nothing of the client; this, that only what runs it knows the simulator.
#[test]
fn only_the_command_line_and_the_composition_know_the_simulator() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let knows_it = |file: &&PathBuf| fs::read_to_string(file).unwrap().contains("genesys_simulator");
    let knowing = files.iter().filter(knows_it).map(|file| file.strip_prefix(&source).unwrap());
    let others: Vec<_> = knowing.filter(|file| !file.starts_with("cli") && !file.starts_with("app.rs")).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Types that have the name of another one, with the reason.
const HOMONYMS: &[(&str, &str)] = &[];

#[test]
fn no_two_types_have_one_name() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for file in files {
        let place = file.strip_prefix(&source).unwrap().display().to_string();
        let is_test = ["tests", "properties"].iter().any(|word| place.contains(word));
        if is_test {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines() {
            let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let is_item = !line.starts_with(' ') && !line.starts_with("//");
            let kind = words.iter().position(|word| ["struct", "enum", "trait"].contains(word)).filter(|_| is_item);
            if let Some(name) = kind.and_then(|kind| words.get(kind + 1)) {
                places.entry((*name).to_owned()).or_default().push(place.clone());
            }
        }
    }
    assert!(places.len() > 500, "the types are found: {}", places.len());
    places.retain(|name, places| places.len() > 1 && !HOMONYMS.iter().any(|(known, _)| known == name));
    assert!(places.is_empty(), "{places:#?}");
}

/// What the pages for those who work on the code point at is there.
#[test]
fn the_glossary_and_the_recipes_name_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for page in ["docs/GLOSSARY.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for path in text.split('`').filter(|code| code.starts_with("src/") || code.starts_with("tests/")) {
            assert!(root.join(path).exists(), "{page} names {path}");
            named += 1;
        }
    }
    assert!(named > 60, "the pages name files: {named}");
}
