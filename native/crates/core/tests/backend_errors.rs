//! Validation errors of backends in the partner's names: the golden cases of tests/cases.

use portazgo_core::transform::request::{BackendErrors, MOST, RequestContract};
use serde_json::{Value, json};
use std::path::Path;

fn cases() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/backend_errors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn form(word: &str) -> BackendErrors {
    match word {
        "drf" => BackendErrors::Drf,
        "fastapi" => BackendErrors::FastApi,
        "rfc9457" => BackendErrors::Rfc9457,
        other => panic!("{other}"),
    }
}

#[test]
fn errors_are_told_of_what_partners_send_and_of_nothing_else() {
    let document = cases();
    let contract = RequestContract::compile(&document["request"].to_string()).unwrap();
    for case in document["cases"].as_array().unwrap() {
        let told = contract.translate_errors(form(case["form"].as_str().unwrap()), case["body"].to_string().as_bytes());
        let list: Vec<Value> =
            told.errors.iter().map(|error| json!([error.place.word(), error.at, error.detail])).collect();
        // The order of members is the reader's of this test, which sorts them.
        let sorted = |mut list: Vec<Value>| {
            list.sort_by_key(ToString::to_string);
            list
        };
        let expected = sorted(case["told"].as_array().unwrap().clone());
        assert_eq!((sorted(list), told.others), (expected, case["others"].as_u64().unwrap() as usize), "{case}");
    }
}

#[test]
fn many_errors_and_long_ones_are_cut() {
    let document = cases();
    let contract = RequestContract::compile(&document["request"].to_string()).unwrap();
    let body = json!({"number": vec!["é".repeat(1000); 400]}).to_string();
    let told = contract.translate_errors(BackendErrors::Drf, body.as_bytes());
    assert_eq!((told.errors.len(), told.others), (MOST, 400 - MOST));
    assert!(told.errors.iter().all(|error| error.detail.chars().count() == 200));
    for text in ["", "{", "null", "[[[[", "{\"number\":1}"] {
        assert!(contract.translate_errors(BackendErrors::Drf, text.as_bytes()).errors.is_empty());
    }
}

/// "customer" is a name that partners don't know; a sentence about customers passes, and is not cut into that name.
#[test]
fn what_is_cut_ends_with_a_whole_word() {
    let contract = RequestContract::compile(&cases()["request"].to_string()).unwrap();
    let detail = |sentence: &str| {
        let body = json!({"number": [sentence]}).to_string();
        contract.translate_errors(BackendErrors::Drf, body.as_bytes()).errors[0].detail.clone()
    };
    let before = "no ".repeat(64);
    for (sentence, told) in [
        (format!("{before}customers."), before.trim_end().to_owned()),
        (format!("{before}lettered customers"), format!("{before}lettered")),
        (format!("{before}letters."), format!("{before}letters.")),
    ] {
        assert_eq!(detail(&sentence), told);
    }
}

/// A tree whose variants all lead back into it, and a path that none of them ends: each variant at each level would be tried.
#[test]
fn paths_cost_no_more_however_deep_and_however_many_variants_lead_on() {
    let variant =
        json!({"object": {"unknown": "refuse", "members": [{"in": "children", "node": 0, "out": "children"}]}});
    let variants: Vec<Value> = (1..6).map(|node| json!({"value": null, "node": node})).collect();
    let mut nodes = vec![json!({"one_of": {"discriminator": null, "variants": variants}})];
    nodes.extend(std::iter::repeat_n(variant, 5));
    let body = json!({"kind": "json", "required": true, "types": ["application/json"], "root": 0});
    let request = json!({"body": body, "query_unknown": "drop", "program": {"depth": 64, "nodes": nodes}});
    let contract = RequestContract::compile(&request.to_string()).unwrap();
    for steps in [28, 10_000] {
        let mut loc = vec!["body"];
        loc.extend(std::iter::repeat_n("children", steps));
        loc.push("tenant");
        let body = json!({"detail": [{"loc": loc, "msg": "x"}]}).to_string();
        assert!(contract.translate_errors(BackendErrors::FastApi, body.as_bytes()).errors.is_empty());
    }
}
