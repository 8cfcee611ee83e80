//! The memory of a process, as the kernel counts it.

use std::fs;

const MB: f64 = 1e6;

/// Resident now, in MB.
pub(crate) fn resident() -> f64 {
    field("self", "VmRSS:")
}

/// What another process has resident, in MB.
pub(crate) fn resident_of(process: u32) -> f64 {
    field(&process.to_string(), "VmRSS:")
}

/// The most that was resident since [`forget_peak`], in MB.
pub(crate) fn peak() -> f64 {
    field("self", "VmHWM:")
}

/// Begins to look for the peak anew.
pub(crate) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("Linux takes it");
}

fn field(process: &str, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux says it");
    let line = status.lines().find(|line| line.starts_with(name)).expect("Linux says it");
    let kilobytes: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    kilobytes * 1024.0 / MB
}
