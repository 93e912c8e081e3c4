//! One node in this process. Every method that waits lets other Python threads run.

use crate::update::{Update, refused};
use portazgo_core::ids::{Id, Kid};
use portazgo_server::{Gateway, StartError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::os::fd::IntoRawFd;
use std::path::Path;
use std::time::Duration;

/// The data plane of this process. Start it after any fork.
#[pyclass(frozen, module = "portazgo._native")]
pub(crate) struct Node {
    gateway: Gateway,
}

#[pymethods]
impl Node {
    /// Read the configuration (JSON), bind, take the folder, recover what a predecessor left.
    #[new]
    fn new(py: Python<'_>, config: &str) -> PyResult<Self> {
        let gateway = py.detach(|| Gateway::open(config)).map_err(start_error)?;
        Ok(Self { gateway })
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.gateway.start())?)
    }

    fn apply(&self, py: Python<'_>, update: &Update) -> PyResult<u64> {
        py.detach(|| self.gateway.apply(&update.lock())).map_err(refused)
    }

    /// Returns the highest sequence, and what of the lines could not be understood.
    fn apply_security(&self, py: Python<'_>, lines: &[u8]) -> (u64, Vec<String>) {
        py.detach(|| self.gateway.apply_security(lines))
    }

    /// Mark kids dead for ever; for the node's own file, at its start.
    #[allow(clippy::needless_pass_by_value, reason = "a list of Python's can't be borrowed as a slice")]
    fn revoke_for_ever(&self, py: Python<'_>, kids: Vec<String>) -> PyResult<()> {
        let parsed: Option<Vec<Kid>> = kids.iter().map(|kid| Kid::parse(kid.as_bytes())).collect();
        let parsed = parsed.ok_or_else(|| PyValueError::new_err("a kid has ten base62 characters"))?;
        py.detach(|| self.gateway.revoke_for_ever(parsed.into_iter()));
        Ok(())
    }

    /// Read the certificates' files again. Raises `ValueError` for a bad one; then all of the old stay.
    fn reload_certificates(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.gateway.reload_certificates()).map_err(PyValueError::new_err)
    }

    /// What `/health/ready` warns of though the node is ready; each call replaces the last one's.
    #[allow(clippy::needless_pass_by_value, reason = "a list of Python's can't be borrowed as a slice")]
    fn warn(&self, warnings: Vec<String>) {
        self.gateway.warn(warnings);
    }

    /// Say whether a first snapshot can't be applied because the provider that unwraps its secrets is away.
    fn wait_for_wrapping(&self, waits: bool) {
        self.gateway.wait_for_wrapping(waits);
    }

    /// Descriptors for a successor: partners' socket, admin socket, lock of the folder. The caller closes them.
    fn sockets(&self) -> PyResult<[i32; 3]> {
        Ok(self.gateway.sockets()?.map(IntoRawFd::into_raw_fd))
    }

    /// Take in what processes of this folder left that have ended meanwhile. Returns how many still live.
    fn adopt(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(py.detach(|| self.gateway.adopt())?)
    }

    /// A poll was answered; it was sent `age_ms` ago.
    fn contact(&self, age_ms: u64, server_time_us: i64, round_trip_us: i64) {
        self.gateway.contact(age_ms, server_time_us, round_trip_us);
    }

    /// (ticket, what to do as JSON, service credential, token to exchange, refresh token); waits for the first. Each must be answered.
    #[allow(clippy::type_complexity, reason = "a row, as Python sees it")]
    fn token_requests<'py>(
        &self,
        py: Python<'py>,
        timeout_seconds: f64,
        most: usize,
    ) -> Vec<(u64, String, Option<Bound<'py, PyBytes>>, Option<String>, Option<Bound<'py, PyBytes>>)> {
        let within = Duration::try_from_secs_f64(timeout_seconds).unwrap_or_default();
        let requests = py.detach(|| self.gateway.token_requests(within, most));
        let bytes = |secret: Option<Vec<u8>>| secret.map(|secret| PyBytes::new(py, &secret));
        let row = |request: portazgo_server::LoginRequest| {
            let portazgo_server::LoginRequest { ticket, document, service, subject, refresh } = request;
            (ticket, document, bytes(service), subject, bytes(refresh))
        };
        requests.into_iter().map(row).collect()
    }

    /// (contract's version, route, status, microseconds since 1970, body, whether that is all of it); waits for the first. No
    /// status: a request, an empty one to ask whether any of its route is recorded.
    #[allow(clippy::type_complexity, reason = "a row, as Python sees it")]
    fn samples<'py>(
        &self,
        py: Python<'py>,
        timeout_seconds: f64,
        most: usize,
    ) -> Vec<(u32, String, Option<u16>, i64, Bound<'py, PyBytes>, bool)> {
        let within = Duration::try_from_secs_f64(timeout_seconds).unwrap_or_default();
        let samples = py.detach(|| self.gateway.samples(within, most));
        let row = |sample: portazgo_server::Sample| {
            let portazgo_server::Sample { contract_version, route, status, at, body, whole } = sample;
            (contract_version, route.to_string(), status, at.0, PyBytes::new(py, &body), whole)
        };
        samples.into_iter().map(row).collect()
    }

    /// Whether requests of a version's route are recorded. False: this node has no such route now.
    fn record_requests(&self, contract_version: u32, route: &str, recorded: bool) -> bool {
        Id::parse(route).is_some_and(|route| self.gateway.record_requests(contract_version, route, recorded))
    }

    /// A login brought a token that is good for so long. Raises `ValueError` when it can't be used: then the login has failed.
    #[pyo3(signature = (ticket, token, life_seconds, refresh=None))]
    fn provide_token(
        &self,
        py: Python<'_>,
        ticket: u64,
        token: &str,
        life_seconds: f64,
        refresh: Option<Vec<u8>>,
    ) -> PyResult<()> {
        let life = Duration::try_from_secs_f64(life_seconds).unwrap_or_default();
        py.detach(|| self.gateway.provide_token(ticket, token, life, refresh)).map_err(PyValueError::new_err)
    }

    /// A login brought no token; `refused`: the endpoint said no, and would again.
    fn refuse_token(&self, py: Python<'_>, ticket: u64, why: &str, refused: bool) {
        py.detach(|| self.gateway.refuse_token(ticket, why, refused));
    }

    fn shipped(&self) {
        self.gateway.shipped();
    }

    /// (path, epoch, first, count), oldest first.
    fn sealed_segments(&self, py: Python<'_>) -> Vec<(String, String, u64, u64)> {
        let segments = py.detach(|| self.gateway.sealed_segments());
        let row = |segment: portazgo_server::journal::SealedSegment| {
            (segment.path.to_string_lossy().into_owned(), segment.epoch.to_string(), segment.first, segment.count)
        };
        segments.into_iter().map(row).collect()
    }

    fn acknowledge(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        Ok(py.detach(|| self.gateway.acknowledge(Path::new(path)))?)
    }

    fn ended_epochs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.gateway.ended_epochs().iter().map(|ended| epoch_report(py, ended)).collect()
    }

    fn epoch_reported(&self, py: Python<'_>, epoch: &str) -> PyResult<()> {
        let epoch = Id::parse(epoch).ok_or_else(|| PyValueError::new_err("not an epoch"))?;
        Ok(py.detach(|| self.gateway.epoch_reported(epoch))?)
    }

    /// What the node says of itself, as JSON.
    fn stats(&self, py: Python<'_>) -> String {
        py.detach(|| self.gateway.stats()).to_string()
    }

    /// Turn the ready light red; go on accepting, and end each connection with its next answer.
    fn leave(&self) {
        self.gateway.leave();
    }

    /// Stop accepting; with an heir, who waits in the listening socket's queue is the heir's to accept.
    fn close(&self, py: Python<'_>, has_heir: bool) {
        py.detach(|| self.gateway.close(has_heir));
    }

    /// Stop accepting, answer what is in flight, seal. Returns whether all of it was answered in time.
    fn drain(&self, py: Python<'_>, deadline_seconds: f64) -> bool {
        let within = Duration::try_from_secs_f64(deadline_seconds).unwrap_or_default();
        py.detach(|| self.gateway.drain(within))
    }

    /// Returns whether the epoch ended clean; otherwise the next start recovers what is left.
    fn stop(&self, py: Python<'_>) -> PyResult<bool> {
        let closed = py.detach(|| self.gateway.stop())?;
        Ok(closed == portazgo_server::journal::Closed::Clean)
    }

    #[getter]
    fn node_id(&self) -> String {
        self.gateway.node_id.to_string()
    }

    #[getter]
    fn epoch(&self) -> String {
        self.gateway.epoch.to_string()
    }

    #[getter]
    fn gateway_port(&self) -> u16 {
        self.gateway.gateway_address().port()
    }

    #[getter]
    fn admin_port(&self) -> u16 {
        self.gateway.admin_address().port()
    }
}

fn epoch_report<'py>(py: Python<'py>, ended: &portazgo_server::journal::EndedEpoch) -> PyResult<Bound<'py, PyDict>> {
    let report = PyDict::new(py);
    report.set_item("epoch", ended.epoch.to_string())?;
    report.set_item("node", ended.node.to_string())?;
    report.set_item("end", ended.end.as_str())?;
    report.set_item("last_sequence", ended.last_sequence)?;
    report.set_item("accepted", ended.accepted)?;
    report.set_item("started_at_us", ended.started_at.0)?;
    report.set_item("ended_at_us", ended.ended_at.0)?;
    report.set_item("seconds_at_risk", ended.seconds_at_risk)?;
    Ok(report)
}

fn start_error(error: StartError) -> PyErr {
    match error {
        StartError::Config(why) => PyValueError::new_err(why),
        StartError::Bind(address, error) => {
            PyOSError::new_err((error.raw_os_error(), format!("can't listen on {address}: {error}")))
        }
        StartError::HandOver(_, error) => PyOSError::new_err((error.raw_os_error(), error.to_string())),
        StartError::Journal(error) => {
            PyOSError::new_err((error.raw_os_error(), format!("the node's folder can't be used: {error}")))
        }
    }
}
