//! What partners see of answers: by hand, for each member of a program (docs/programs.md), at every split into two pieces.

mod projecting;

use portazgo_core::transform::answer::{AnswerProgram, Projector};
use projecting::{BASE, check, feed, program, shown, told, whole};
use serde_json::{Value, json};
use std::sync::Arc;

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
            (r#"-0.e"5"#, "type 0 "),
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

#[test]
fn a_type_is_looked_at_before_it_passes() {
    let program = program(&json!([
        {"object": {"members": [
            {"in": "i", "node": 1, "out": "i"}, {"in": "n", "node": 2, "out": "n"}, {"in": "s", "node": 3, "out": "s"},
            {"in": "b", "node": 4, "out": "b"}, {"in": "z", "node": 5, "out": "z"},
        ]}},
        {"integer": true}, {"number": true}, {"string": true}, {"boolean": true}, {"null": true},
    ]));
    check(
        &program,
        &[
            (r#"{"i":-10.00}"#, r#"{"i":-10.00}"#),
            (r#"{"i":1.5}"#, "type 5 /i"),
            (r#"{"i":1e2}"#, "type 5 /i"),
            (r#"{"n":1e2,"i":7}"#, r#"{"n":1e2,"i":7}"#),
            (r#"{"n":"1"}"#, "type 5 /n"),
            (r#"{"s":1}"#, "type 5 /s"),
            (r#"{"s":null}"#, "type 5 /s"),
            (r#"{"b":false,"z":null}"#, r#"{"b":false,"z":null}"#),
            (r#"{"b":null}"#, "type 5 /b"),
            (r#"{"z":true}"#, "type 5 /z"),
            (r#"{"z":[]}"#, "type 5 /z"),
        ],
    );
}

#[test]
fn actions_change_values() {
    let program = whole(&json!({"depth": 4, "nodes": [
        {"object": {"members": [
            {"in": "status", "node": 1, "out": "status"}, {"in": "code", "node": 2, "out": "code", "default": 0},
            {"in": "at", "node": 3, "out": "at"}, {"in": "next", "node": 4, "out": "next"},
            {"in": "list", "node": 5, "out": "list"}, {"in": "to", "node": 6, "out": "to"},
        ]}},
        {"string": {"map": [["open", "OPEN"], ["closed", 0]], "otherwise": "null"}},
        {"string": {"map": [["x", "y"]], "otherwise": "omit"}, "integer": {"map": [[1, "one"]], "otherwise": "fail"}, "number": true},
        {"string": {"date": {"from": "date-time", "to": "unix"}}},
        {"string": {"url": 0}},
        {"array": 2},
        {"string": {"to": "integer"}, "number": {"to": "string"}},
    ], "urls": [{"prefixes": ["http://b.example"], "routes": [{"from": "/api/x/{id}/", "to": "/v1/{id}"}], "query": [["p", "page"]],
        "otherwise": "null"}]}));
    check(
        &program,
        &[
            (r#"{"status":"op\u0065n"}"#, r#"{"status":"OPEN","code":0}"#),
            (r#"{"status":"closed"}"#, r#"{"status":0,"code":0}"#),
            (r#"{"status":"other"}"#, r#"{"status":null,"code":0}"#),
            (r#"{"code":"x"}"#, r#"{"code":"y"}"#),
            // It has come: no default stands in for it.
            (r#"{"code":"z"}"#, "{}"),
            (r#"{"code":1}"#, r#"{"code":"one"}"#),
            (r#"{"code":2}"#, "value 8 /code"),
            (r#"{"code":2.5}"#, r#"{"code":2.5}"#),
            (r#"{"code":1,"list":["z",1.5,"x","z"]}"#, r#"{"code":"one","list":[1.5,"y"]}"#),
            (r#"{"at":"2026-08-01T10:00:00Z","code":1.5}"#, r#"{"at":1785578400,"code":1.5}"#),
            (r#"{"at":"soon"}"#, "value 6 /at"),
            (
                r#"{"next":"http://b.example/api/x/7/?p=2&q=3","code":1.5}"#,
                r#"{"next":"https://gate.example/v1/7?page=2","code":1.5}"#,
            ),
            (r#"{"next":"http://other.example/api/x/7/","code":1.5}"#, r#"{"next":null,"code":1.5}"#),
            (r#"{"to":"12345678901234567890","code":1.5}"#, r#"{"to":12345678901234567890,"code":1.5}"#),
            (r#"{"to":1.50,"code":1.5}"#, r#"{"to":"1.50","code":1.5}"#),
            (r#"{"to":"1.5"}"#, "value 6 /to"),
        ],
    );
}

#[test]
fn a_scalar_that_is_too_long_is_not_read_whole() {
    let action = |otherwise: &str| {
        program(&json!([
            {"array": 1},
            {"string": {"map": [["x", "y"]], "otherwise": otherwise}, "number": {"map": [], "otherwise": otherwise}},
        ]))
    };
    let (long, number) = ("x".repeat(9_000), "1".repeat(9_000));
    for (otherwise, expected) in [
        ("copy", format!("[\"{long}\",1]")),
        ("null", "[null,null]".into()),
        ("omit", "[]".into()),
        ("fail", "size 1 /0".into()),
    ] {
        for pieces in [1, 100, 4_096, 20_000] {
            let document = format!("[\"{long}\",1]");
            let told = told(feed(&action(otherwise), document.as_bytes().chunks(pieces)));
            assert_eq!(told, expected, "{otherwise} in pieces of {pieces}");
            let told = self::told(feed(&action(otherwise), format!("[{number}]").as_bytes().chunks(pieces)));
            assert_eq!(told, "size 1 /0", "a number, {otherwise} in pieces of {pieces}");
        }
    }
    // What has no action has no bound.
    let copied = program(&json!([{"array": 1}, {"string": true, "integer": true}]));
    let document = format!("[\"{long}\",{number}]");
    for pieces in [1, 100, 20_000] {
        assert_eq!(told(feed(&copied, document.as_bytes().chunks(pieces))), document);
    }
}

#[test]
fn a_map_keeps_its_names() {
    let program = program(&json!([
        {"object": {"members": [{"in": "id", "node": 1, "out": "number"}, {"in": "w", "node": 1, "out": "x", "wrap": ["wrapped"]}],
            "others": 1, "consts": [["kind", "k"]]}},
        {"integer": true, "string": {"map": [["drop", 0]], "otherwise": "omit"}},
    ]));
    let long = format!("{{\"{}\":1}}", "n".repeat(8_193));
    check(
        &program,
        &[
            (
                r#"{"a":1,"\u0062":2,"\ud800":3,"id":4,"a":5}"#,
                r#"{"a":1,"\u0062":2,"\ud800":3,"number":4,"a":5,"kind":"k"}"#,
            ),
            (r#"{"a":"x","b":"drop"}"#, r#"{"b":0,"kind":"k"}"#),
            (r#"{"a":1.5}"#, "type 5 /*"),
            (r#"{"number":1}"#, "duplicate 1 /*"),
            (r#"{"kin\u0064":1}"#, "duplicate 1 /*"),
            (r#"{"wrapped":1}"#, "duplicate 1 /*"),
        ],
    );
    for pieces in [1, 5_000, 10_000] {
        assert_eq!(told(feed(&program, long.as_bytes().chunks(pieces))), "size 1 /*");
    }
}

#[test]
fn an_object_ends_with_what_did_not_come() {
    let program = program(&json!([
        {"object": {"members": [
            {"in": "a", "node": 1, "out": "a", "required": true}, {"in": "b", "node": 1, "out": "b", "default": {"x": [1.0]}, "wrap": ["w"]},
            {"in": "c", "node": 1, "out": "c", "drop_null": true}, {"in": "d", "node": 1, "out": "d", "drop_null": true, "default": "-"},
            {"in": "e", "node": 2, "inline": true},
        ], "consts": [["k", null], ["l", [1, 2]]]}},
        {"null": true, "integer": true},
        {"null": true, "object": {"members": [{"in": "f", "node": 1, "out": "f", "required": true}, {"in": "g", "node": 1, "out": "g", "default": 3}]}},
    ]));
    let ends = r#""k":null,"l":[1,2]}"#;
    check(
        &program,
        &[
            (
                r#"{"a":1,"b":2,"c":3,"d":4,"e":{"f":5,"g":6}}"#,
                &format!(r#"{{"a":1,"w":{{"b":2}},"c":3,"d":4,"f":5,"g":6,{ends}"#),
            ),
            (
                r#"{"a":null,"c":null,"d":null}"#,
                &format!(r#"{{"a":null,"w":{{"b":{{"x":[1.0]}}}},"d":"-","g":3,{ends}"#),
            ),
            (r#"{"e":null,"a":1,"d":2,"b":3}"#, &format!(r#"{{"g":3,"a":1,"d":2,"w":{{"b":3}},{ends}"#)),
            (r#"{"e":{},"a":1}"#, "missing 6 /f"),
            (r#"{"b":1}"#, "missing 6 /a"),
            (r#"{"e":7}"#, "type 5 "),
            (r#"{"e":{"f":"x"}}"#, "type 10 /f"),
        ],
    );
}

#[test]
fn a_hold_writes_its_template_when_the_object_ends() {
    let program = program(&json!([
        {"array": 1},
        {"object": {"members": [
            {"in": "name", "node": 2, "slot": 0}, {"in": "geo", "node": 3, "scatter": true}, {"in": "tags", "node": 4, "slot": 3, "required": true},
            {"in": "inner", "node": 5, "slot": 4, "drop_null": true, "default": "none"},
        ], "hold": {"bytes": 40, "members": [
            {"out": "tags", "slot": 3},
            {"out": "place", "members": [{"out": "x", "slot": 1, "required": true}, {"out": "deep", "members": [{"out": "y", "slot": 2}]}]},
            {"out": "empty", "members": [], "always": true},
            {"out": "name", "slot": 0, "default": "?"}, {"out": "kind", "const": {"a": 1}}, {"out": "inner", "slot": 4},
        ]}}},
        {"string": true},
        {"null": true, "object": {"members": [{"in": "lat", "node": 6, "slot": 1}, {"in": "lon", "node": 6, "slot": 2}]}},
        {"array": 2},
        {"object": {"members": [{"in": "a", "node": 2, "slot": 0}], "hold": {"bytes": 20, "members": [{"out": "b", "slot": 0}]}}},
        {"number": true},
    ]));
    check(
        &program,
        &[
            (
                r#"[{"geo":{"lat":1.0,"z":9,"lon":2},"name":"n","inner":{"a":"A"},"tags":["t"]}]"#,
                r#"[{"tags":["t"],"place":{"x":1.0,"deep":{"y":2}},"empty":{},"name":"n","kind":{"a":1},"inner":{"b":"A"}}]"#,
            ),
            (
                r#"[{"tags":[],"geo":{"lat":1},"inner":null},{"inner":{},"geo":{"lat":2},"tags":[]}]"#,
                r#"[{"tags":[],"place":{"x":1},"empty":{},"name":"?","kind":{"a":1},"inner":"none"},{"tags":[],"place":{"x":2},"empty":{},"name":"?","kind":{"a":1},"inner":{}}]"#,
            ),
            (r#"[{"tags":[],"geo":null}]"#, "missing 22 /0/place/x"),
            (r#"[{"geo":{"lat":1}}]"#, "missing 17 /0/tags"),
            (r#"[{"geo":{"lat":"1"}}]"#, "type 15 /0/place/x"),
            (r#"[{"tags":[],"geo":{"lat":1,"lat":2}}]"#, "duplicate 27 /0/place/x"),
        ],
    );
    let long = format!(r#"[{{"name":"{}"}}]"#, "n".repeat(40));
    for pieces in [1, 7, 1_000] {
        let told = told(feed(&program, long.as_bytes().chunks(pieces)));
        assert!(told.starts_with("size ") && told.ends_with(" /0/name"), "{told}");
    }
    let fits = format!(r#"[{{"geo":{{"lat":1}},"tags":["{}"]}}]"#, "n".repeat(29));
    assert!(feed(&program, fits.as_bytes().chunks(3)).is_ok(), "what is kept fits: 1, 33 and 6 bytes");
}

#[test]
fn a_computed_member_is_written_with_the_template() {
    let label = json!([
        "add",
        ["input", "string", 0],
        ["if", ["eq", ["input", "string", 1], ["null"]], ["text", "!"], ["input", "string", 1]]
    ]);
    let program = program(&json!([
        {"array": 1},
        {"object": {"members": [
            {"in": "name", "node": 2, "slot": 0}, {"in": "nick", "node": 3, "slot": 1}, {"in": "hidden", "node": 4, "slot": 2},
        ], "hold": {"bytes": 4096, "members": [
            {"out": "name", "slot": 0}, {"out": "nick", "slot": 1, "drop_null": true, "default": "-"},
            {"out": "more", "members": [
                {"out": "label", "compute": {"expr": label, "inputs": [0, 1], "type": "string"}},
                {"out": "known", "compute": {"expr": ["has_input", 0], "inputs": [2], "type": "boolean"}},
            ]},
        ]}}},
        {"string": true},
        {"string": true, "null": true},
        {"any": true},
    ]));
    check(
        &program,
        &[
            (
                r#"[{"hidden":{"a":[1]},"nick":"N","name":"\u0061"},{"name":"a","nick":null}]"#,
                r#"[{"name":"\u0061","nick":"N","more":{"label":"aN","known":true}},{"name":"a","nick":"-","more":{"label":"a!","known":false}}]"#,
            ),
            (r#"[{"nick":null}]"#, "value 13 /0/more/label"),
            (r#"[{"name":"\ud800","nick":"x"}]"#, "value 28 /0/more/label"),
            (r#"[{"name":"a","nick":"b","hidden":{"b":1,"b":2}}]"#, "duplicate 46 /0/more/known"),
            (r#"[{"name":"a","nick":"b","hidden":tru}]"#, "json 33 /0"),
        ],
    );
}

#[test]
fn the_computed_values_of_an_answer_share_a_bound() {
    let program = program(&json!([
        {"array": 1},
        {"object": {"members": [{"in": "n", "node": 2, "slot": 0}], "hold": {"bytes": 4096, "members": [
            {"out": "m", "compute": {"expr": ["add", ["input", "int", 0], ["int", "1"]], "inputs": [0], "type": "integer"}},
        ]}}},
        {"any": true},
    ]));
    let items = |count: usize| format!("[{}]", vec![r#"{"n":1}"#; count].join(","));
    assert!(feed(&program, items(5_000).as_bytes().chunks(5_000)).is_ok());
    let refused = told(feed(&program, items(100_000).as_bytes().chunks(5_000)));
    assert!(refused.starts_with("size ") && refused.ends_with("/m"), "{refused}");
    // The next answer begins anew.
    assert!(feed(&program, items(5_000).as_bytes().chunks(5_000)).is_ok());
}

#[test]
fn what_was_written_before_a_violation_stays_and_there_is_no_way_on() {
    let program = program(&json!([{"array": 1}, {"integer": true}]));
    let mut projector = Projector::new(&program, 0, BASE);
    let mut out = b"before".to_vec();
    projector.feed(b"[1,2", &mut out).unwrap();
    assert_eq!(out, b"before[1,2");
    out.clear();
    let violation = projector.feed(b"3,true]", &mut out).unwrap_err();
    assert_eq!((out.as_slice(), violation.to_string()), (&b"3"[..], "type at byte 6 in \"/2\"".to_owned()));
    assert_eq!(projector.feed(b"]", &mut out), Err(violation.clone()));
    assert_eq!(projector.finish(&mut out), Err(violation));
    assert_eq!(out, b"3");
}

#[test]
fn a_place_is_bounded() {
    let program = object(
        &json!({"members": [{"in": "a", "node": 0, "out": "name/".repeat(20)}, {"in": "x", "node": 1, "out": "x"}]}),
    );
    let document = format!("{}{{\"x\":[]", "{\"a\":".repeat(30));
    let violation = feed(&program, [document.as_bytes()]).unwrap_err();
    assert!(violation.place.len() <= 256 && violation.place.ends_with('…'), "{}", violation.place);
}

#[test]
fn more_than_64_members_are_told_apart() {
    let members: Vec<Value> = (0..200)
        .map(|number| json!({"in": format!("m{number}"), "node": 1, "out": format!("o{number}"), "required": number == 150, "drop_null": true}))
        .collect();
    let program = object(&json!({"members": members}));
    check(
        &program,
        &[
            (r#"{"m150":1,"m64":2,"m0":3}"#, r#"{"o150":1,"o64":2,"o0":3}"#),
            (r#"{"m150":1,"m199":2,"m199":3}"#, "duplicate 19 /o199"),
            (r#"{"m64":1}"#, "missing 8 /o150"),
            (r#"{"m150":null}"#, "missing 12 /o150"),
        ],
    );
}

#[test]
fn a_root_that_can_not_stand_alone_lets_nothing_pass() {
    let program = program(&json!([{"integer": true}]));
    for root in [1, u32::MAX] {
        assert!(program.check_root(root).is_err());
        for document in ["1", "null", "{}", "[]", "\"x\"", "true"] {
            let mut projector = Projector::new(&program, root, BASE);
            let outcome = projector.feed(document.as_bytes(), &mut vec![]).and_then(|()| projector.finish(&mut vec![]));
            assert_eq!(outcome.unwrap_err().why.as_str(), "type", "{document}");
        }
    }
}

#[test]
fn a_member_that_is_dropped_is_none_of_a_map() {
    let program = program(&json!([
        {"object": {"members": [{"in": "name", "node": 1, "out": "name"}, {"in": "ssn", "drop": true}], "others": 1}},
        {"string": true},
    ]));
    check(
        &program,
        &[
            (r#"{"name":"a","ssn":"SECRET","z":"y","s\u0073n2":"b"}"#, r#"{"name":"a","z":"y","s\u0073n2":"b"}"#),
            (r#"{"s\u0073n":[7,{}],"name":"a"}"#, r#"{"name":"a"}"#),
            (r#"{"ssn":1,"ssn":2}"#, "duplicate 9 "),
            (r#"{"ssn":[1,}"#, "json 10 "),
        ],
    );
}

#[test]
fn what_is_written_of_a_piece_can_be_bounded() {
    let program = program(&json!([{"array": 1}, {"object": {"members": [], "consts": [["text", "x".repeat(100)]]}}]));
    let document = format!("[{}]", vec!["{}"; 500].join(","));
    let whole = feed(&program, [document.as_bytes()]).unwrap();
    let mut projector = Projector::new(&program, 0, BASE);
    let (mut written, mut rest) = (String::new(), document.as_bytes());
    while !rest.is_empty() {
        let mut out = Vec::new();
        let taken = projector.feed_until(rest, 1_000, &mut out).unwrap();
        assert!(taken > 0 && out.len() < 1_200, "{taken} of {}: {}", rest.len(), out.len());
        rest = &rest[taken..];
        written.push_str(std::str::from_utf8(&out).unwrap());
    }
    projector.finish(&mut vec![]).unwrap();
    assert_eq!(written, whole);
}

#[test]
fn holds_in_holds_share_one_bound() {
    let program = program(&json!([
        {"object": {"members": [{"in": "t", "node": 1, "slot": 0}, {"in": "in", "node": 0, "slot": 1}],
            "hold": {"bytes": 262_144, "members": [{"out": "t", "slot": 0}, {"out": "in", "slot": 1}]}}},
        {"string": true},
    ]));
    let nested = |depth: usize| {
        format!("{}{{}}{}", format!(r#"{{"t":"{}","in":"#, "x".repeat(50_000)).repeat(depth), "}".repeat(depth))
    };
    assert!(feed(&program, nested(4).as_bytes().chunks(1_000)).is_ok());
    for pieces in [1_000, 1_000_000] {
        let document = nested(6);
        let violation = feed(&program, document.as_bytes().chunks(pieces)).unwrap_err();
        assert_eq!(violation.why.as_str(), "size");
    }
}
