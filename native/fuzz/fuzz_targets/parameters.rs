//! Query, path and header of any bytes: what is written has only the contract's names and canonical spellings, and none of
//! the backend's errors, whatever they say, names anything that partners don't send.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use portazgo_core::time::WallTime;
use portazgo_core::transform::request::{BackendErrors, Errors, Filling, Received, RequestContract};
use serde_json::Value;
use std::sync::LazyLock;

const NAMES: [&str; 8] = ["page_size", "search", "is_open", "state", "key", "code", "free%20text", "tenant"];
const HIDDEN: [&str; 3] = ["grams", "sender_street", "customer"];

static CASES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../tests/cases/parameters.json")).unwrap());
static CONTRACT: LazyLock<RequestContract> =
    LazyLock::new(|| RequestContract::compile(&CASES["request"].to_string()).unwrap());
static BACKEND: LazyLock<RequestContract> = LazyLock::new(|| {
    let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/backend_errors.json")).unwrap();
    RequestContract::compile(&cases["request"].to_string()).unwrap()
});

fuzz_target!(|data: &[u8]| {
    parameters(data);
    for form in [BackendErrors::Drf, BackendErrors::FastApi, BackendErrors::Rfc9457] {
        for error in BACKEND.translate_errors(form, data).errors {
            let words =
                error.detail.split(|character: char| !(character.is_alphanumeric() || "_-".contains(character)));
            assert!(words.into_iter().all(|word| !HIDDEN.contains(&word)), "{error:?}");
            assert!(error.detail.chars().count() <= 200);
        }
    }
});

fn parameters(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let (query, path, header) = (lines.next(), lines.next(), lines.next());
    let text = |line: Option<&'_ [u8]>| line.and_then(|line| std::str::from_utf8(line).ok().map(str::to_owned));
    let (query, path) = (text(query), text(path).unwrap_or_default());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header.unwrap_or(b"1")) {
        headers.insert("x-limit", value.clone());
        headers.append("x-tag", value);
    }
    let received = Received {
        path_names: &["id"],
        path_values: &[&path],
        query: query.as_deref(),
        query_ours: Some("fields"),
        headers: &headers,
    };
    let mut errors = Errors::default();
    let mut filling = Filling { values: &CASES["values"], now: WallTime(0), random: &mut || 0 };
    let mapped = CONTRACT.parameters(&received, &mut filling, &mut errors).unwrap();
    if !errors.is_empty() {
        return;
    }
    let is_canonical = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte));
    for pair in mapped.query.split('&') {
        let (name, value) = pair.split_once('=').unwrap();
        assert!(NAMES.contains(&name) && is_canonical(value), "{pair}");
    }
    assert!(is_canonical(&mapped.path[0]) && !["", ".", ".."].contains(&&*mapped.path[0]));
}
