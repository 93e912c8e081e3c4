//! Programs of contracts as Python checks and tries them (docs/programs.md).

use http::{HeaderMap, HeaderName, HeaderValue};
use portazgo_core::contract::check_route;
use portazgo_core::time::WallTime;
use portazgo_core::transform::answer::{AnswerProgram, Mask, Projector, Violation};
use portazgo_core::transform::request::{
    self, BodyRefused, Errors, Filling, Parameters, Received, RequestContract, RequestProgram,
};
use portazgo_server::rewritten_header;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a tried answer's addresses lead.
const BASE: &str = "https://gateway.example";

/// Whether a node could run this program. `ValueError` says what is wrong and where.
#[pyfunction]
pub(crate) fn check_program(py: Python<'_>, kind: &str, program: &[u8]) -> PyResult<()> {
    let checked = match kind {
        "answer" => py.detach(|| AnswerProgram::parse(program).map(|_| ()).map_err(|refused| refused.to_string())),
        "request" => py.detach(|| {
            let text = std::str::from_utf8(program).map_err(|error| error.to_string())?;
            request::check(text).map_err(|refused| refused.to_string())
        }),
        "route" => py.detach(|| check_route(program)),
        other => Err(format!("{other:?} is no kind of program")),
    };
    checked.map_err(PyValueError::new_err)
}

/// What partners see of an answer, fed in so many pieces (0: whole). `ValueError(why, offset, place)`.
#[pyfunction]
#[pyo3(signature = (program, root, body, pieces = 0))]
pub(crate) fn project<'py>(
    py: Python<'py>,
    program: &[u8],
    root: u32,
    body: &[u8],
    pieces: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let program = AnswerProgram::parse(program).map_err(|refused| PyValueError::new_err(refused.to_string()))?;
    program.check_root(root).map_err(|refused| PyValueError::new_err(refused.to_string()))?;
    match py.detach(|| projected(&Arc::new(program), root, body, pieces)) {
        Ok(seen) => Ok(PyBytes::new(py, &seen)),
        Err(broken) => Err(PyValueError::new_err((broken.why.as_str(), broken.offset, broken.place))),
    }
}

fn projected(program: &Arc<AnswerProgram>, root: u32, body: &[u8], pieces: usize) -> Result<Vec<u8>, Violation> {
    let mut projector = Projector::new(program, root, BASE);
    let mut seen = Vec::with_capacity(body.len());
    for piece in body.chunks(body.len().div_ceil(pieces.max(1)).max(1)) {
        projector.feed(piece, &mut seen)?;
    }
    projector.finish(&mut seen)?;
    Ok(seen)
}

/// As `project`, of the members only that `?fields=` asks for: `fields` is its decoded text, which begins below the partner's
/// members `at`.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "the list is Python's: it is read into one of ours")]
pub(crate) fn project_fields<'py>(
    py: Python<'py>,
    program: &[u8],
    root: u32,
    body: &[u8],
    at: Vec<String>,
    fields: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let refused = |refused: &dyn std::fmt::Display| PyValueError::new_err(refused.to_string());
    let program = AnswerProgram::parse(program).map_err(|error| refused(&error))?;
    program.check_root(root).map_err(|error| refused(&error))?;
    let mask = Mask::parse(fields).map_err(|error| refused(&error))?;
    let masked = program.masked(root, &at, &mask).map_err(|error| refused(&error))?;
    match py.detach(|| projected(&masked.program, masked.root, body, 0)) {
        Ok(seen) => Ok(PyBytes::new(py, &seen)),
        Err(broken) => Err(PyValueError::new_err((broken.why.as_str(), broken.offset, broken.place))),
    }
}

/// What partners read of a header with addresses of the backend's, `is_list`: as Link has them. None: nothing.
#[pyfunction]
pub(crate) fn project_header(program: &[u8], is_list: bool, value: &str) -> PyResult<Option<String>> {
    let program = AnswerProgram::parse(program).map_err(|refused| PyValueError::new_err(refused.to_string()))?;
    Ok(rewritten_header(&program, is_list, value, BASE))
}

