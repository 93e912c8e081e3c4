//! What came before changes nothing of an answer: a workspace remembers in what order members came, and projects as one does that
//! remembers nothing.

mod projecting;

use portazgo_core::transform::answer::{AnswerProgram, Workspace};
use projecting::{BASE, feed, program, told};
use proptest::prelude::*;
use serde_json::json;
use std::sync::{Arc, LazyLock};

/// Names that begin alike, one longer than is remembered, and one that is another's in its escaped spelling.
const NAMES: [&str; 12] = [
    "id",
    "idx",
    "i",
    "",
    "a_name_of_sixteen",
    "a_name_of_sixteem",
    "a_name_that_is_longer_than_others",
    "a_name_that_is_longer_than_otherz",
    "list",
    "in",
    "i\\u0064",
    "naïve",
];
const VALUES: [&str; 9] = ["1", "-0.5", "\"x\"", "null", "true", "[1, {\"id\":2}]", "[]", "7]", "\"\\n\""];
const SPACES: [&str; 4] = ["", " ", "  ", "\n\t"];

/// Two programs that mean other members by the same names.
static PROGRAMS: LazyLock<[Arc<AnswerProgram>; 2]> = LazyLock::new(|| {
    let member = |name: &str, node: u32| json!({"in": name, "node": node, "out": name.to_uppercase()});
    let scalar = json!({"null": true, "boolean": true, "number": true, "string": true, "array": 3});
    [
        program(&json!([
            {"object": {"members": [member("id", 1), member("a_name_of_sixteen", 1), member("list", 2), member("in", 0),
                member("a_name_that_is_longer_than_others", 1)]}},
            scalar, {"array": 0}, {"any": true},
        ])),
        program(&json!([
            {"object": {"members": [member("idx", 1), member("a_name_of_sixteem", 1), member("i", 3), member("list", 2),
                {"in": "id", "drop": true}], "others": 1}},
            scalar, {"array": 4}, {"any": true}, {"object": {"members": [member("id", 1), member("", 1), member("naïve", 1)]}},
        ])),
    ]
});

fn document() -> impl Strategy<Value = String> {
    let of = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(str::to_owned);
    let leaf = of(&VALUES);
    leaf.prop_recursive(3, 40, 8, move |inner| {
        let member = (of(&NAMES), of(&SPACES), of(&SPACES), inner.clone(), of(&SPACES))
            .prop_map(|(name, before, after, value, end)| format!("\"{name}\"{before}:{after}{value}{end}"));
        let list = prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
        prop_oneof![3 => prop::collection::vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(","))), 1 => list]
    })
}

/// What is written, or what is wrong, by a workspace.
fn projected(workspace: &mut Workspace, program: &AnswerProgram, document: &str) -> String {
    let mut out = Vec::new();
    let outcome = workspace.project(program, 0, BASE, document.as_bytes(), usize::MAX, &mut out);
    told(outcome.map(|whole| {
        assert!(whole);
        String::from_utf8(out).unwrap()
    }))
}

