//! Segments as Python sees them: dictionaries and sums.

use portazgo_core::fault::Fault;
use portazgo_core::ids::{Id, Kid};
use portazgo_core::record::{
    self, Phase, Phases, Place, RetiringKey, RetiringUse, Rollup, RollupKey, SecretTag, SecretTagger, SegmentError,
    ToldKey, Value, Values,
};
use portazgo_core::secret::Secret;
use portazgo_core::time::WallTime;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use std::collections::HashMap;
use std::fmt::Write as _;

fn unreadable(error: &SegmentError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// All records of a sealed segment, as dictionaries (docs/wire.md, section 5).
#[pyfunction]
pub(crate) fn decode_segment<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let segment = py.detach(|| record::decode_segment(data)).map_err(|error| unreadable(&error))?;
    let list = PyList::empty(py);
    for frame in &segment.frames {
        let place = Place { sequence: frame.sequence, epoch: segment.header.epoch, node: segment.header.node };
        let members = PyDict::new(py);
        let mut outcome = Ok(());
        frame.record.members(&place, &mut |name, value| {
            if outcome.is_ok() {
                outcome = set(&members, name, value);
            }
        });
        outcome?;
        list.append(members)?;
    }
    Ok(list)
}

/// All records of a sealed segment, by column in Arrow's layout (docs/wire.md, section 5): `{name: (kind, present, buffers…)}`.
/// The kind is `numbers`, `flags`, `texts` or `bytes` (offsets, then bytes), or `none`.
#[pyfunction]
pub(crate) fn segment_columns<'py>(py: Python<'py>, data: &[u8]) -> PyResult<(usize, Bound<'py, PyDict>)> {
    let decoded =
        py.detach(|| record::decode_segment(data).map(|segment| (segment.frames.len(), record::columns(&segment))));
    let (rows, columns) = decoded.map_err(|error| unreadable(&error))?;
    let document = PyDict::new(py);
    let bytes = |buffer: &[u8]| PyBytes::new(py, buffer);
    for (name, column) in &columns {
        let present = bytes(&column.present);
        match &column.values {
            Values::None => document.set_item(name, ("none", present))?,
            Values::Numbers(values) => document.set_item(name, ("numbers", present, bytes(values)))?,
            Values::Flags(bits) => document.set_item(name, ("flags", present, bytes(bits)))?,
            Values::Texts { offsets, bytes: text } => {
                document.set_item(name, ("texts", present, bytes(offsets), bytes(text)))?;
            }
            Values::Bytes { offsets, bytes: content } => {
                document.set_item(name, ("bytes", present, bytes(offsets), bytes(content)))?;
            }
        }
    }
    Ok((rows, document))
}

fn set(members: &Bound<'_, PyDict>, name: &'static str, value: Value<'_>) -> PyResult<()> {
    match value {
        Value::Null => members.set_item(name, members.py().None()),
        Value::Bool(value) => members.set_item(name, value),
        Value::Integer(value) => members.set_item(name, value),
        Value::Text(value) => members.set_item(name, value),
        Value::Bytes(value) => members.set_item(name, PyBytes::new(members.py(), value)),
        Value::Phases(phases) => members.set_item(name, clocks(members.py(), phases)?),
    }
}

fn clocks<'py>(py: Python<'py>, phases: &Phases) -> PyResult<Bound<'py, PyDict>> {
    let clocks = PyDict::new(py);
    for phase in Phase::all() {
        if let (Some(name), Some(after)) = (phase.word(), phases.get(phase)) {
            clocks.set_item(name, after)?;
        }
    }
    Ok(clocks)
}

/// What the collector needs of a sealed segment: identity, hash, sums by minute. Verifies all of it.
#[pyfunction]
pub(crate) fn summarize_segment<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let summary = py.detach(|| record::summarize(data)).map_err(|error| unreadable(&error))?;
    let document = PyDict::new(py);
    document.set_item("node", summary.node.to_string())?;
    document.set_item("epoch", summary.epoch.to_string())?;
    document.set_item("first", summary.first)?;
    document.set_item("last", summary.last)?;
    document.set_item("count", summary.count)?;
    document.set_item("sha256", hexadecimal(&summary.sha256))?;
    document.set_item("started_at_us", summary.started_at.0)?;
    document.set_item("ended_at_us", summary.ended_at.0)?;
    let mut texts = Texts::default();
    let rollups = PyList::empty(py);
    for (key, sums) in &summary.rollups {
        rollups.append((key_of(py, &mut texts, key)?, sums_of(sums)))?;
    }
    document.set_item("rollups", rollups)?;
    document.set_item("totals", sums_of(&summary.totals()))?;
    document.set_item("minutes", summary.minutes().map(|(first, last)| (first.0, last.0)))?;
    let used = summary.kids();
    let used: Vec<_> = used.iter().map(|(kid, minute)| (kid.as_str(), minute.0)).collect();
    document.set_item("used", used)?;
    let refused = summary.kids_of(Fault::KeyDisabled);
    let refused: Vec<_> = refused.iter().map(Kid::as_str).collect();
    document.set_item("refused", refused)?;
    let retiring = PyList::empty(py);
    for (key, uses) in &summary.retiring.0 {
        retiring.append(retiring_use(py, key, uses)?)?;
    }
    document.set_item("retiring", retiring)?;
    let told = PyList::empty(py);
    for (key, answers) in &summary.told.0 {
        told.append(told_row(py, key, *answers)?)?;
    }
    document.set_item("told", told)?;
    Ok(document)
}

