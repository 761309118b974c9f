//! The process as Linux sees it, from `/proc`.
//!
//! Where `/proc` is missing or says something else than expected, a figure is 0: no figure is
//! worth a failure.

use crate::server::admin::report::Process;

/// Processor time is told in these parts of a second (`USER_HZ`, the same on every Linux that
/// helenus runs on).
const TICKS_PER_SECOND: f64 = 100.0;

/// The process as of now.
pub fn read() -> Process {
    let status = text("/proc/self/status");
    let stat = text("/proc/self/stat");
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Process {
        resident_bytes: kilobytes(&status, "VmRSS:"),
        virtual_bytes: kilobytes(&status, "VmSize:"),
        threads: number(&status, "Threads:"),
        cpu_seconds: (stat_field(&stat, 14) + stat_field(&stat, 15)) / TICKS_PER_SECOND,
        // The listing itself has one open.
        open_files: u64::try_from(open_files).unwrap_or(0).saturating_sub(1),
        open_files_max: number(&text("/proc/self/limits"), "Max open files"),
        started_at_seconds: number(&text("/proc/stat"), "btime") as f64
            + stat_field(&stat, 22) / TICKS_PER_SECOND,
        machine_bytes: kilobytes(&text("/proc/meminfo"), "MemTotal:"),
    }
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The first number of the line that starts with `name`.
fn number(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn kilobytes(text: &str, name: &str) -> u64 {
    number(text, name).saturating_mul(1024)
}

/// A field of `/proc/self/stat`, counted from 1. The second one is the program's name in
/// parentheses, which may hold anything.
fn stat_field(stat: &str, field: usize) -> f64 {
    stat.rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(field - 3))
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_after_the_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 777 1";
        assert_eq!(stat_field(stat, 14), 250.0);
        assert_eq!(stat_field(stat, 15), 50.0);
        assert_eq!(stat_field(stat, 22), 777.0);
        assert_eq!(stat_field("", 22), 0.0);
        assert_eq!(
            kilobytes("VmSize:  8 kB\nVmRSS:\t  12 kB\n", "VmRSS:"),
            12 << 10
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let process = read();
        assert!(process.resident_bytes > 1 << 20 && process.threads >= 1);
        assert!(process.open_files >= 3 && process.open_files <= process.open_files_max);
        assert!(process.started_at_seconds > 1.7e9 && process.machine_bytes > 1 << 28);
    }
}
