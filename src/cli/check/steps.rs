//! What is looked at on this machine, one function a subject.

use super::findings::Findings;
use crate::config::Config;
use crate::journal::{Inspection, JournalError, inspect};

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

pub(super) fn journal(config: &Config, findings: &mut Findings) {
    let path = config.journal.path.display();
    if !config.journal.enabled {
        findings.warn("journal", "off: a restart forgets all jobs", "set journal.enabled = true");
        return;
    }
    match inspect(&config.journal.path) {
        Ok(Inspection::Absent) => findings.ok("journal", format_args!("{path} will be made at the start")),
        Ok(Inspection::InUse) => findings.ok("journal", format_args!("{path} is in use by a running service")),
        Ok(Inspection::Ready { version, known, bytes }) if version < known => findings.warn(
            "journal",
            format_args!("{path}: version {version}, {bytes} bytes; the start brings it to version {known}"),
            "make a backup first: an older skillsync does not read it afterwards",
        ),
        Ok(Inspection::Ready { version, bytes, .. }) => {
            findings.ok("journal", format_args!("{path}: version {version}, {bytes} bytes"));
        }
        Err(error @ JournalError::CannotWrite(_)) => {
            findings.fail("journal", error, "give the service's user a folder that it may write");
        }
        Err(error) => findings.fail("journal", error, "see \"Upgrade and backup\" in docs/OPERATIONS.md"),
    }
}