/// Open the personal members of a record: what stood in it in clear while it was in a slab.
///
/// `ValueError`: another data key sealed them, or they are none.
#[pyfunction]
pub(crate) fn unseal_personal<'py>(
    py: Python<'py>,
    data_key: Vec<u8>,
    epoch: &str,
    started_at_us: i64,
    sealed: &[u8],
) -> PyResult<Bound<'py, PyDict>> {
    let secret = Secret::new(data_key);
    let epoch = Id::parse(epoch).ok_or_else(|| PyValueError::new_err("the epoch is no id"))?;
    let personal = record::unseal(secret, epoch, WallTime(started_at_us), sealed)
        .ok_or_else(|| PyValueError::new_err("this data key did not seal these members"))?;
    let members = PyDict::new(py);
    let address = personal.address.to_string();
    members.set_item("client_address", (!address.is_empty()).then_some(address))?;
    members.set_item("user_agent", (!personal.user_agent.is_empty()).then(|| personal.user_agent.as_str()))?;
    Ok(members)
}

/// What a node records in this address's place under this data key where the form is `tag`: `tag:…`.
///
/// `ValueError`: it is no address, or this is no data key.
#[pyfunction]
pub(crate) fn address_tag(data_key: Vec<u8>, address: &str) -> PyResult<String> {
    let address = address.parse().map_err(|_| PyValueError::new_err("this is no address"))?;
    let tag = record::address_tag(Secret::new(data_key), address);
    tag.map(|tag| tag.to_string()).ok_or_else(|| PyValueError::new_err("a data key has 32 bytes"))
}

/// The tag that a node records of a secret that was presented and refused, under the data key of that month; None: nodes
/// record none, since it is empty or too long.
#[pyfunction]
pub(crate) fn secret_tag(data_key: Vec<u8>, presented: &[u8]) -> Option<String> {
    let tag = SecretTagger::of(&Secret::new(data_key)).tag(presented);
    (tag != SecretTag::NONE).then(|| tag.to_string())
}

fn retiring_use<'py>(py: Python<'py>, key: &RetiringKey, uses: &RetiringUse) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("kid", kid(&key.kid))?;
    row.set_item("day_us", key.day.0)?;
    row.set_item("caller", key.caller)?;
    row.set_item("refused", key.refused)?;
    row.set_item("requests", uses.requests)?;
    row.set_item("first_at_us", uses.first_at.0)?;
    row.set_item("last_at_us", uses.last_at.0)?;
    row.set_item("address", uses.address.map(|address| address.to_string()))?;
    row.set_item("user_agent", (!uses.user_agent.is_empty()).then(|| uses.user_agent.as_str()))?;
    let sealed = uses.personal.as_bytes();
    row.set_item("personal", (!sealed.is_empty()).then(|| PyBytes::new(py, sealed)))?;
    row.set_item("personal_key", id(uses.personal_key))?;
    row.set_item("route", id(uses.route))?;
    Ok(row)
}

fn told_row<'py>(py: Python<'py>, key: &ToldKey, answers: u64) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("day_us", key.day.0)?;
    row.set_item("partner", id(key.partner))?;
    row.set_item("application", id(key.application))?;
    row.set_item("route", id(key.route))?;
    row.set_item("contract_version", key.contract_version)?;
    row.set_item("backend_status", key.backend_status)?;
    row.set_item("fields_selected", key.fields_selected)?;
    row.set_item("answers", answers)?;
    Ok(row)
}

/// What tells a sum apart, as the ledger has it: "" or 0 where there is none. A segment has thousands, so they are tuples and no
/// dictionaries.
fn key_of<'py>(py: Python<'py>, texts: &mut Texts<'py>, key: &RollupKey) -> PyResult<Bound<'py, PyTuple>> {
    (
        key.minute.0,
        texts.of(py, key.partner),
        texts.of(py, key.application),
        key.kid.as_str().unwrap_or_default(),
        texts.of(py, key.route),
        PyString::intern(py, key.fault_code().unwrap_or_default()),
        key.billable,
        key.price_version,
    )
        .into_pyobject(py)
}

fn sums_of(sums: &Rollup) -> (u64, u64, u64, u64, u64) {
    (sums.requests, sums.units, sums.bytes_in, sums.bytes_out, sums.duration_us_sum)
}

/// The texts of ids: a few routes and partners stand in all rows of a segment.
#[derive(Default)]
struct Texts<'py>(HashMap<Id, Bound<'py, PyString>>);

impl<'py> Texts<'py> {
    fn of(&mut self, py: Python<'py>, id: Id) -> Bound<'py, PyString> {
        let text = || if id.is_none() { String::new() } else { id.to_string() };
        self.0.entry(id).or_insert_with(|| PyString::new(py, &text())).clone()
    }
}

fn id(id: Id) -> Option<String> {
    (!id.is_none()).then(|| id.to_string())
}

fn kid(kid: &Kid) -> Option<&str> {
    kid.as_str()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
