//! Checks of the local machine, one function per subject.

use std::path::Path;

use super::findings::Findings;
use crate::app::owner;
use crate::config::{Config, exposed_files};
use crate::journal::{Inspection, JournalError, OrgIdentity, inspect};

/// Checks who can reach the service.
pub(super) fn access(config: &Config, findings: &mut Findings) {
    let (address, keys) = (config.server.listen, config.server.api_keys.len());
    match keys {
        0 => findings.warn(
            "access",
            format_args!("{address}, without API keys: everybody on this machine may do everything"),
            "configure server.api_keys before other machines may reach the service",
        ),
        _ => findings.ok("access", format_args!("{address}, {keys} API keys")),
    }
}

/// Warns about secrets that are easy to guess or readable by too many users.
pub(super) fn secrets(file: Option<&Path>, config: &Config, findings: &mut Findings) {
    for weakness in config.weaknesses() {
        findings.warn("secrets", weakness, "change it before the service goes into production");
    }
    for exposed in exposed_files(file) {
        findings.warn("secrets", exposed, "set its mode to 640 or 600; if a platform mounts it, set the mode there");
    }
}

/// Checks the journal, and returns the org that it belongs to, if it names one.
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
        Ok(Inspection::Absent) => findings.ok("journal", format_args!("{path} will be created at the start")),
        Ok(Inspection::InUse) => findings.ok("journal", format_args!("{path} is in use by a running service")),
        Ok(Inspection::Ready { version, known, bytes, .. }) if version < known => findings.warn(
            "journal",
            format_args!("{path}: version {version}, {bytes} bytes; the start migrates it to version {known}"),
            "make a backup first: an older skillsync cannot read it afterwards",
        ),
        Ok(Inspection::Ready { belongs_to: Some(found), open_entries, .. })
            if owner::configured(config).is_ok_and(|configured| !found.is_reached_like(&configured)) =>
        {
            let told =
                format!("{path} belongs to {found}, which is not what is configured; open entries: {open_entries}");
            let todo =
                "give a different org its own journal.path; if it is the same org, see `skillsync journal adopt`";
            // If the journal knows the id of its org, the start finds out whether it is the same one.
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
            findings.fail("journal", error, "give the user of the service write permission for the folder");
        }
        Err(error) => findings.fail("journal", error, "see \"Upgrade and backup\" in docs/OPERATIONS.md"),
    }
    owner
}
