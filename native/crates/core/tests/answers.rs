//! What partners see of answers: by hand, for each member of a program (docs/programs.md), at every split into two pieces.

use portazgo_core::transform::answer::{AnswerProgram, Mask, Masked, Projector, Violation};
use serde_json::{Value, json};
use std::sync::Arc;

const BASE: &str = "https://gate.example";

fn program(nodes: &Value) -> Arc<AnswerProgram> {
    whole(&json!({"nodes": nodes, "depth": 64}))
}

fn whole(program: &Value) -> Arc<AnswerProgram> {
    Arc::new(AnswerProgram::parse(program.to_string().as_bytes()).unwrap_or_else(|refused| panic!("{refused}")))
}

fn feed<'p>(program: &Arc<AnswerProgram>, pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<String, Violation> {
    let mut projector = Projector::new(program, 0, BASE);
    let mut out = Vec::new();
    for piece in pieces {
        projector.feed(piece, &mut out)?;
    }
    projector.finish(&mut out)?;
    Ok(String::from_utf8(out).expect("what is written is UTF-8"))
}

/// What is written for this document, however it is cut in two; or what is wrong, where, and the byte.
fn shown(program: &Arc<AnswerProgram>, document: &[u8]) -> String {
    let told = |outcome: Result<String, Violation>| match outcome {
        Ok(text) => text,
        Err(Violation { offset, why, place }) => format!("{} {offset} {place}", why.as_str()),
    };
    let expected = told(feed(program, [document]));
    for at in 0..=document.len() {
        let (head, tail) = document.split_at(at);
        assert_eq!(told(feed(program, [head, tail])), expected, "{} cut at {at}", String::from_utf8_lossy(document));
    }
    assert_eq!(told(feed(program, document.chunks(1))), expected, "byte by byte");
    expected
}

fn check(program: &Arc<AnswerProgram>, cases: &[(&str, &str)]) {
    for (document, expected) in cases {
        assert_eq!(shown(program, document.as_bytes()), *expected, "{document}");
    }
}

/// Node 0 is an object of these members; 1 any scalar or null, 2 free-form, 3 an array of itself or integers.
fn object(object: &Value) -> Arc<AnswerProgram> {
    program(&json!([
        {"object": object},
        {"null": true, "boolean": true, "number": true, "string": true},
        {"any": true},
        {"integer": true, "array": 3},
    ]))
}

#[test]
fn what_is_listed_passes_byte_for_byte_and_nothing_else_does() {
    let program = object(&json!({"members": [
        {"in": "id", "node": 1, "out": "id"}, {"in": "naïve", "node": 1, "out": "é\"/"}, {"in": "free", "node": 2, "out": "free"},
        {"in": "deep", "node": 3, "out": "deep"},
    ]}));
    check(
        &program,
        &[
            ("{}", "{}"),
            (" \t\r\n{ } \n", "{}"),
            (r#"{"secret":{"id":1,"x":[1,{"id":2}]},"id":1}"#, r#"{"id":1}"#),
            (r#"{"id":12345678901234567890.10e-400,"more":"id"}"#, r#"{"id":12345678901234567890.10e-400}"#),
            (r#"{"id" : -0 , "x" : null , "free":[ ]}"#, r#"{"id":-0,"free":[]}"#),
            (r#"{"i\u0064":"\ud800 \/ \u0000é𝄞"}"#, r#"{"id":"\ud800 \/ \u0000é𝄞"}"#),
            (r#"{"na\u00efve":true}"#, r#"{"é\"/":true}"#),
            (r#"{"naïve":false,"\ud800":1,"id\u0000":2,"":3}"#, r#"{"é\"/":false}"#),
            (
                r#"{"free":{"a" : [1 , 2.50,"x\n", {"b":null} ], "a":true},"id":null}"#,
                r#"{"free":{"a":[1,2.50,"x\n",{"b":null}],"a":true},"id":null}"#,
            ),
            (r#"{"deep":[[],[1,[2.0]],3]}"#, r#"{"deep":[[],[1,[2.0]],3]}"#),
        ],
    );
}

#[test]
fn what_may_not_stand_in_a_place_is_a_violation_there() {
    let program = object(&json!({"members": [
        {"in": "id", "node": 1, "out": "number"}, {"in": "deep", "node": 3, "out": "de/ep", "wrap": ["w"]},
    ]}));
    check(
        &program,
        &[
            ("", "truncated 0 "),
            ("  ", "truncated 2 "),
            ("[]", "type 0 "),
            ("null", "type 0 "),
            ("7", "type 0 "),
            (r#"{"id":{}}"#, "type 6 /number"),
            (r#"{"deep":[1,[2,1.5]]}"#, "type 14 /w/de~1ep/1/1"),
            (r#"{"deep":[1,null]}"#, "type 11 /w/de~1ep/1"),
            (r#"{"id":1,"i\u0064":2}"#, "duplicate 8 /number"),
            (r#"{"id":1,"x":1,"x":2}"#, r#"{"number":1}"#),
            (r#"{"id":tru}"#, "json 6 /number"),
            (r#"{"hidden":tru}"#, "json 10 "),
            (r#"{"hidden":[01]}"#, "json 12 "),
            (r#"{"id":1.}"#, "json 8 /number"),
            (r#"{"id":"\x"}"#, "json 7 /number"),
            (r#"{"id":"\ud80g"}"#, "json 7 /number"),
            ("{\"id\":\"a\nb\"}", "json 8 /number"),
            (r#"{"id":1}}"#, "trailing 8 "),
            (r#"{"id":1} x"#, "trailing 9 "),
            (r#"{"id":1"#, "truncated 7 /number"),
            (r#"{"id":1,}"#, "json 8 /number"),
            (r#"{"id" 1}"#, "json 6 /number"),
            ("\u{feff}{}", "json 0 "),
        ],
    );
    for (bytes, expected) in [
        (&b"{\"id\":\"a\xc3\"}"[..], "json 8 /number"),
        (b"{\"id\":\"\xed\xa0\x80\"}", "json 7 /number"),
        (b"{\"x\xff\":1}", "json 3 "),
        (b"{\"x\":\"\xf4\x90\x80\x80\"}", "json 6 "),
    ] {
        assert_eq!(shown(&program, bytes), expected);
    }
}

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
