//! Parameters of contracts: the golden cases of tests/cases.

use http::{HeaderMap, HeaderName, HeaderValue};
use portazgo_core::time::WallTime;
use portazgo_core::transform::request::{Errors, Filling, Parameters, Received, RequestContract};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::path::Path;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct Golden {
    values: Value,
    now_us: i64,
    request: Map<String, Value>,
    cases: Vec<Case>,
    refused: Vec<Refused>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    path: Option<Vec<String>>,
    query: Option<String>,
    headers: Option<Vec<(String, String)>>,
    written: Option<String>,
    path_written: Option<Vec<String>>,
    headers_written: Option<Vec<(String, String)>>,
    errors: Option<Vec<(String, String, String)>>,
}

#[derive(Deserialize)]
struct Refused {
    with: Map<String, Value>,
    at: String,
}

static CASES: LazyLock<Golden> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/parameters.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

fn contract() -> RequestContract {
    RequestContract::compile(&Value::Object(CASES.request.clone()).to_string()).unwrap()
}

fn header_map(headers: &[(String, String)]) -> HeaderMap {
    let name = |name: &str| HeaderName::try_from(name).unwrap();
    headers.iter().map(|(key, value)| (name(key), HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect()
}

fn mapped(contract: &RequestContract, case: &Case) -> (Parameters<'static>, Vec<(String, String, String)>) {
    let path = case.path.clone().unwrap_or_else(|| vec!["7".to_owned()]);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let headers = case.headers.clone().unwrap_or_else(|| vec![("x-limit".to_owned(), "1".to_owned())]);
    let headers = header_map(&headers);
    let received = Received {
        path_names: &["id"],
        path_values: &path,
        query: case.query.as_deref(),
        query_ours: Some("fields"),
        headers: &headers,
    };
    let mut errors = Errors::default();
    let mut filling = Filling { values: &CASES.values, now: WallTime(CASES.now_us), random: &mut || 0 };
    let parameters = contract.parameters(&received, &mut filling, &mut errors).unwrap();
    let errors = errors
        .iter()
        .map(|error| (error.place.word().to_owned(), error.at.clone(), error.broken.code.word().to_owned()));
    let Parameters { path, query, headers } = parameters;
    let path = path.into_iter().map(|value| Cow::Owned(value.into_owned())).collect();
    (Parameters { path, query, headers }, errors.collect())
}

#[test]
fn parameters_come_to_what_the_contract_says() {
    let contract = contract();
    for case in &CASES.cases {
        let (parameters, errors) = mapped(&contract, case);
        assert_eq!(errors, case.errors.clone().unwrap_or_default(), "{case:?}");
        if let Some(query) = &case.written {
            assert_eq!(&parameters.query, query, "{case:?}");
        }
        if let Some(path) = &case.path_written {
            assert_eq!(parameters.path.as_slice(), path.as_slice(), "{case:?}");
        }
        if let Some(expected) = &case.headers_written {
            let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
            let written: Vec<(String, String)> =
                parameters.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            assert_eq!(&written, expected, "{case:?}");
        }
    }
}

#[test]
fn parameters_that_would_meet_or_speak_for_the_gateway_are_refused() {
    for case in &CASES.refused {
        let mut request = CASES.request.clone();
        request.extend(case.with.clone());
        let refused = RequestContract::compile(&Value::Object(request).to_string()).err();
        let refused = refused.unwrap_or_else(|| panic!("{:?}", case.with));
        assert_eq!(refused.at, case.at, "{:?}: {refused}", case.with);
    }
}

#[test]
fn a_path_value_without_a_rule_stands_as_it_came() {
    let headers = header_map(&[("x-limit".to_owned(), "1".to_owned())]);
    let received =
        Received { path_names: &["other"], path_values: &["a%20b"], query: None, query_ours: None, headers: &headers };
    let mut filling = Filling { values: &CASES.values, now: WallTime(0), random: &mut || 0 };
    let parameters = contract().parameters(&received, &mut filling, &mut Errors::default()).unwrap();
    assert_eq!(parameters.path.as_slice(), ["a%20b"]);
}

proptest! {
    #[test]
    fn what_is_written_is_a_query_of_known_names(query in "[a-z%0-9+&=;A-F ]{0,40}") {
        let case = Case { query: Some(query), ..Case::default() };
        let (parameters, errors) = mapped(&contract(), &case);
        if errors.is_empty() {
            for pair in parameters.query.split('&') {
                let (name, value) = pair.split_once('=').unwrap();
                let names = ["page_size", "search", "is_open", "state", "key", "code", "free%20text", "tenant"];
                prop_assert!(names.contains(&name), "{name}");
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            }
        }
    }
}
