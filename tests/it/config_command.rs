//! `skillsync config` says of a configuration what the start would say: the same message, or that it can be used.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use uuid::Uuid;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("skillsync-config-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(command: &str, config: &Path, folder: &Folder) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_skillsync"))
        .args([command, "--config"])
        .arg(config)
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8([stderr, stdout].concat()).unwrap();
    let last = said.lines().rev().find(|line| line.starts_with("skillsync: ")).unwrap_or(&said);
    (status.code(), last.trim().to_owned())
}

const GENESYS: &str = "client_id = 'i'\nclient_secret = 's'\n";
const SOURCE: &str = "[[webhooks]]\nname = 'hr'\ntarget = 'routingSkills'\nuser = { email = 'e' }\n";
const MERGE: &str = "preset = 'merge'\nsecret = 'a secret of some length'\n";

#[test]
fn what_the_start_refuses_is_refused_with_the_same_message() {
    let folder = Folder::new();
    let (no_pem, file) = (folder.write("ca.pem", "no certificate\n"), folder.write("a-file", ""));
    let (no_pem, file) = (no_pem.display(), file.display());
    let rule = |rule: &str| format!("{SOURCE}{MERGE}[[webhooks.rules]]\nid = 'a'\n{rule}");
    let merge = |more: &str| format!("{SOURCE}{MERGE}{more}");
    for (genesys, rest, said) in [
        ("", format!("{SOURCE}preset = 'standardWebhooks'\nsecret = 'bm90IGEgc2VjcmV0'"), "webhooks.hr: secret: "),
        ("", rule("assign = [{ skill = 'Billing', proficiency = 9 }]"), "webhooks.hr: rules.a.assign"),
        (
            "",
            rule("when = { all = [{ attr = 't', regex = '(' }] }\nassign = [{ skill = 'A' }]"),
            "webhooks.hr: rules.a.when",
        ),
        ("", merge("filter = '.['"), "webhooks.hr: filter: "),
        ("", merge("record = { url = 'https://x/{id}', filter = '.[' }"), "webhooks.hr: record.filter: "),
        ("", merge("record = { url = 'https://x/{id}', proxy = 'socks://x' }"), "webhooks.hr: record.proxy: "),
        ("", merge("time_zone = 'Europe/Bonn'"), "webhooks.hr: time_zone: "),
        ("", merge("leaver = { any = [] }"), "webhooks.hr: leaver: has no condition"),
        (&*format!("ca_file = '{no_pem}'\n"), String::new(), "genesys.ca_file: "),
        ("proxy = 'http://'\n", String::new(), "genesys.proxy: "),
        ("", "[callbacks]\nsecret = 'whsec_AAAA'".to_owned(), "callbacks.secret: "),
        ("", format!("[callbacks]\nsecret = 'whsec_{}'\nurl = 'http://x'", "AAAA".repeat(8)), "callbacks.url: "),
        ("", format!("[journal]\npath = '{file}'"), "journal.path: "),
        ("", "[journal]\npath = ''".to_owned(), "journal.path: "),
        ("", "[telemetry]\notlp_endpoint = 'collector:4318'".to_owned(), "telemetry.otlp_endpoint: "),
        ("", "[server]\nlisten = '0.0.0.0:0'".to_owned(), "server.listen: "),
    ] {
        let region = "[genesys]\nregion = 'eu-central-1'\n";
        let config = folder.write("skillsync.toml", &format!("{region}{GENESYS}{genesys}{rest}\n"));
        let (code, told) = run("config", &config, &folder);
        assert!(code == Some(1) && told.contains(said), "{genesys}{rest}: {told}");
        assert_eq!(run("serve", &config, &folder), (Some(1), told), "{genesys}{rest}");
    }
    assert!(!folder.0.join("skillsync-data").exists(), "a start that is refused makes no journal");
}

#[test]
fn what_can_be_used_is_said_to_be() {
    let folder = Folder::new();
    let secret = folder.write("secret", "\u{feff}a secret of some length\r\n");
    let source = SOURCE.to_owned() + "preset = 'merge'\ntime_zone = 'Europe/Berlin'\n";
    let toml = format!(
        "[genesys]\nregion = 'eu-central-1'\n{GENESYS}[telemetry]\notlp_endpoint = 'http://localhost:4318'\n{source}\
         secret_file = '{}'\n[[webhooks.rules]]\nid = 'a'\nassign = [{{ skill = 'Billing', proficiency = 4 }}]\n",
        secret.display()
    );
    let (code, told) = run("config", &folder.write("skillsync.toml", &toml), &folder);
    assert!(code == Some(0) && told.contains("the configuration is valid"), "{told}");
    assert!(!folder.0.join("skillsync-data").exists(), "looking makes nothing");
}
