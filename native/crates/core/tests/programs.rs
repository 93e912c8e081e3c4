//! Programs that can't run are refused, by the place that is wrong (docs/programs.md).

use portazgo_core::transform::answer::AnswerProgram;
use serde_json::{Value, json};

fn refused(nodes: &Value) -> String {
    let program = json!({"depth": 8, "nodes": nodes}).to_string();
    AnswerProgram::parse(program.as_bytes()).err().map_or_else(String::new, |refused| refused.to_string())
}

fn member(members: &Value) -> String {
    let mut member = json!({"in": "a", "node": 1});
    member.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    refused(&json!([{"object": {"members": [member]}}, {"any": true}, {"object": {"members": []}}]))
}

#[test]
fn the_place_is_named() {
    let cases = [
        (json!([{"integer": true}, {"text": true}]), "nodes[1]: unknown field `text`"),
        (json!([{"null": false}]), "nodes[0]: this is true, or it is left out"),
        (json!([{"string": false}]), "nodes[0]: this is true, an action, or left out"),
        (json!([{"string": {"to": "date"}}]), "nodes[0]: unknown variant `date`"),
        (json!([{"string": {"map": [], "to": "number"}}]), "nodes[0].string: an action is one of"),
        (json!([{"string": {"url": 0}}]), "nodes[0].string: urls has no entry 0"),
        (json!([{"array": 1}]), "nodes[0].array: there is no node 1"),
        (json!([{"any": true, "null": true}]), "nodes[0]: any is every type already"),
        (json!([{"object": {"members": [], "others": 4}}]), "nodes[0].object.others: there is no node 4"),
        (json!([{"object": {}}]), "nodes[0]: missing field `members`"),
        (json!([{"object": {"members": [], "hold": {"bytes": 0, "members": []}}}]), "nodes[0].object.hold: 0 bytes"),
        (
            json!([{"object": {"members": [{"in": "a", "node": 0, "out": "x"}, {"in": "a", "node": 0, "out": "y"}]}}]),
            "nodes[0].object.members[1]: \"a\" is listed twice",
        ),
        (
            json!([{"object": {"members": [{"in": "a", "node": 0, "out": "x"}, {"in": "b", "node": 0, "out": "x"}]}}]),
            "nodes[0].object: \"x\" is written twice",
        ),
        (
            json!([{"object": {"members": [{"in": "a", "node": 0, "out": "x"}], "consts": [["x", 1]]}}]),
            "nodes[0].object: \"x\" is written twice",
        ),
        (
            json!([{"object": {"members": [{"in": "a", "node": 0, "inline": true}]}}]),
            "nodes[0].object: an object is written into itself",
        ),
        (
            json!([{"object": {"members": [{"in": "a", "node": 0, "out": "x"}], "hold": {"bytes": 9, "members": []}}}]),
            "nodes[0].object: what a hold does not keep",
        ),
        (
            json!([{"array": 1}, {"object": {"members": [{"in": "a", "node": 0, "slot": 0}]}}]),
            "nodes[0]: node 1 has slots, but no hold is around it",
        ),
    ];
    for (nodes, expected) in cases {
        let why = refused(&nodes);
        assert!(why.starts_with(expected), "{nodes}: {why:?} instead of {expected:?}");
    }
}

#[test]
fn a_member_is_one_thing() {
    assert_eq!(member(&json!({"out": "x"})), "");
    assert_eq!(member(&json!({"node": 2, "inline": true})), "");
    for wrong in [
        json!({}),
        json!({"out": "x", "inline": true}),
        json!({"out": "x", "slot": 1}),
        json!({"inline": true}),
        json!({"node": 2, "inline": true, "default": 1}),
        json!({"node": 2, "inline": true, "wrap": ["w"]}),
        json!({"node": 9, "out": "x"}),
        json!({"out": "x", "rename": "y"}),
        json!({"in": "n".repeat(1_025), "out": "x"}),
    ] {
        assert_ne!(member(&wrong), "", "{wrong}");
    }
}

