//! Whose turn it is.

use super::policy::Balance;
use crate::snapshot::BackendEnvironment;
use crate::time::Monotonic;
use std::sync::atomic::Ordering;

/// The targets of a backend, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Targets(u64);

impl Targets {
    /// With this one.
    pub fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (index < 64).then_some(index)
        })
    }
}

/// The order of turns by weight: smooth, so that a heavy target is not called many times in a row (the scheme of nginx's
/// upstream module). Empty for one target.
pub(crate) fn turns(targets: usize, weights: &[u32]) -> Box<[u8]> {
    if targets < 2 {
        return Box::default();
    }
    let weights: Vec<i64> = (0..targets).map(|index| i64::from(weights.get(index).copied().unwrap_or(1))).collect();
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor);
    let total: i64 = weights.iter().sum();
    let mut current = vec![0; targets];
    (0..total / divisor)
        .map(|_| {
            let mut best = 0;
            for (index, weight) in weights.iter().enumerate() {
                current[index] += weight;
                if current[index] > current[best] {
                    best = index;
                }
            }
            current[best] -= total;
            best as u8
        })
        .collect()
}

fn greatest_common_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

impl BackendEnvironment {
    /// The target of the next try; one that was tried already only where no other can be called.
    pub fn choose(&self, tried: Targets, now: Monotonic) -> usize {
        if self.targets.len() == 1 {
            return 0;
        }
        let usable = self.usable(now);
        let fresh = Targets(usable.0 & !tried.0);
        let among = if fresh.0 == 0 { usable } else { fresh };
        match self.forwarding.balance {
            Balance::RoundRobin => self.in_turn(among),
            Balance::LeastInFlight => self.least_in_flight(among),
        }
    }

    /// Whether there is a target to turn to that was not tried.
    pub fn has_another(&self, tried: Targets, now: Monotonic) -> bool {
        self.targets.len() > 1 && self.usable(now).0 & !tried.0 != 0
    }

    /// Who may be called: the healthy that are not left out; where there is none, all that are healthy; where there is none
    /// either, all. A list that is empty would make an outage of what may be a mistake of the checks.
    fn usable(&self, now: Monotonic) -> Targets {
        let checked = self.forwarding.check.is_some();
        let (mut healthy, mut usable) = (Targets::default(), Targets::default());
        for (index, target) in self.targets.iter().enumerate() {
            if checked && !target.state.is_healthy() {
                continue;
            }
            healthy.add(index);
            if target.state.ejected_until(now).is_none() {
                usable.add(index);
            }
        }
        match (usable.0, healthy.0) {
            (0, 0) => Targets(u64::MAX >> (64 - self.targets.len())),
            (0, _) => healthy,
            _ => usable,
        }
    }

    /// Turns of those that are out are used up, not given to who comes next: the rest share them by weight.
    fn in_turn(&self, among: Targets) -> usize {
        for _ in 0..self.turns.len() {
            let turn = self.state.turn.fetch_add(1, Ordering::Relaxed);
            let index = self.turns[turn % self.turns.len()] as usize;
            if among.has(index) {
                return index;
            }
        }
        // Other threads drew the turns in between.
        among.iter().next().unwrap_or_default()
    }

    /// By calls in flight for each unit of weight, this one counted. Equals take turns.
    fn least_in_flight(&self, among: Targets) -> usize {
        let start = self.state.turn.fetch_add(1, Ordering::Relaxed) % self.targets.len();
        let load = |index: usize| u64::from(self.targets[index].state.in_flight()) + 1;
        let weight = |index: usize| u64::from(self.forwarding.weights.get(index).copied().unwrap_or(1));
        let mut best = None;
        for offset in 0..self.targets.len() {
            let index = (start + offset) % self.targets.len();
            if !among.has(index) {
                continue;
            }
            if best.is_none_or(|best| load(index) * weight(best) < load(best) * weight(index)) {
                best = Some(index);
            }
        }
        best.unwrap_or_default()
    }

    /// Whether calls in flight are counted by target: only where somebody asks for it.
    pub fn counts_flights(&self) -> bool {
        self.targets.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_smooth_and_as_many_as_the_weights_say() {
        assert_eq!(turns(1, &[]).as_ref(), [0_u8; 0]);
        assert_eq!(turns(3, &[]).as_ref(), [0, 1, 2]);
        assert_eq!(turns(2, &[100, 100]).as_ref(), [0, 1]);
        // The example of nginx's commit: a a b a c a a.
        assert_eq!(turns(3, &[5, 1, 1]).as_ref(), [0, 0, 1, 0, 2, 0, 0]);
        let many = turns(2, &[100, 1]);
        assert_eq!((many.len(), many.iter().map(|&index| u32::from(index)).sum()), (101, 1_u32));
    }

    #[test]
    fn bits_name_their_targets() {
        let mut targets = Targets::default();
        for index in [0, 5, 63] {
            targets.add(index);
        }
        assert_eq!(targets.iter().collect::<Vec<_>>(), [0, 5, 63]);
        assert_eq!((targets.has(5), targets.has(6)), (true, false));
    }
}