/// What the backend is told beside the body. `contract` is the `request` of a ROUTE, `received` and what is returned a list
/// as JSON: the path (names with values; without names), the query (a text) and the headers (names with values).
/// `ValueError(JSON)` as of `rewrite`.
#[pyfunction]
pub(crate) fn rewrite_parameters(contract: &str, received: &str, values: &str) -> PyResult<String> {
    let refused = |refused: &dyn std::fmt::Display| PyValueError::new_err(refused.to_string());
    let contract = RequestContract::compile(contract).map_err(|error| refused(&error))?;
    let values: Value = serde_json::from_str(values).map_err(|error| refused(&error))?;
    let (path, query, lines): (Vec<[String; 2]>, String, Vec<[String; 2]>) =
        serde_json::from_str(received).map_err(|error| refused(&error))?;
    let mut headers = HeaderMap::new();
    for [name, value] in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| refused(&error))?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|error| refused(&error))?);
    }
    let (path_names, path_values): (Vec<_>, Vec<_>) = path.iter().map(|[name, value]| (&**name, &**value)).unzip();
    let received = Received {
        path_names: &path_names,
        path_values: &path_values,
        query: (!query.is_empty()).then_some(&query),
        query_ours: None,
        headers: &headers,
    };
    let (mut errors, mut random) = (Errors::default(), random);
    let mut filling = Filling { values: &values, now: now(&values), random: &mut random };
    let mapped = contract.parameters(&received, &mut filling, &mut errors);
    if !errors.is_empty() {
        return Err(refused(&format!("{{\"fault\":\"contract_violation_request\",\"errors\":{}}}", errors.json())));
    }
    let Parameters { path, query, headers } =
        mapped.map_err(|failed| refused(&json!({"fault": "request_fill_failed", "why": failed.why})))?;
    let lines: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    Ok(json!([path.as_slice(), query, lines]).to_string())
}

/// The backend's body for a partner's. `values`: JSON of what templates read, and `now_us`. `ValueError(JSON)`: an object with
/// the `fault`, and `errors`, or `offset` and `why`.
#[pyfunction]
pub(crate) fn rewrite<'py>(
    py: Python<'py>,
    program: &[u8],
    root: usize,
    body: &[u8],
    values: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let refused = |refused: &dyn std::fmt::Display| PyValueError::new_err(refused.to_string());
    let text = std::str::from_utf8(program).map_err(|error| refused(&error))?;
    let program = RequestProgram::compile(text).map_err(|error| refused(&error))?;
    let values: Value = serde_json::from_slice(values).map_err(|error| refused(&error))?;
    let mut errors = Errors::default();
    let rewritten = py.detach(|| {
        let mut random = random;
        let mut filling = Filling { values: &values, now: now(&values), random: &mut random };
        program.rewrite(root, body, &mut filling, &mut errors)
    });
    match rewritten.map_err(|error| refused(&error))? {
        Ok(written) if errors.is_empty() => Ok(PyBytes::new(py, &written)),
        Ok(_) => Err(refused(&format!("{{\"fault\":\"contract_violation_request\",\"errors\":{}}}", errors.json()))),
        Err(BodyRefused::Invalid(error)) => {
            Err(refused(&json!({"fault": "body_invalid", "offset": error.offset, "why": error.why.word()})))
        }
        Err(BodyRefused::Effort) => Err(refused(&json!({"fault": "body_invalid", "why": "effort"}))),
        Err(BodyRefused::Fill(failed)) => Err(refused(&json!({"fault": "request_fill_failed", "why": failed.why}))),
    }
}

fn now(values: &Value) -> WallTime {
    let told = values.get("now_us").and_then(Value::as_i64);
    let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64);
    WallTime(told.unwrap_or_else(since_1970))
}

/// Good enough to try a program with.
fn random() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0));
    half() << 64 | half()
}
