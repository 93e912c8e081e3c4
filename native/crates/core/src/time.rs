//! Two clocks, told apart by type. Both are read by the caller and passed in.

/// Wall time in microseconds since 1970, as the control plane's clock has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

impl WallTime {
    /// Whole seconds since 1970, as JWTs count.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Monotonic time in nanoseconds since an arbitrary start; durations and limits only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);
