//! How much work one request may cause, whatever its contract says.
//!
//! Bodies decide how often a rule is held against them: choices in each other, lists in lists, texts that a pattern walks through
//! slowly. What one body may cost is bounded by its length; a body that costs more is refused before the backend hears of it.

use std::cell::Cell;

/// Steps for any request, some nanoseconds each.
const FOR_ALL: u64 = 8_000_000;
/// And for each byte of its body: a value takes two bytes at least, and is seldom looked at more than a few times.
const FOR_A_BYTE: u64 = 16;

/// What is left to be spent on a request.
pub(super) struct Effort(Cell<u64>);

impl Effort {
    /// For a body of this length, or for parameters.
    pub(super) fn of(bytes: usize) -> Self {
        Self(Cell::new(FOR_ALL + bytes as u64 * FOR_A_BYTE))
    }

    /// Spend so many steps. False: there are no more, now or later.
    #[inline]
    pub(super) fn spend(&self, steps: u64) -> bool {
        let left = self.0.get().saturating_sub(steps);
        self.0.set(left);
        left > 0
    }

    /// Whether nothing is left: what was found out so far says nothing.
    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}
