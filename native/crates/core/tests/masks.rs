//! What a mask leaves of an answer (`?fields=`), and which fields it may name.

mod projecting;

use portazgo_core::transform::answer::{AnswerProgram, Mask, Masked, Projector};
use projecting::{BASE, feed, whole};
use serde_json::{Value, json};
use std::sync::Arc;

/// What is written of `document` with these fields below `at`, or the field that is unknown.
fn masked(program: &Arc<AnswerProgram>, at: &[&str], fields: &str, document: &str) -> String {
    let at: Vec<String> = at.iter().map(|name| (*name).to_owned()).collect();
    let mask = Mask::parse(fields).unwrap();
    let Masked { program, root } = match program.masked(0, &at, &mask) {
        Ok(masked) => masked,
        Err(unknown) => return format!("? {}", unknown.field),
    };
    let mut projector = Projector::new(&program, root, BASE);
    let mut out = Vec::new();
    let outcome = projector.feed(document.as_bytes(), &mut out).and_then(|()| projector.finish(&mut out));
    outcome.map_or_else(|violation| violation.to_string(), |()| String::from_utf8(out).unwrap())
}

/// A list of parcels, with all that a program can say.
fn parcels() -> Arc<AnswerProgram> {
    whole(&json!({"depth": 16, "nodes": [
        {"object": {"members": [
            {"in": "count", "node": 1, "out": "count"}, {"in": "results", "node": 2, "out": "results"},
        ], "consts": [["version", {"major": 1, "minor": 2}]]}},
        {"null": true, "number": true, "string": true},
        {"array": 3},
        {"object": {"members": [
            {"in": "id", "node": 1, "out": "id", "required": true},
            {"in": "weight_g", "node": 1, "out": "grams", "wrap": ["weight"], "default": 0},
            {"in": "sender", "node": 4, "out": "from", "required": true},
            {"in": "flags", "node": 5, "inline": true},
            {"in": "route", "node": 6, "out": "route"},
            {"in": "next", "node": 3, "out": "next"},
            {"in": "tags", "node": 7, "out": "tags"},
        ], "consts": [["kind", "parcel"]]}},
        {"object": {"members": [{"in": "name", "node": 1, "out": "name"}, {"in": "city", "node": 1, "out": "town"}]}},
        {"null": true, "object": {"members": [
            {"in": "fragile", "node": 1, "out": "fragile", "required": true}, {"in": "heavy", "node": 1, "out": "heavy", "default": 1},
        ]}},
        {"object": {"members": [
            {"in": "a", "node": 1, "slot": 0}, {"in": "more", "node": 8, "scatter": true, "required": true},
        ], "hold": {"bytes": 100, "members": [
            {"out": "to", "members": [{"out": "b", "slot": 1, "required": true}, {"out": "c", "slot": 2, "default": 7}]},
            {"out": "a", "slot": 0}, {"out": "by", "const": "road"},
        ]}}},
        {"object": {"members": [], "others": 1}},
        {"null": true, "object": {"members": [{"in": "b", "node": 4, "slot": 1}, {"in": "c", "node": 1, "slot": 2}]}},
    ]}))
}

const PARCELS: &str = r#"{"count":1,"results":[{"id":5,"weight_g":9,"sender":{"name":"N","city":"C"},"flags":{"fragile":3},
    "route":{"more":{"b":{"name":"B","city":"D"}},"a":2},"next":{"id":6,"sender":{}},"tags":{"x":1,"y":2}}]}"#;

