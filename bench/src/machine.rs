//! The machine of a measurement, and the memory of a process.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of Burn that the workspace pins.
pub(super) const BURN: &str = "0.22.1";

/// Name of the processor (Linux), or operating system and architecture.
pub(super) fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name");
    match name {
        Some((_, name)) => name.trim().to_owned(),
        None => format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

/// Today, in UTC, as 2026-01-31.
pub(super) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH);
    date(seconds.map_or(0, |time| time.as_secs()) / 86_400)
}

/// Date of a day counted from 1970-01-01. Years that start in March have their leap day at the end
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn date(days: u64) -> String {
    // Counted from 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    format!("{year:04}-{month:02}-{day:02}")
}

/// Memory of a process in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// Current memory.
    pub(super) resident: Option<f64>,
    /// Peak memory (Linux only).
    pub(super) peak: Option<f64>,
}

impl Memory {
    /// Memory of this process.
    pub(super) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = memory_stats::memory_stats().map(|m| m.physical_mem as f64 / MIB);
        Self {
            resident: line_of(&status, "VmRSS:").or(resident),
            peak: line_of(&status, "VmHWM:"),
        }
    }
}

const MIB: f64 = (1 << 20) as f64;

/// `VmHWM:    12345 kB`
fn line_of(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_818, "2026-12-31"),
            (20_819, "2027-01-01"),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn the_version_is_that_of_the_workspace() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let manifest = fs::read_to_string(path).unwrap();
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")));
    }

    #[test]
    fn memory_is_read_from_the_status_file() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\n";
        assert_eq!(line_of(status, "VmHWM:"), Some(2.0));
        assert_eq!(line_of(status, "VmRSS:"), None);
    }
}
