//! Finds files with secrets that other users of the machine can read or change.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use figment::value::{Dict, Value};

use super::{DEFAULT_FILE, ENVIRONMENT_PREFIX};
use crate::private_file;

/// A file with secrets that other users can access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    pub path: PathBuf,
    pub mode: u32,
}

impl std::fmt::Display for Exposed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (path, mode) = (self.path.display(), self.mode);
        let may = if mode & 0o004 == 0 {
            "users other than its owner can change it"
        } else {
            "every user of this machine can read it"
        };
        write!(f, "{path} contains secrets, and {may} (mode {mode:o}); restrict its permissions")
    }
}

/// Returns the configuration file, if it contains secrets, and the secret files that it names, as far as other users
/// can access them.
pub fn exposed_files(file: Option<&Path>) -> Vec<Exposed> {
    let file = file.unwrap_or(Path::new(DEFAULT_FILE));
    let written = Figment::from(Toml::file(file));
    let all = written.clone().merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__"));
    let read = |figment: &Figment| figment.extract::<Dict>().unwrap_or_default();
    let mut secrets = FoundSecrets::default();
    secrets.look_into(&read(&written));
    let holds = secrets.inline;
    secrets.look_into(&read(&all));
    let mut files = secrets.files;
    files.extend(holds.then(|| file.to_owned()));
    files.sort();
    files.dedup();
    let exposed = files.into_iter().filter_map(|path| Some(Exposed { mode: private_file::exposed(&path)?, path }));
    exposed.collect()
}

#[derive(Debug, Default)]
struct FoundSecrets {
    inline: bool,
    files: Vec<PathBuf>,
}

impl FoundSecrets {
    fn look_into(&mut self, dict: &Dict) {
        for (key, value) in dict {
            let (name, is_file) = key.strip_suffix("_file").map_or((key.as_str(), false), |name| (name, true));
            let is_secret = name == "authorization" || name.ends_with("secret");
            match value {
                Value::String(_, path) if is_secret && is_file => self.files.push(path.into()),
                Value::String(..) if is_secret => self.inline = true,
                Value::Dict(_, inner) => self.look_into(inner),
                Value::Array(_, items) => {
                    items.iter().filter_map(Value::as_dict).for_each(|inner| self.look_into(inner));
                }
                Value::String(..) | Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_with_secrets_that_everybody_reads_are_named_and_others_are_not() {
        let folder = std::env::temp_dir().join(format!("skillsync-exposure-{}", uuid::Uuid::new_v4()));
        private_file::create_folder(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        let file = |name: &str, text: &str, mode: u32| {
            fs::write(path(name), text).unwrap();
            let wide = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(path(name), wide).unwrap();
        };
        let named = |name: &str| {
            exposed_files(Some(&path(name))).into_iter().map(|file| (file.path, file.mode)).collect::<Vec<_>>()
        };
        file("hr", "x", 0o644);
        file("private", "x", 0o440);
        file("inline.toml", "[genesys]\nclient_secret = 'x'", 0o644);
        file("narrow.toml", "[genesys]\nclient_secret = 'x'", 0o640);
        let text = format!(
            "[genesys]\nclient_secret_file = '{}'\n[[webhooks]]\nname = 'a'\nsecret_file = '{}'",
            path("private").display(),
            path("hr").display()
        );
        file("outside.toml", &text, 0o644);
        assert_eq!(named("inline.toml"), [(path("inline.toml"), 0o644)]);
        assert_eq!(named("narrow.toml"), []);
        assert_eq!(named("outside.toml"), [(path("hr"), 0o644)]);
        assert_eq!(named("absent.toml"), []);
        fs::remove_dir_all(&folder).unwrap();
    }
}
