//! What holds for all inputs, not only for those that somebody thought of.

mod support;

use portazgo_core::authenticate::ParsedKey;
use portazgo_core::ids::{Id, Kid};
use portazgo_core::limit::{Decision, PartnerCells, Throttle};
use portazgo_core::route::{Match, RouteIndex, Router, Template};
use portazgo_core::snapshot::{Update, validate};
use portazgo_core::time::Monotonic;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use support::{KID, PREFIX, presented, snapshot_lines};

const SECOND: u64 = 1_000_000_000;
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

fn parses(text: &[u8]) -> bool {
    ParsedKey::parse(text, PREFIX).is_some()
}

proptest! {
    #[test]
    fn every_key_of_the_form_is_read_back(kid in "[0-9A-Za-z]{10}", secret in "[0-9A-Za-z]{32}", live: bool) {
        let environment = if live { "live" } else { "test" };
        let text = presented(environment, &kid, &secret);
        let parsed = ParsedKey::parse(text.as_bytes(), PREFIX).unwrap();
        prop_assert_eq!(parsed.environment.as_str(), environment);
        prop_assert_eq!(parsed.kid.as_str(), Some(kid.as_str()));
    }

    #[test]
    fn a_key_with_one_wrong_character_is_refused(secret in "[0-9A-Za-z]{32}", place in 0_usize..57, byte: u8) {
        let mut text = presented("live", KID, &secret).into_bytes();
        let place = place % text.len();
        prop_assume!(text[place] != byte);
        text[place] = byte;
        prop_assert!(!parses(&text));
    }

    #[test]
    fn no_text_makes_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,64}") {
        parses(&bytes);
        let _ = Kid::parse(&bytes);
        let _ = Id::parse(&text);
        let _ = Template::parse(&text);
        let _ = validate(&bytes, true);
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_the_same(place: prop::sample::Index, byte: u8) {
        let mut lines = snapshot_lines(1, &support::deployment());
        let place = place.index(lines.len());
        lines[place] = byte;
        let mut update = Update::snapshot();
        // Whatever was damaged, nothing panics; what is accepted has all its lines.
        if update.push(&lines).and_then(|()| update.finish()).is_ok() {
            prop_assert!(update.position().is_some());
        }
    }
}

/// The segments of a template: None is a parameter.
type Shape = Vec<Option<&'static str>>;

fn shape() -> impl Strategy<Value = Shape> {
    let segment = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some("c"))];
    (proptest::collection::vec(segment, 1..5), any::<bool>()).prop_map(|(mut shape, slash)| {
        if slash {
            shape.push(Some(""));
        }
        shape
    })
}

fn path() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(prop_oneof![4 => Just("a"), 4 => Just("b"), 2 => Just("z"), 1 => Just("")], 1..6)
}

/// What the matcher promises, said slowly: of all templates that fit, the one with a literal at the first difference.
fn slow_find<'r>(routes: &'r BTreeMap<(Shape, &'static str), u32>, path: &[&str]) -> Vec<(&'r str, u32)> {
    let fits = |shape: &Shape| {
        let fit =
            |(wanted, segment): (Option<&str>, &str)| wanted.map_or(!segment.is_empty(), |literal| literal == segment);
        shape.len() == path.len() && shape.iter().copied().zip(path.iter().copied()).all(fit)
    };
    let literals = |shape: &Shape| shape.iter().map(Option::is_some).collect::<Vec<bool>>();
    let fitting = routes.keys().map(|(shape, _)| shape).filter(|shape| fits(shape));
    let Some(best) = fitting.min_by_key(|shape| Reverse(literals(shape))) else {
        return Vec::new();
    };
    routes.iter().filter(|((shape, _), _)| shape == best).map(|((_, method), index)| (*method, *index)).collect()
}

