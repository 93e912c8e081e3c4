//! Requests of contracts: the golden cases of tests/cases, and what holds for all bodies.

use portazgo_core::time::WallTime;
use portazgo_core::transform::json::{self, ROOT};
use portazgo_core::transform::request::{self, BodyRefused, Errors, Filling, MOST, RequestProgram};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[derive(Deserialize)]
struct Texts {
    accepted: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    text: Option<String>,
    hex: Option<String>,
    why: String,
    offset: usize,
}

impl Refused {
    fn bytes(&self) -> Vec<u8> {
        let digits = self.hex.as_deref().unwrap_or_default();
        let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        self.text.as_ref().map_or_else(|| bytes.collect(), |text| text.clone().into_bytes())
    }
}

#[test]
fn texts_are_json_or_not_as_rfc_8259_has_it() {
    let texts: Texts = serde_json::from_str(&text_of("json.json")).unwrap();
    for text in &texts.accepted {
        assert!(json::read(text.as_bytes(), 8).is_ok(), "{text}");
    }
    for case in &texts.refused {
        let refused = json::read(&case.bytes(), 8).expect_err(&format!("{case:?}"));
        assert_eq!((refused.why.word(), refused.offset), (&*case.why, case.offset), "{case:?}");
    }
}

#[derive(Deserialize)]
#[allow(clippy::struct_field_names, reason = "the names of the file")]
struct Cases {
    values: Value,
    now_us: i64,
    programs: BTreeMap<String, Box<RawValue>>,
    cases: Vec<Case>,
    refused: Vec<RefusedProgram>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    program: String,
    body: String,
    written: Option<String>,
    errors: Option<Vec<(String, String)>>,
    invalid: Option<String>,
    offset: Option<usize>,
    fill_failed: Option<String>,
}

#[derive(Deserialize)]
struct RefusedProgram {
    program: Box<RawValue>,
    at: String,
}

static CASES: LazyLock<Cases> = LazyLock::new(|| serde_json::from_str(&text_of("requests.json")).unwrap());

/// What a body comes to: what is written, or what is wrong.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Written(String),
    Wrong(Vec<(String, String)>),
    Invalid(String, usize),
    FillFailed(String),
    Effort,
}

fn outcome(program: &RequestProgram, body: &[u8]) -> Outcome {
    let mut errors = Errors::default();
    let mut random = || 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let mut filling = Filling { values: &CASES.values, now: WallTime(CASES.now_us), random: &mut random };
    match program.rewrite(0, body, &mut filling, &mut errors).unwrap() {
        Err(BodyRefused::Invalid(refused)) => Outcome::Invalid(refused.why.word().to_owned(), refused.offset),
        Err(BodyRefused::Effort) => Outcome::Effort,
        Err(BodyRefused::Fill(failed)) => Outcome::FillFailed(failed.why),
        Ok(written) if errors.is_empty() => Outcome::Written(String::from_utf8(written).unwrap()),
        Ok(written) => {
            assert!(written.is_empty());
            Outcome::Wrong(errors.iter().map(|error| (error.at.clone(), error.broken.code.word().to_owned())).collect())
        }
    }
}

#[test]
fn bodies_come_to_what_their_program_says() {
    for case in &CASES.cases {
        let program = RequestProgram::compile(CASES.programs[&case.program].get()).unwrap();
        match (outcome(&program, case.body.as_bytes()), case) {
            (Outcome::Written(written), Case { written: Some(expected), .. }) => {
                assert_eq!(&written, expected, "{case:?}");
            }
            (Outcome::Wrong(errors), Case { errors: Some(expected), .. }) => assert_eq!(&errors, expected, "{case:?}"),
            (Outcome::Invalid(why, offset), Case { invalid: Some(expected), .. }) => {
                assert_eq!((&why, Some(offset)), (expected, case.offset), "{case:?}");
            }
            (Outcome::FillFailed(why), Case { fill_failed: Some(part), .. }) => {
                assert!(why.contains(part) && !why.contains("gold"), "{why}");
            }
            (other, case) => panic!("{other:?} {case:?}"),
        }
    }
}

#[test]
fn programs_that_cannot_run_are_refused_where_they_are_wrong() {
    for case in &CASES.refused {
        let refused = request::check(case.program.get()).expect_err(case.program.get());
        assert_eq!(refused.at, case.at, "{}: {refused}", case.program);
    }
}

