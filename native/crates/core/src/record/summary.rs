//! What the ledger adds up: one segment's records by minute and by whatever a bill or a chart asks for.

use std::collections::{BTreeMap, BTreeSet};

use super::Record;
use super::retiring::RetiringUses;
use super::segment::{Segment, SegmentError, decode_segment};
use super::told::Told;
use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::time::WallTime;

const MINUTE_US: i64 = 60_000_000;

/// What a roll-up adds up by. Absent ids are [`Id::NONE`], an absent price version is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollupKey {
    /// The minute in which the requests began.
    pub minute: WallTime,
    /// Partner.
    pub partner: Id,
    /// Application.
    pub application: Id,
    /// Proven key.
    pub kid: Kid,
    /// Route.
    pub route: Id,
    /// Number of the fault; 0 is none.
    pub fault: u16,
    /// Billed or not.
    pub billable: bool,
    /// Prices.
    pub price_version: u32,
}

impl RollupKey {
    fn of(record: &Record) -> Self {
        Self {
            minute: WallTime(record.started_at.0.div_euclid(MINUTE_US).saturating_mul(MINUTE_US)),
            partner: record.partner,
            application: record.application,
            kid: record.kid,
            route: record.route,
            fault: record.fault.map_or(0, |fault| fault as u16),
            billable: record.billable,
            price_version: record.price_version,
        }
    }

    /// The fault's code, if there is one.
    pub fn fault_code(&self) -> Option<&'static str> {
        Fault::from_id(self.fault).map(Fault::code)
    }
}

/// The sums of one key. They saturate instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Requests (the counts of the records).
    pub requests: u64,
    /// Cost units.
    pub units: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Sum of durations.
    pub duration_us_sum: u64,
}

impl Rollup {
    fn add(&mut self, record: &Record) {
        self.requests = self.requests.saturating_add(record.count.into());
        self.units = self.units.saturating_add(record.units);
        self.bytes_in = self.bytes_in.saturating_add(record.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(record.bytes_out);
        self.duration_us_sum = self.duration_us_sum.saturating_add(record.duration_us());
    }

    fn add_sums(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.units = self.units.saturating_add(other.units);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.duration_us_sum = self.duration_us_sum.saturating_add(other.duration_us_sum);
    }
}

/// One segment, as its manifest and the roll-ups have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whose folder.
    pub node: Id,
    /// Whose life.
    pub epoch: Id,
    /// First sequence.
    pub first: u64,
    /// Last sequence.
    pub last: u64,
    /// Number of records.
    pub count: u64,
    /// SHA-256 of all bytes before the footer.
    pub sha256: [u8; 32],
    /// Earliest beginning of a record.
    pub started_at: WallTime,
    /// Latest end of a record.
    pub ended_at: WallTime,
    /// The sums, ordered by key.
    pub rollups: BTreeMap<RollupKey, Rollup>,
    /// Who called with secrets that are being replaced.
    pub retiring: RetiringUses,
    /// What was told by contracts.
    pub told: Told,
}

impl Summary {
    /// What all sums add up to.
    pub fn totals(&self) -> Rollup {
        let mut totals = Rollup::default();
        for sums in self.rollups.values() {
            totals.add_sums(sums);
        }
        totals
    }

    /// The first and the last minute in which a call began, if there is a call.
    pub fn minutes(&self) -> Option<(WallTime, WallTime)> {
        let (first, last) = (self.rollups.first_key_value()?, self.rollups.last_key_value()?);
        Some((first.0.minute, last.0.minute))
    }

    /// Each key, and the last minute in which it was used.
    pub fn kids(&self) -> BTreeMap<Kid, WallTime> {
        // Later minutes stand later, so that the last one stays.
        let mut kids: BTreeMap<_, _> = self.rollups.keys().map(|key| (key.kid, key.minute)).collect();
        kids.remove(&Kid::NONE);
        kids
    }

    /// The keys whose calls had this fault.
    pub fn kids_of(&self, fault: Fault) -> BTreeSet<Kid> {
        let of_fault = self.rollups.keys().filter(|key| key.fault == fault as u16 && key.kid != Kid::NONE);
        of_fault.map(|key| key.kid).collect()
    }
}

/// Verify a sealed segment and add it up.
pub fn summarize(bytes: &[u8]) -> Result<Summary, SegmentError> {
    let Segment { header, frames, footer } = decode_segment(bytes)?;
    let mut rollups = BTreeMap::<RollupKey, Rollup>::new();
    let mut retiring = RetiringUses::default();
    let mut told = Told::default();
    for frame in &frames {
        rollups.entry(RollupKey::of(&frame.record)).or_default().add(&frame.record);
        retiring.add(&frame.record);
        told.add(&frame.record);
    }
    let started = frames.iter().map(|frame| frame.record.started_at).min();
    let ended = frames.iter().map(|frame| frame.record.finished_at).max();
    Ok(Summary {
        node: header.node,
        epoch: header.epoch,
        first: header.first,
        last: footer.last,
        count: footer.count,
        sha256: footer.sha256,
        started_at: started.unwrap_or(header.started_at),
        ended_at: ended.unwrap_or(header.started_at),
        rollups,
        retiring,
        told,
    })
}
