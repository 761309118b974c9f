//! The text that Prometheus reads (its exposition format, version 0.0.4).
//!
//! ```text
//! # HELP helenus_connections Client connections that are open.
//! # TYPE helenus_connections gauge
//! helenus_connections 3
//! ```
//!
//! Names end in their unit, those of counters in `_total`; values are in base units: seconds,
//! bytes.

use crate::server::metrics::HistogramReading;
use std::fmt::{Display, Write as _};

/// The type of the text, for the HTTP header.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text under way. A family is begun, then all its samples follow.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family of numbers that only grow.
    pub fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.family(name, "counter", help)
    }

    /// Begins a family of numbers that grow and shrink.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.family(name, "gauge", help)
    }

    /// Begins a family of histograms.
    pub fn histogram(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.family(name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.family = name;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string does not fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    /// One value without labels.
    pub fn value(&mut self, value: impl Display) -> &mut Self {
        self.sample("", &[], value)
    }

    /// One value of the family.
    pub fn labelled(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.sample("", labels, value)
    }

    /// One histogram of the family, in seconds.
    pub fn latencies(&mut self, label: (&str, &str), reading: &HistogramReading) -> &mut Self {
        for (micros, count) in reading.cumulative() {
            let bound = seconds(micros);
            self.sample("_bucket", &[label, ("le", &bound)], count);
        }
        self.sample("_bucket", &[label, ("le", "+Inf")], reading.count());
        self.sample("_sum", &[label], reading.sum_seconds());
        self.sample("_count", &[label], reading.count())
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        for (at, (name, value)) in labels.iter().enumerate() {
            self.text.push_str(if at == 0 { "{" } else { "," });
            self.text.push_str(name);
            self.text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
        self
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::metrics::Histogram;
    use std::time::Duration;

    #[test]
    fn families_and_samples() {
        let mut text = Exposition::default();
        text.gauge("a_bytes", "Two\nlines \\ one.").value(3);
        text.counter("b_total", "B.")
            .labelled(&[("x", "a\"b\\c\n"), ("y", "é")], 1.5);
        let wanted = "# HELP a_bytes Two\\nlines \\\\ one.\n# TYPE a_bytes gauge\na_bytes 3\n\
                      # HELP b_total B.\n# TYPE b_total counter\n\
                      b_total{x=\"a\\\"b\\\\c\\n\",y=\"é\"} 1.5\n";
        assert_eq!(text.finish(), wanted);
    }

    #[test]
    fn histograms_end_in_infinity() {
        let latency = Histogram::default();
        latency.record(Duration::from_micros(15));
        latency.record(Duration::from_secs(60));
        let mut text = Exposition::default();
        text.histogram("t_seconds", "T.")
            .latencies(("kind", "x"), &latency.read());
        let text = text.finish();
        assert!(text.contains("t_seconds_bucket{kind=\"x\",le=\"0.00001\"} 0\n"));
        assert!(text.contains("t_seconds_bucket{kind=\"x\",le=\"0.00002\"} 1\n"));
        assert!(text.contains("t_seconds_bucket{kind=\"x\",le=\"10\"} 1\n"));
        assert!(text.contains("t_seconds_bucket{kind=\"x\",le=\"+Inf\"} 2\n"));
        assert!(
            text.ends_with("t_seconds_sum{kind=\"x\"} 60.000015\nt_seconds_count{kind=\"x\"} 2\n")
        );
    }
}