proptest! {
    #[test]
    fn what_came_before_changes_nothing(
        answers in prop::collection::vec((document(), 0_usize..2), 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let mut workspace = Workspace::default();
        for index in order {
            let (document, which) = &answers[index.index(answers.len())];
            let program = &PROGRAMS[*which];
            // Byte by byte nothing is remembered.
            let expected = told(feed(program, document.as_bytes().chunks(1)));
            prop_assert_eq!(projected(&mut workspace, program, document), expected, "{} by {}", document, which);
        }
    }
}

#[test]
fn programs_come_and_go() {
    let mut workspace = Workspace::default();
    for round in 0..40 {
        // Each is dropped before the next is made, and may come to stand where it stood.
        let name = ["id", "name", "total"][round % 3];
        let made =
            program(&json!([{"object": {"members": [{"in": name, "node": 1, "out": "shown"}]}}, {"number": true}]));
        for _ in 0..2 {
            let written = projected(&mut workspace, &made, r#"{"id":1,"name":2,"total":3}"#);
            assert_eq!(written, format!("{{\"shown\":{}}}", 1 + round % 3));
        }
    }
}

#[test]
fn members_that_are_left_out_or_moved_are_found() {
    let shown = program(&json!([
        {"object": {"members": [{"in": "a", "node": 1, "out": "a"}, {"in": "f", "node": 1, "out": "f"}]}}, {"number": true},
    ]));
    let mut workspace = Workspace::default();
    for names in ["abcdef", "af", "abcdef", "aef", "fa", "bf", "abcdef", "fedcba", "a", "xyzabcdef"] {
        let members: Vec<String> =
            names.bytes().map(|name| format!("\"{}\": {}", char::from(name), name - b'a')).collect();
        let kept: Vec<String> = names
            .bytes()
            .filter(|name| b"af".contains(name))
            .map(|name| format!("\"{}\":{}", char::from(name), name - b'a'))
            .collect();
        let document = format!("{{{}}}", members.join(", "));
        assert_eq!(projected(&mut workspace, &shown, &document), format!("{{{}}}", kept.join(",")), "{names}");
    }
}

#[test]
fn a_comma_that_is_missing_is_missed_whatever_came_before() {
    let shown = program(&json!([
        {"object": {"members": [{"in": "a", "node": 1, "out": "a"}, {"in": "b", "node": 1, "out": "b"}]}},
        {"number": true, "null": true},
    ]));
    // As it is remembered: as the first, after a comma, after a container, and after a name that is too long for that.
    let usual = [
        r#"{"a": 1, "b": 2}"#,
        r#"{"b": 2, "a": 1}"#,
        r#"{"x": {}, "a": 1, "y": [], "b": 2}"#,
        r#"{"a name that is too long to be remembered": 0, "a": 1, "b": 2}"#,
    ];
    let wrong = [
        r#"{"a": 1"b": 2}"#,
        r#"{"b": 2 "a": 1}"#,
        r#"{"x": {}"a": 1, "y": []"b": 2}"#,
        r#"{"x": 0"a": 1, "y": 0"b": 2}"#,
        r#"{"a name that is too long to be remembered": 0"a": 1"b": 2}"#,
        r#"{, "a": 1, "b": 2}"#,
        r#"{"a": 1, , "b": 2}"#,
    ];
    // Only what has enough bytes after it is compared with what is remembered.
    let padded = |text: &str| format!("{},\"z\":\"{}\"}}", text.trim_end_matches('}'), "z".repeat(64));
    for usual in usual {
        for wrong in wrong {
            let mut workspace = Workspace::default();
            for _ in 0..2 {
                let written = projected(&mut workspace, &shown, &padded(usual));
                assert!(written.contains("\"a\":1") && written.contains("\"b\":2"), "{written}");
            }
            let expected = told(feed(&shown, padded(wrong).as_bytes().chunks(1)));
            assert!(expected.contains("json"), "{expected}");
            assert_eq!(projected(&mut workspace, &shown, &padded(wrong)), expected, "{wrong} after {usual}");
        }
    }
}

/// Objects in objects and in lists, some with ends of their own, and not too deep.
fn nested(depth: u32) -> Arc<AnswerProgram> {
    let member = |name: &str, node: u32| json!({"in": name, "node": node, "out": name.to_uppercase()});
    projecting::whole(&json!({"depth": depth, "nodes": [
        {"object": {"members": [member("a", 1), member("o", 2), member("l", 3), {"in": "w", "node": 2, "out": "w", "wrap": ["v"]},
            {"in": "i", "node": 7, "inline": true}, {"in": "e", "node": 6, "out": "e", "drop_null": true}]}},
        {"number": true, "null": true, "string": true},
        {"object": {"members": [{"in": "x", "node": 1, "out": "X", "required": true}, member("l", 3)]}},
        {"array": 4},
        {"object": {"members": [member("k", 1), member("m", 5)]}},
        {"array": 2},
        {"object": {"members": [member("x", 1)], "consts": [["c", 1]]}},
        {"object": {"members": [member("y", 1), member("m", 3)]}},
    ]}))
}

#[test]
fn what_lies_in_each_other_comes_as_it_does_byte_by_byte_and_breaks_where_it_does() {
    const SOUND: &str = r#"{"a":1,"o":{"x":2,"n":[{}],"l":[{"k":3},{"k":4, "z":0}]},"l": [ {"m":[{"x":5},{"l":[],"x":6}]} , {"k":7}],"w":{"x":8},"i":{"m":[{"k":9}],"y":null},"e":{"x":"ten"},"q":{"x":[]},"z":"end of it"}"#;
    let others = ["", " ", "{", "}", "[", "]", ",", ":", "\"", "0", "{}", "[]", "null", ",{", "},{", "]}", "\"x\":1,"];
    for program in [nested(64), nested(5), nested(4), nested(3), nested(2)] {
        let mut workspace = Workspace::default();
        for place in 0..SOUND.len() {
            for (other, replaced) in others.iter().flat_map(|other| [(other, 0), (other, 1)]) {
                let document = format!("{}{other}{}", &SOUND[..place], &SOUND[place + replaced..]);
                let expected = told(feed(&program, document.as_bytes().chunks(1)));
                assert_eq!(projected(&mut workspace, &program, &document), expected, "{document}");
            }
        }
    }
}

#[test]
fn what_is_written_at_once_is_bounded_wherever_it_lies() {
    let document = format!(r#"{{"l":[{}],"o":{{"x":1}},"a":2}}"#, [r#"{"k":1,"m":[{"x":1},{"x":2}]}"#; 20].join(","));
    let (program, whole) = (nested(64), told(feed(&nested(64), document.as_bytes().chunks(1))));
    for most in 1..60 {
        let mut projector = portazgo_core::transform::answer::Projector::new(&program, 0, BASE);
        let (mut written, mut rest) = (Vec::new(), document.as_bytes());
        while !rest.is_empty() {
            let mut out = Vec::new();
            let taken = projector.feed_until(rest, most, &mut out).unwrap();
            // Of one member, and the brackets before and after it.
            assert!(taken > 0 && out.len() < most + 24, "{} of {most}", out.len());
            rest = &rest[taken..];
            written.extend_from_slice(&out);
        }
        assert_eq!(String::from_utf8(written).unwrap(), whole, "{most}");
    }
}