#[test]
fn a_mask_shows_what_is_in_both() {
    let all = r#"{"id":5,"weight":{"grams":9},"from":{"name":"N","town":"C"},"fragile":3,"heavy":1,"route":{"to":{"b":{"name":"B","town":"D"},"c":7},"a":2,"by":"road"},"next":{"id":6,"from":{},"weight":{"grams":0},"heavy":1,"kind":"parcel"},"tags":{"x":1,"y":2},"kind":"parcel"}"#;
    let version = r#""version":{"major":1,"minor":2}"#;
    let program = parcels();
    let plain = feed(&program, [PARCELS.as_bytes()]).unwrap();
    // Members of an object that is inline are written where it stands.
    let whole: Value = serde_json::from_str(&format!(r#"{{"count":1,"results":[{all}],{version}}}"#)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&plain).unwrap(), whole);
    for (fields, expected) in [
        ("id", r#"{"id":5}"#),
        ("kind,id", r#"{"id":5,"kind":"parcel"}"#),
        ("weight", r#"{"weight":{"grams":9}}"#),
        ("weight(grams)", r#"{"weight":{"grams":9}}"#),
        ("from(town)", r#"{"from":{"town":"C"}}"#),
        ("heavy", r#"{"heavy":1}"#),
        ("fragile", r#"{"fragile":3}"#),
        ("route(to(b(name)))", r#"{"route":{"to":{"b":{"name":"B"}}}}"#),
        ("route(by,a)", r#"{"route":{"a":2,"by":"road"}}"#),
        ("route(to(c))", r#"{"route":{"to":{"c":7}}}"#),
        ("next(next(id),id)", r#"{"next":{"id":6}}"#),
        ("tags(y,z)", r#"{"tags":{"y":2}}"#),
    ] {
        let expected = format!(r#"{{"count":1,"results":[{expected}],{version}}}"#);
        assert_eq!(masked(&program, &["results"], fields, PARCELS), expected, "{fields}");
    }
    for (fields, expected) in [
        ("results(id),version(minor)", r#"{"results":[{"id":5}],"version":{"minor":2}}"#),
        ("version", r#"{"version":{"major":1,"minor":2}}"#),
        ("count", r#"{"count":1}"#),
    ] {
        assert_eq!(masked(&program, &[], fields, PARCELS), expected, "{fields}");
    }
}

#[test]
fn what_a_mask_leaves_out_is_not_required() {
    let program = parcels();
    let document = r#"{"results":[{"next":{},"route":{"a":1}}]}"#;
    let shown = |fields| masked(&program, &["results"], fields, document);
    assert_eq!(
        shown("weight,route(a)"),
        r#"{"results":[{"route":{"a":1},"weight":{"grams":0}}],"version":{"major":1,"minor":2}}"#
    );
    assert!(shown("id").starts_with("missing "), "what is asked for is");
    assert!(shown("route").starts_with("missing "));
    // It is still read as JSON, and what is left out may be of any type.
    assert!(masked(&program, &[], "count", r#"{"results":[tru]}"#).starts_with("json "));
    assert_eq!(masked(&program, &[], "count", r#"{"results":7,"results":8}"#), "{}");
}

#[test]
fn what_is_computed_is_only_where_it_is_asked_for() {
    let program = whole(&json!({"depth": 8, "nodes": [
        {"object": {"members": [
            {"in": "id", "node": 1, "slot": 0}, {"in": "name", "node": 1, "slot": 1}, {"in": "hidden", "node": 2, "slot": 2},
        ], "hold": {"bytes": 4096, "members": [{"out": "id", "slot": 0}, {"out": "name", "slot": 1}, {"out": "more", "members": [
            {"out": "label", "compute": {"expr": ["add", ["input", "string", 0], ["input", "string", 1]], "inputs": [1, 2], "type": "string"}},
            {"out": "k", "const": 1},
        ]}]}}},
        {"number": true, "string": true},
        {"any": true},
    ]}));
    let document = r#"{"id":1,"name":"a","hidden":"b"}"#;
    for (fields, expected) in [
        ("id", r#"{"id":1}"#),
        ("more(label)", r#"{"more":{"label":"ab"}}"#),
        ("more(k),name", r#"{"name":"a","more":{"k":1}}"#),
        ("more", r#"{"more":{"label":"ab","k":1}}"#),
        ("more(label(x))", "? more.label.x"),
        ("hidden", "? hidden"),
    ] {
        assert_eq!(masked(&program, &[], fields, document), expected, "{fields}");
    }
    // What nobody asks for is not computed.
    let wrong = r#"{"id":1,"name":"a","hidden":7}"#;
    assert_eq!(masked(&program, &[], "id,name", wrong), r#"{"id":1,"name":"a"}"#);
    assert!(masked(&program, &[], "more", wrong).starts_with("type "));
}

#[test]
fn no_word_of_a_mask_is_told_with_a_violation() {
    let program = whole(&json!({"depth": 8, "nodes": [
        {"object": {"members": [{"in": "labels", "node": 1, "out": "labels"}]}},
        {"object": {"members": [], "others": 2}},
        {"string": true},
    ]}));
    let document = br#"{"labels":{"a":"b","ann@example.com":5}}"#;
    let mask = Mask::parse("labels(ann@example.com)").unwrap();
    let masked = program.masked(0, &[], &mask).unwrap();
    for (program, root) in [(&program, 0), (&masked.program, masked.root)] {
        let violation = Projector::new(program, root, "").feed(document, &mut Vec::new()).unwrap_err();
        assert_eq!((violation.place.as_str(), violation.field.as_str()), ("/labels/*", "/labels/*"));
    }
}

#[test]
fn a_field_that_is_not_written_is_unknown_by_name() {
    let program = parcels();
    for (at, fields, unknown) in [
        (&["results"][..], "id,nome", "nome"),
        (&["results"], "weight_g", "weight_g"),
        (&["results"], "flags", "flags"),
        (&["results"], "from(name,street)", "from.street"),
        (&["results"], "id(x)", "id.x"),
        (&["results"], "route(to(d))", "route.to.d"),
        (&["results"], "tags(x(y))", "tags.x.y"),
        (&["results"], "next(next(nome))", "next.next.nome"),
        (&[], "id", "id"),
        (&["rows"], "id", "rows"),
        (&["results", "rows"], "id", "results.rows"),
    ] {
        assert_eq!(masked(&program, at, fields, PARCELS), format!("? {unknown}"));
    }
    assert!(program.check_at(0, &["results".to_owned()]).is_ok());
    assert!(program.check_at(0, &["rows".to_owned()]).is_err());
}
