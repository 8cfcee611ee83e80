//! A byte order mark, and how a line ends, are no part of what a text says: in files of the configuration, and in all that HR systems send.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;
use skillsync::config::Config;
use skillsync::hris::{ExportForm, Mapping};
use skillsync::table::endless_room;

use crate::hris::filters::runner;
use crate::hris::properties::{example, source};
use crate::process::Folder;

/// A text as editors and shells save it.
fn saved(text: &str) -> [Vec<u8>; 4] {
    let wide = |order: fn(u16) -> [u8; 2]| format!("\u{feff}{text}").encode_utf16().flat_map(order).collect();
    [text.as_bytes().to_vec(), format!("\u{feff}{text}").into_bytes(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]
}

#[test]
fn a_file_of_the_configuration_may_be_saved_by_any_editor() {
    let folder = Folder::new("marks");
    let path = |name: &str| folder.0.join(name).display().to_string();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.0.join(name), text).unwrap();
    for (number, end) in ["", "\n", "\r\n", "\r"].into_iter().enumerate() {
        for (form, secret) in saved(&format!("k3y{end}")).into_iter().enumerate() {
            write("secret", &secret);
            write("filter", &saved(&format!(".{end}"))[form]);
            let secret = path("secret");
            let toml = format!(
                "[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret_file = '{secret}'\n[callbacks]\nsecret_file = \
                 '{secret}'\nurl = 'https://x'\n[[webhooks]]\nname = 'hr'\npreset = 'standardWebhooks'\ntarget = \
                 'routingSkills'\nsecret_file = '{secret}'\nprevious_secret_file = '{secret}'\nfilter_file = '{}'\n",
                path("filter")
            );
            write("toml", format!("{}{toml}", if form == 0 { "" } else { "\u{feff}" }).as_bytes());
            let config =
                Config::load(Some(&folder.0.join("toml"))).unwrap_or_else(|error| panic!("{number}/{form}: {error}"));
            assert_eq!(config.genesys.client_secret().unwrap().expose_secret(), "k3y");
            assert_eq!(config.callbacks.secret().unwrap().unwrap().expose_secret(), "k3y");
            let secrets = config.webhooks[0].secrets().unwrap();
            assert!(secrets.len() == 2 && secrets.iter().all(|secret| secret.expose_secret() == "k3y"));
            assert_eq!(config.webhooks[0].filter().unwrap().unwrap().trim(), ".");
        }
    }
    write("secret", b"k\xffy");
    let toml =
        format!("[genesys]\nregion = 'eu-central-1'\nclient_id = 'id'\nclient_secret_file = '{}'\n", path("secret"));
    let error = Config::from_toml(&toml).unwrap_err().to_string();
    assert!(error.contains("client_secret_file") && error.contains("line 1, column 2 is not valid UTF-8"), "{error}");
}

/// Whatever comes of it, as one text.
fn told<E: std::fmt::Debug>(mapping: &Result<Mapping, E>) -> String {
    format!("{mapping:?}")
}

#[tokio::test]
async fn what_hr_systems_send_may_begin_with_one() {
    let json = [(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"))];
    let (headers, at) = (HeaderMap::from_iter(json), jiff::Timestamp::UNIX_EPOCH);
    for name in [
        "bamboohr",
        "bamboohr-events",
        "finch",
        "generic",
        "hibob",
        "merge",
        "personio",
        "standard-webhooks",
        "workday",
    ] {
        let source = source(name, runner());
        let payload = String::from_utf8(example(&format!("{name}.json"))).unwrap();
        let (mut delivered, mut read, mut exported) = (Vec::new(), Vec::new(), Vec::new());
        for body in saved(&payload) {
            delivered.push(told(&source.map_delivery(&headers, &body).await));
            read.push(told(&source.map_record(None, &body, at).await));
            let form = ExportForm::Json(None);
            exported.push(told(&source.map_export(form, body.into(), endless_room()).await));
        }
        for forms in [delivered, read, exported] {
            assert!(forms.iter().all(|form| *form == forms[0]), "{name}: {forms:#?}");
        }
    }
    let hibob = source("hibob", runner());
    assert!(hibob.is_handshake("\u{feff}{\"text\": \"Ping test\"}".as_bytes()));
}
