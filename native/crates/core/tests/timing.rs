//! The time that a refusal takes tells nothing about the secret, nor which of the reasons it was.
//!
//! After dudect (Reparaz, Balasch, Verbauwhede 2017): classes of input in random order, the slowest samples cropped (they
//! are the scheduler's), Welch's t over the rest. `PORTAZGO_TEST_TIMING_SAMPLES` sets the samples per class (100,000).

mod support;

use portazgo_core::security::SecurityLane;
use serde_json::json;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::Instant;
use support::{KID, NOW, PREFIX, SECRET, deployment_but, key_named, presented, snapshot_of, with};

/// Beyond it two distributions are told apart (dudect's threshold).
const MOST_T: f64 = 4.5;
/// Of what a refusal takes: a processor that takes twice as long for it takes twice as long for the difference, too.
const MOST_PERCENT_APART: u64 = 10;
const KEPT_PERCENT: usize = 90;
/// One measurement at a time: the tests of a file run side by side.
static QUIET: Mutex<()> = Mutex::new(());

fn samples() -> usize {
    std::env::var("PORTAZGO_TEST_TIMING_SAMPLES").map_or(100_000, |text| text.parse().unwrap())
}

/// Nanoseconds of each class, measured in random order.
fn measure(classes: &[String], mut run: impl FnMut(&[u8])) -> Vec<Vec<u64>> {
    let _alone = QUIET.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let each = samples();
    let mut times = vec![Vec::with_capacity(each); classes.len()];
    let mut place = [0; 128];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..(each + 2000) * classes.len() {
        // xorshift: which class is next must not depend on the one before.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let class = (state >> 33) as usize % classes.len();
        // One place for all: where a key lies in memory shows in the time, and is nothing of the key's.
        place[..classes[class].len()].copy_from_slice(classes[class].as_bytes());
        let key = black_box(&place[..classes[class].len()]);
        let began = Instant::now();
        run(key);
        let took = began.elapsed().as_nanos() as u64;
        if round >= 2000 * classes.len() {
            times[class].push(took);
        }
    }
    times
}

/// Welch's t of two classes, the slowest samples of both together cropped.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds and counts are far below 2^52")]
fn t_of(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<u64> = one.iter().chain(other).copied().collect();
    all.sort_unstable();
    let longest = all[all.len() * KEPT_PERCENT / 100];
    let moments = |times: &[u64]| {
        let kept: Vec<f64> = times.iter().filter(|time| **time <= longest).map(|time| *time as f64).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((one_mean, one_error), (other_mean, other_error)) = (moments(one), moments(other));
    (one_mean - other_mean) / (one_error + other_error).sqrt()
}

fn worst_t(times: &[Vec<u64>]) -> f64 {
    let pairs = (0..times.len()).flat_map(|one| (one + 1..times.len()).map(move |other| (one, other)));
    pairs.map(|(one, other)| t_of(&times[one], &times[other]).abs()).fold(0.0, f64::max)
}

fn median(times: &[u64]) -> u64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn assert_alike(reasons: &[&str], times: &[Vec<u64>]) {
    let medians: Vec<u64> = times.iter().map(|times| median(times)).collect();
    println!("medians in ns: {reasons:?} {medians:?}");
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!((most - least) * 100 <= least * MOST_PERCENT_APART, "{reasons:?} {medians:?}");
}

/// What tags of refused secrets are made with.
fn tagging() -> serde_json::Value {
    support::data_key("0198f000-0000-7000-8000-00000000da7a", None)
}

/// Where keys were imported, neither which digest finds one nor that it is dead shows in the time of its refusal.
#[test]
fn why_an_imported_key_is_refused_does_not_show_in_the_time() {
    let foreign = |number: u8| format!("NotARealKeyOfAnotherSystem000{number:02}");
    let dead = |kid: &str, number, scheme, members| {
        let secrets = json!([support::imported_secret("current", &foreign(number), scheme)]);
        with(with(key_named(kid, SECRET), json!({"secrets": secrets})), members)
    };
    let snapshot = snapshot_of(&deployment_but([
        support::lookup_key(),
        tagging(),
        dead("Revoked001", 1, "sha256", json!({"status": "revoked"})),
        dead("Revoked002", 2, "drf", json!({"status": "revoked"})),
        dead("Expired001", 3, "sha256", json!({"expires_at_us": 1})),
    ]));
    let lane = SecurityLane::default();
    let reasons = ["unknown", "revoked, SHA-256", "revoked, SHA-512", "expired"];
    let keys = [9, 1, 2, 3].map(foreign);
    let times = measure(&keys, |key| {
        black_box(portazgo_core::authenticate::authenticate(key, PREFIX, &snapshot, &lane, NOW).is_ok());
    });
    assert_alike(&reasons, &times);
}

/// The same kid, and a secret that is wrong in its first, in its last, in all bytes.
fn wrong_secrets() -> Vec<String> {
    let (first, last) = (format!("X{}", &SECRET[1..]), format!("{}X", &SECRET[..31]));
    [first, last, "X".repeat(32)].iter().map(|secret| presented("live", KID, secret)).collect()
}

#[test]
fn where_a_secret_is_wrong_does_not_show_in_the_time() {
    let snapshot = snapshot_of(&support::deployment());
    let lane = SecurityLane::default();
    let times = measure(&wrong_secrets(), |key| {
        black_box(portazgo_core::authenticate::authenticate(key, PREFIX, &snapshot, &lane, NOW).is_ok());
    });
    let t = worst_t(&times);
    println!("|t| {t:.2} over {} samples each", samples());
    assert!(t < MOST_T, "|t| {t:.2}");
}

#[test]
fn a_comparison_that_leaks_is_found() {
    let known = presented("live", KID, SECRET);
    let snapshot = snapshot_of(&support::deployment());
    let lane = SecurityLane::default();
    // What must never be written: it stops at the first byte that differs.
    let leaky = |key: &[u8]| key.iter().zip(known.as_bytes()).all(|(one, other)| black_box(one) == black_box(other));
    let times = measure(&wrong_secrets(), |key| {
        black_box(leaky(key));
        black_box(portazgo_core::authenticate::authenticate(key, PREFIX, &snapshot, &lane, NOW).is_ok());
    });
    let t = worst_t(&times);
    println!("|t| {t:.2} of the planted leak");
    assert!(t > MOST_T, "|t| {t:.2}: this test would miss a leak");
}

#[test]
fn why_a_key_is_refused_does_not_show_in_the_time() {
    let key = |kid: &str, members| with(key_named(kid, SECRET), members);
    let snapshot = snapshot_of(&deployment_but([
        key("Expired001", json!({"expires_at_us": 1})),
        key("Revoked001", json!({"status": "revoked"})),
        tagging(),
    ]));
    let lane = SecurityLane::default();
    let reasons = ["unknown", "expired", "revoked", "wrong secret"];
    let keys = [
        presented("live", "Unknown001", SECRET),
        presented("live", "Expired001", SECRET),
        presented("live", "Revoked001", SECRET),
        presented("live", KID, support::OTHER_SECRET),
    ];
    let times = measure(&keys, |key| {
        black_box(portazgo_core::authenticate::authenticate(key, PREFIX, &snapshot, &lane, NOW).is_ok());
    });
    assert_alike(&reasons, &times);
}