#[test]
fn a_template_and_its_members_fit() {
    let hold = |members: Value, parts: Value| {
        refused(&json!([
            {"object": {"members": members, "hold": {"bytes": 9, "members": parts}}},
            {"any": true},
            {"object": {"members": [{"in": "b", "node": 1, "slot": 1}]}},
        ]))
    };
    let slot = |name: &str, slot: u32| json!({"in": name, "node": 1, "slot": slot});
    let part = |name: &str, slot: u32| json!({"out": name, "slot": slot});
    let scatter = json!({"in": "s", "node": 2, "scatter": true});
    let of = |inputs: &[u32]| json!({"expr": ["true"], "inputs": inputs, "type": "boolean"});
    assert_eq!(hold(json!([slot("a", 0)]), json!([{"out": "a", "compute": of(&[0])}])), "");
    assert_eq!(hold(json!([slot("a", 0), scatter]), json!([part("a", 0), part("b", 1)])), "");
    for (members, parts, expected) in [
        (json!([slot("a", 0)]), json!([]), "slot 0 stands nowhere in the template"),
        (json!([]), json!([part("a", 0)]), "no member has slot 0 of the template"),
        (json!([slot("a", 0), slot("b", 0)]), json!([part("a", 0)]), "two members have slot 0"),
        (json!([slot("a", 1), scatter]), json!([part("a", 1)]), "two members have slot 1"),
        (json!([slot("a", 0)]), json!([part("a", 0), part("b", 0)]), "the template has slot 0 twice"),
        (json!([slot("a", 0)]), json!([part("a", 0), part("a", 1)]), "\"a\" is written twice"),
        (json!([]), json!([{"out": "a"}]), "a part is one of slot, members, const and compute"),
        (
            json!([]),
            json!([{"out": "a", "const": 1, "members": []}]),
            "a part is one of slot, members, const and compute",
        ),
        (
            json!([]),
            json!([{"out": "a", "const": 1, "required": true}]),
            "required, default and drop_null stand beside slot",
        ),
        (json!([]), json!([{"out": "a", "const": 1, "always": true}]), "always stands beside members"),
        (json!([]), json!([{"out": "a", "const": 1, "drop_null": true}]), "drop_null stand beside slot"),
        (json!([]), json!([{"out": "a", "const": 1, "compute": of(&[])}]), "slot, members, const and compute"),
        (json!([]), json!([{"out": "a", "compute": of(&[0])}]), "no member has slot 0 of the template"),
        (json!([]), json!([{"out": "a", "compute": of(&[70_000])}]), "slot 70000 is beyond 4096"),
        (json!([slot("a", 0)]), json!([{"out": "a", "compute": of(&[])}]), "slot 0 stands nowhere in the template"),
        (json!([]), json!([{"out": "a", "compute": {"expr": ["no"], "inputs": [], "type": "string"}}]), "or not here"),
    ] {
        let why = hold(members, parts);
        assert!(why.ends_with(expected), "{why:?} instead of {expected:?}");
    }
}

#[test]
fn a_program_is_bounded() {
    let parsed = |program: &str| AnswerProgram::parse(program.as_bytes()).is_ok();
    assert!(parsed(r#"{"nodes": [], "depth": 128}"#));
    for wrong in [
        r#"{"nodes": [], "depth": 0}"#,
        r#"{"nodes": [], "depth": 129}"#,
        r#"{"nodes": []}"#,
        r#"{"nodes": [], "depth": 8, "more": 1}"#,
        r#"{"nodes": [], "depth": 8} x"#,
        "",
    ] {
        assert!(!parsed(wrong), "{wrong}");
    }
    // Each object is written twice into the one before: more than a billion in all.
    let doubling = |next: usize| json!({"object": {"members": [{"in": "a", "node": next, "inline": true}, {"in": "b", "node": next, "inline": true}]}});
    let mut nodes: Vec<Value> = (1..=30).map(doubling).collect();
    nodes.push(json!({"object": {"members": []}}));
    assert!(refused(&json!(nodes)).contains("it is made of more than"));
    let chain = |next: usize| json!({"object": {"members": [{"in": "a", "node": next, "inline": true}]}});
    let mut nodes: Vec<Value> = (1..=20_000).map(chain).collect();
    nodes.push(json!({"object": {"members": []}}));
    assert!(refused(&json!(nodes)).contains("it is made of more than"));
}
