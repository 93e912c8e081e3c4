//! Programs of contracts as Python checks and tries them (docs/programs.md).

use portazgo_core::contract::check_route;
use portazgo_core::time::WallTime;
use portazgo_core::transform::answer::{AnswerProgram, Projector, Violation};
use portazgo_core::transform::request::{self, BodyRefused, Errors, Filling, RequestProgram};
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