proptest! {
    #[test]
    fn the_matcher_finds_what_a_slow_one_finds(
        shapes in proptest::collection::vec((shape(), 0_usize..3), 1..25),
        path in path(),
        method in 0_usize..3,
    ) {
        let mut routes = BTreeMap::new();
        let mut router = Router::default();
        for (shape, method) in shapes {
            let method = METHODS[method];
            let segments: Vec<String> = shape
                .iter()
                .enumerate()
                .map(|(at, segment)| segment.map_or_else(|| format!("{{p{at}}}"), str::to_owned))
                .collect();
            let template = Template::parse(&format!("/{}", segments.join("/"))).unwrap();
            let index = routes.len() as u32;
            match router.insert(None, method, &template, RouteIndex(index)) {
                Ok(()) => prop_assert_eq!(routes.insert((shape, method), index), None),
                Err(other) => prop_assert_eq!(routes.get(&(shape, method)), Some(&other.0)),
            }
        }
        let expected = slow_find(&routes, &path);
        let text = format!("/{}", path.join("/"));
        match router.find("any.example", METHODS[method], &text) {
            Match::Route(index, _) => prop_assert!(expected.contains(&(METHODS[method], index.0))),
            Match::MethodNotAllowed(methods) => {
                let mut allowed: Vec<&str> = expected.iter().map(|(method, _)| *method).collect();
                allowed.sort_unstable();
                prop_assert_eq!(&methods, &allowed);
                prop_assert!(!allowed.contains(&METHODS[method]));
            }
            Match::Unknown => prop_assert!(expected.is_empty()),
        }
    }

    #[test]
    fn a_throttle_admits_no_more_than_burst_and_rate_allow(
        quota in 1_u32..50,
        window_seconds in 1_u32..100,
        burst in 1_u32..20,
        pauses in proptest::collection::vec(0_u64..5 * SECOND, 1..200),
    ) {
        let throttles = [Throttle::new("t", quota, window_seconds, Some(burst)).unwrap()];
        let interval = u64::from(window_seconds) * SECOND / u64::from(quota);
        let cells = PartnerCells::default();
        let mut now = SECOND;
        let mut admitted: Vec<u64> = Vec::new();
        for pause in pauses {
            now += pause;
            match cells.decide(Kid(*b"Kid0000001"), &throttles, Monotonic(now)) {
                Decision::Admitted(_) => admitted.push(now),
                Decision::Denied { retry_after_seconds, standings, .. } => {
                    prop_assert_eq!(standings[0].remaining, 0);
                    prop_assert_eq!(standings[0].reset_seconds, retry_after_seconds);
                    // Who waits as told is let in.
                    let then = Monotonic(now + retry_after_seconds * SECOND);
                    prop_assert!(cells.look(Kid(*b"Kid0000001"), &throttles, then)[0].remaining >= 1);
                }
            }
        }
        for (index, &from) in admitted.iter().enumerate() {
            for (count, &to) in admitted[index..].iter().enumerate() {
                prop_assert!(count as u64 <= u64::from(burst) - 1 + (to - from).div_ceil(interval));
            }
        }
    }

    #[test]
    fn a_denial_changes_nothing(quotas in proptest::collection::vec(1_u32..6, 1..4), calls in 1_usize..30) {
        let throttles: Vec<Throttle> =
            quotas.iter().enumerate().map(|(index, quota)| Throttle::new(&format!("t{index}"), *quota, 60, None).unwrap()).collect();
        let cells = PartnerCells::default();
        let kid = Kid(*b"Kid0000001");
        let now = Monotonic(SECOND);
        let least = *quotas.iter().min().unwrap() as usize;
        let admitted = (0..calls).filter(|_| matches!(cells.decide(kid, &throttles, now), Decision::Admitted(_))).count();
        prop_assert_eq!(admitted, calls.min(least));
        let left: Vec<u32> = cells.look(kid, &throttles, now).iter().map(|standing| standing.remaining).collect();
        let expected: Vec<u32> = quotas.iter().map(|quota| quota - admitted as u32).collect();
        prop_assert_eq!(left, expected);
    }
}
