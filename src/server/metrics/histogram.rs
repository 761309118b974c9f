//! Latencies in fixed buckets.
//!
//! The bounds are the same for all: 1, 2 and 5 of each power of ten from 10 µs to 10 s, which
//! separates what a memtable, a cached block, a disk and a stall take, and is few enough for a
//! monitoring system to keep one series each. A percentile read back from them is interpolated
//! inside its bucket.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, inclusive, in microseconds. One more bucket has no bound.
pub const BOUNDS_MICROS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000,
    500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

const BUCKETS: usize = BOUNDS_MICROS.len() + 1;

/// How often which latency was seen. Any thread.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // What exceeds a bound by a fraction lies above it.
        let micros = nanos.div_ceil(1_000);
        let at = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What was counted until now.
    pub fn read(&self) -> HistogramReading {
        HistogramReading {
            buckets: std::array::from_fn(|at| {
                self.buckets
                    .get(at)
                    .map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            }),
            sum_nanos: self.sum_nanos.load(Ordering::Relaxed),
        }
    }
}

/// What a histogram held when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramReading {
    buckets: [u64; BUCKETS],
    sum_nanos: u64,
}

impl HistogramReading {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All together, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_nanos as f64 / 1e9
    }

    /// Each bound in microseconds with how many were at or below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        BOUNDS_MICROS
            .iter()
            .zip(&self.buckets)
            .scan(0_u64, |sum, (bound, count)| {
                *sum = sum.saturating_add(*count);
                Some((*bound, *sum))
            })
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (own, other) in self.buckets.iter_mut().zip(&other.buckets) {
            *own = own.saturating_add(*other);
        }
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
        self
    }

    /// The latency that the `fraction` (0 to 1) of what was counted did not exceed, in
    /// microseconds; 0 where nothing was counted. What lies above the last bound is told as that.
    pub fn percentile_micros(&self, fraction: f64) -> f64 {
        let count = self.count();
        if count == 0 {
            return 0.0;
        }
        let rank = (fraction.clamp(0.0, 1.0) * count as f64).max(1.0);
        let mut below = 0_u64;
        let mut lower = 0_u64;
        for (bound, seen) in BOUNDS_MICROS.iter().zip(&self.buckets) {
            let through = below + seen;
            if *seen > 0 && through as f64 >= rank {
                let inside = (rank - below as f64) / *seen as f64;
                return lower as f64 + inside * (bound - lower) as f64;
            }
            below = through;
            lower = *bound;
        }
        lower as f64
    }

    /// The average, in microseconds; 0 where nothing was counted.
    pub fn mean_micros(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum_nanos as f64 / 1e3 / count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let histogram = Histogram::default();
        for nanos in [0, 10_000, 10_001, 20_000, 10_000_000_000, 10_000_000_001] {
            histogram.record(Duration::from_nanos(nanos));
        }
        histogram.record(Duration::MAX);
        let reading = histogram.read();
        let cumulative: Vec<_> = reading.cumulative().collect();
        assert_eq!(cumulative[..3], [(10, 2), (20, 4), (50, 4)]);
        assert_eq!(cumulative.last(), Some(&(10_000_000, 5)));
        assert_eq!(reading.count(), 7);
    }

    #[test]
    fn percentiles_are_interpolated() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().percentile_micros(0.5), 0.0);
        for _ in 0..90 {
            histogram.record(Duration::from_micros(15));
        }
        for _ in 0..10 {
            histogram.record(Duration::from_micros(1_500));
        }
        let reading = histogram.read();
        assert_eq!(reading.percentile_micros(0.9), 20.0);
        assert_eq!(reading.percentile_micros(0.45), 15.0);
        assert_eq!(reading.percentile_micros(0.95), 1_500.0);
        assert_eq!(reading.percentile_micros(1.0), 2_000.0);
        assert_eq!(reading.mean_micros(), 163.5);
        assert_eq!(reading.clone().plus(&reading).count(), 200);
    }
}
