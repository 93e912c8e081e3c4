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
