//! What partners see of answers: by hand, for each member of a program (docs/programs.md), at every split into two pieces.

use portazgo_core::transform::answer::{AnswerProgram, Projector, Violation};
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
