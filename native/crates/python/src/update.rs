//! Snapshots and changes on their way into a node.

use portazgo_core::snapshot::{self, Refused};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

create_exception!(
    _native,
    SnapshotRefused,
    PyValueError,
    "A snapshot or change that is not accepted: args are (where, why)."
);

/// A refusal as Python sees it.
pub(crate) fn refused(refused: Refused) -> PyErr {
    SnapshotRefused::new_err((refused.place, refused.why))
}

/// One snapshot, or one page of changes, pushed in pieces as they arrive.
#[pyclass(frozen, module = "portazgo._native")]
pub(crate) struct Update {
    inner: Mutex<snapshot::Update>,
}

impl Update {
    pub(crate) fn lock(&self) -> MutexGuard<'_, snapshot::Update> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(update: snapshot::Update) -> Self {
        Self { inner: Mutex::new(update) }
    }
}

#[pymethods]
impl Update {
    #[staticmethod]
    fn snapshot() -> Self {
        Self::of(snapshot::Update::snapshot())
    }

    #[staticmethod]
    fn changes() -> Self {
        Self::of(snapshot::Update::changes())
    }

    fn push(&self, py: Python<'_>, chunk: &[u8]) -> PyResult<()> {
        py.detach(|| self.lock().push(chunk)).map_err(refused)
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.lock().finish()).map_err(refused)
    }

    fn wrapped(&self) -> Vec<(String, String)> {
        self.lock().wrapped().to_vec()
    }

    fn provide(&self, context: String, secret: Vec<u8>) {
        self.lock().provide(context, secret);
    }

    #[getter]
    fn revision(&self) -> Option<u64> {
        self.lock().position().map(|(_, revision, _)| revision)
    }

    #[getter]
    fn history(&self) -> Option<String> {
        self.lock().position().map(|(history, _, _)| history.to_owned())
    }

    #[getter]
    fn hash(&self) -> Option<String> {
        self.lock().position().map(|(_, _, hash)| hash.to_owned())
    }
}

/// Check what is about to be committed: lines of resources (or of changes), without the stream's first and last line.
#[pyfunction]
pub(crate) fn validate(py: Python<'_>, lines: &[u8], changes: bool) -> PyResult<()> {
    py.detach(|| snapshot::validate(lines, changes)).map_err(refused)
}