#[test]
fn no_more_than_twenty_errors_are_told() {
    let program = RequestProgram::compile(CASES.programs["lengths"].get()).unwrap();
    let body = format!("[{}]", ["1"; 1000].join(","));
    let Outcome::Wrong(errors) = outcome(&program, body.as_bytes()) else { panic!() };
    assert_eq!(errors.len(), MOST);
}

fn many(item: &str, count: usize) -> String {
    format!("[{}]", vec![item; count].join(","))
}

/// Of what a body could have checked again and again no more is done than its length allows.
#[test]
fn a_body_that_takes_too_much_work_is_refused() {
    let list = |node: &str, more: &str| {
        let text = format!(r#"{{"depth": 64, "nodes": [{{"array": {{"items": 1}}}}, {node}, {more}]}}"#);
        RequestProgram::compile(&text).unwrap()
    };
    let choices = |count: usize| {
        let variants =
            [vec![r#"{"value": null, "node": 2}"#; count].join(","), r#"{"value": null, "node": 3}"#.to_owned()];
        list(
            &format!(r#"{{"one_of": {{"discriminator": null, "variants": [{}]}}}}"#, variants.join(",")),
            r#"{"integer": {"max": "0"}}, {"integer": true}"#,
        )
    };
    let digits = many("9", 50_000);
    assert_eq!(outcome(&choices(10), digits.as_bytes()), Outcome::Written(digits.clone()));
    assert_eq!(outcome(&choices(400), digits.as_bytes()), Outcome::Effort);

    // Each byte of such a text needs another state of what is searched; honest texts share a few.
    let searching = |pattern: &str| list(&format!(r#"{{"string": {{"pattern": "{pattern}"}}}}"#), r#"{"null": true}"#);
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    let slow: String = (0..1_000).map(|_| letter()).collect();
    assert_eq!(outcome(&searching("a[ab]{500}c"), many(&format!("\"{slow}\""), 50).as_bytes()), Outcome::Effort);
    let names = many(r#""a-name_of-30-letters-and-digits""#, 2_000);
    assert_eq!(outcome(&searching("^[0-9A-Za-z_-]{1,1000}$"), names.as_bytes()), Outcome::Written(names.clone()));

    // A list of lists: what lies inside would be compared once for each list around it.
    let nested =
        RequestProgram::compile(r#"{"depth": 64, "nodes": [{"array": {"items": 0, "unique": true}, "string": true}]}"#);
    let text = format!("{}\"{}\"{}", "[".repeat(60), "x".repeat(400_000), "]".repeat(60));
    assert_eq!(outcome(&nested.unwrap(), text.as_bytes()), Outcome::Effort);
    let members = (0..500).map(|number| format!(r#"{{"in": "m{number}", "node": 2, "out": "m{number}"}}"#));
    let members = members.collect::<Vec<_>>().join(",");
    let wide = list(&format!(r#"{{"object": {{"unknown": "refuse", "members": [{members}]}}}}"#), r#"{"null": true}"#);
    assert_eq!(outcome(&wide, many("{}", 200_000).as_bytes()), Outcome::Effort);
}

#[test]
fn a_long_text_is_searched_to_its_end() {
    let program = r#"{"depth": 2, "nodes": [{"string": {"pattern": "^[^<>]*$"}}]}"#;
    let program = RequestProgram::compile(program).unwrap();
    let long = format!("\"{}\"", "plain words ".repeat(100_000));
    assert_eq!(outcome(&program, long.as_bytes()), Outcome::Written(long.clone()));
    let broken = format!("\"{}<\"", "plain words ".repeat(100_000));
    assert!(matches!(outcome(&program, broken.as_bytes()), Outcome::Wrong(_)));
}

#[test]
fn a_pattern_that_is_refused_is_named() {
    let with = |patterns: &str| format!(r#"{{"depth": 2, "nodes": [{{"string": {{"pattern": {patterns}}}}}]}}"#);
    let refused = request::check(&with(r#""(((a{100}){100}){100})""#)).unwrap_err();
    assert_eq!(refused.at, "/nodes/0/string/pattern");
    assert!(refused.why.contains("too large") && refused.why.contains("(((a{100}){100}){100})"), "{refused}");
    let many: Vec<String> = (0..200).map(|number| format!("\"^a{number}$\"")).collect();
    let refused = request::check(&with(&format!("[{}]", many.join(",")))).unwrap_err();
    assert!(refused.why.contains("the patterns of the program take more than 32 MiB"), "{refused}");
    // The same pattern in many places is one.
    let same = vec![r#"{"string": {"pattern": "^a+$"}}"#; 500].join(",");
    assert_eq!(request::check(&format!(r#"{{"depth": 2, "nodes": [{same}]}}"#)), Ok(()));
}

/// Each empty object would become sixty times what it was.
#[test]
fn what_is_written_is_bounded_by_what_came() {
    let filled = format!(
        r#"{{"depth": 4, "nodes": [{{"array": {{"items": 1}}}}, {{"object": {{"unknown": "refuse", "fill": [{{"out": "x", "value": {{"const": "{}"}}}}]}}}}]}}"#,
        "y".repeat(150)
    );
    let program = RequestProgram::compile(&filled).unwrap();
    let body = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    assert!(matches!(outcome(&program, body(1000).as_bytes()), Outcome::Written(_)));
    let large = body(300_000);
    assert_eq!(outcome(&program, large.as_bytes()), Outcome::Invalid("size".to_owned(), large.len()));
}

/// Choices within choices: each is made once. Without that this body would take 2^60 steps.
#[test]
fn choices_in_each_other_do_not_multiply() {
    let program = RequestProgram::compile(CASES.programs["first"].get()).unwrap();
    let body = format!("{}1{}", "{\"left\":".repeat(60), ",\"b\":1}".repeat(60));
    assert!(matches!(outcome(&program, body.as_bytes()), Outcome::Written(_)));
    let body = format!("{}\"x\"{}", "{\"left\":".repeat(60), ",\"b\":1}".repeat(60));
    assert!(matches!(outcome(&program, body.as_bytes()), Outcome::Wrong(_)));
}

#[test]
fn errors_quote_nothing_of_what_was_sent() {
    let secret = "s3cr3t-value";
    for program in CASES.programs.values() {
        let program = RequestProgram::compile(program.get()).unwrap();
        for body in
            [format!("[\"{secret}\"]"), format!("{{\"s\":\"{secret}\",\"date\":\"{secret}\",\"kind\":\"{secret}\"}}")]
        {
            let mut errors = Errors::default();
            let mut filling = Filling { values: &CASES.values, now: WallTime(0), random: &mut || 0 };
            let _ = program.rewrite(0, body.as_bytes(), &mut filling, &mut errors);
            assert!(!errors.json().contains(secret), "{}", errors.json());
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..1001).prop_map(Value::from),
        prop_oneof![Just("a"), Just("on"), Just("card"), Just("2026-11-26"), Just("1.5"), Just("CH1")]
            .prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("kind"),
        Just("pan"),
        Just("s"),
        Just("i"),
        Just("first"),
        Just("address"),
        Just("items"),
        Just("sku"),
        Just("left"),
        Just("tenant")
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_json_without_a_name_twice(body in value(), pick: prop::sample::Index) {
        let programs: Vec<&Box<RawValue>> = CASES.programs.values().collect();
        let program = RequestProgram::compile(programs[pick.index(programs.len())].get()).unwrap();
        let body = body.to_string();
        let first = outcome(&program, body.as_bytes());
        if let Outcome::Written(written) = &first {
            let document = json::read(written.as_bytes(), json::DEEPEST).unwrap();
            let mut compact = Vec::new();
            json::write_compact(&document, ROOT, &mut compact);
            prop_assert_eq!(std::str::from_utf8(&compact).unwrap(), written);
        }
        prop_assert_eq!(outcome(&program, body.as_bytes()), first);
    }

    #[test]
    fn no_bytes_make_a_program_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), pick: prop::sample::Index) {
        let programs: Vec<&Box<RawValue>> = CASES.programs.values().collect();
        let program = RequestProgram::compile(programs[pick.index(programs.len())].get()).unwrap();
        let mut errors = Errors::default();
        let mut filling = Filling { values: &CASES.values, now: WallTime(0), random: &mut || 0 };
        let _ = program.rewrite(0, &bytes, &mut filling, &mut errors);
    }
}
