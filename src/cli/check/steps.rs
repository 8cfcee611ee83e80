//! What is looked at on this machine, one function a subject.

use std::path::Path;

use super::findings::Findings;
use crate::app::owner;
use crate::config::{Config, exposed_files};
use crate::journal::{Inspection, JournalError, OrgIdentity, inspect};

pub(super) fn access(config: &Config, findings: &mut Findings) {
    let (address, keys) = (config.server.listen, config.server.api_keys.len());
    match keys {
        0 => findings.warn(
            "access",
            format_args!("{address}, without keys: everybody on this machine may do everything"),
            "configure server.api_keys before anybody else shall reach it",
        ),
        _ => findings.ok("access", format_args!("{address}, {keys} keys")),
    }
}

/// Secrets that can be guessed, or read by too many.
pub(super) fn secrets(file: Option<&Path>, config: &Config, findings: &mut Findings) {
    for weakness in config.weaknesses() {
        findings.warn("secrets", weakness, "change it before the service goes into production");
    }
    for exposed in exposed_files(file) {
        findings.warn("secrets", exposed, "chmod 640 it, or 600; where a platform mounts it, set its mode there");
    }
}

/// Tells whose the journal is, if that stands in it.
pub(super) fn journal(config: &Config, findings: &mut Findings) -> Option<OrgIdentity> {
    let path = config.journal.path.display();
    if !config.journal.enabled {
        findings.warn("journal", "off: a restart forgets all jobs", "set journal.enabled = true");
        return None;
    }
    let found = inspect(&config.journal.path);
    let owner = match &found {
        Ok(Inspection::Ready { belongs_to, .. }) => belongs_to.clone(),
        Ok(Inspection::Absent | Inspection::InUse) | Err(_) => None,
    };
    match found {
        Ok(Inspection::Absent) => findings.ok("journal", format_args!("{path} will be made at the start")),
        Ok(Inspection::InUse) => findings.ok("journal", format_args!("{path} is in use by a running service")),
        Ok(Inspection::Ready { version, known, bytes, .. }) if version < known => findings.warn(
            "journal",
            format_args!("{path}: version {version}, {bytes} bytes; the start brings it to version {known}"),
            "make a backup first: an older skillsync does not read it afterwards",
        ),
        Ok(Inspection::Ready { belongs_to: Some(found), open_entries, .. })
            if owner::configured(config).is_ok_and(|configured| !found.is_reached_like(&configured)) =>
        {
            let told =
                format!("{path} belongs to {found}, and something else is configured; open entries: {open_entries}");
            let todo =
                "give another org a journal.path of its own; if it is the same org, see `skillsync journal adopt`";
            // Whether it is the same org, the start finds out where the journal knows its id.
            if found.org.is_none() {
                findings.fail("journal", told, todo);
            } else {
                findings.warn("journal", told, todo);
            }
        }
        Ok(Inspection::Ready { version, bytes, .. }) => {
            findings.ok("journal", format_args!("{path}: version {version}, {bytes} bytes"));
        }
        Err(error @ JournalError::CannotWrite(_)) => {
            findings.fail("journal", error, "give the service's user a folder that it may write");
        }
        Err(error) => findings.fail("journal", error, "see \"Upgrade and backup\" in docs/OPERATIONS.md"),
    }
    owner
}
