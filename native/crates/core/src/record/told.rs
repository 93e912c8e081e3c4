//! Which version of a contract told whom what: the ledger of fields is read off these, never off bodies.

use std::collections::BTreeMap;

use super::{Delivery, Record};
use crate::ids::Id;
use crate::time::WallTime;

const DAY_US: i64 = 86_400_000_000;

/// What projected answers are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToldKey {
    /// The day, in UTC, in which the requests began.
    pub day: WallTime,
    /// Whose call it was.
    pub partner: Id,
    /// Which integration.
    pub application: Id,
    /// The route.
    pub route: Id,
    /// The number of the contract's version.
    pub contract_version: u32,
    /// The backend's status: it says which of the contract's answers was projected.
    pub backend_status: u16,
    /// The partner asked for some fields only: which, no record says.
    pub fields_selected: bool,
}

/// The projected answers of one segment, how many of each kind. A call without a contract costs a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(pub BTreeMap<ToldKey, u64>);

impl Told {
    pub(super) fn add(&mut self, record: &Record) {
        if record.contract_version == 0 || told_nothing(record) {
            return;
        }
        let key = ToldKey {
            day: WallTime(record.started_at.0.div_euclid(DAY_US).saturating_mul(DAY_US)),
            partner: record.partner,
            application: record.application,
            route: record.route,
            contract_version: record.contract_version,
            backend_status: record.backend_status,
            fields_selected: record.fields_selected,
        };
        let answers = self.0.entry(key).or_default();
        *answers = answers.saturating_add(record.count.into());
    }
}

/// A problem took the answer's place: what breaks its contract after its first bytes went out does not end as it should.
fn told_nothing(record: &Record) -> bool {
    record.delivery == Delivery::Complete && !record.violation.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;

    fn call(second: i64, contract_version: u32, backend_status: u16) -> Record {
        Record {
            partner: Id([1; 16]),
            application: Id([2; 16]),
            route: Id([3; 16]),
            contract_version,
            backend_status,
            ..Record::request(Id([7; 16]), WallTime(second * 1_000_000))
        }
    }

    #[test]
    fn answers_are_counted_by_day_version_and_the_backends_status() {
        let mut told = Told::default();
        for (second, version, status) in
            [(1, 4, 200), (86_399, 4, 200), (86_400, 4, 200), (2, 4, 404), (3, 5, 200), (4, 0, 200)]
        {
            told.add(&call(second, version, status));
        }
        let found: Vec<_> =
            told.0.iter().map(|(key, count)| (key.day.0, key.contract_version, key.backend_status, *count)).collect();
        assert_eq!(found, [(0, 4, 200, 2), (0, 4, 404, 1), (0, 5, 200, 1), (DAY_US, 4, 200, 1)]);
    }

    #[test]
    fn an_answer_that_a_problem_took_the_place_of_told_nothing() {
        let broken = |delivery| Record { violation: Text::cut(b"missing /name"), delivery, ..call(1, 4, 200) };
        let mut told = Told::default();
        told.add(&broken(Delivery::Complete));
        assert_eq!(told, Told::default());
        told.add(&broken(Delivery::Aborted));
        told.add(&broken(Delivery::Unknown));
        told.add(&Record { delivery: Delivery::Complete, ..call(1, 4, 200) });
        assert_eq!(told.0.values().sum::<u64>(), 3);
    }

    #[test]
    fn callers_and_routes_are_told_apart() {
        let mut told = Told::default();
        told.add(&call(1, 4, 200));
        told.add(&Record { route: Id([9; 16]), ..call(1, 4, 200) });
        told.add(&Record { application: Id([9; 16]), ..call(1, 4, 200) });
        told.add(&Record { fields_selected: true, ..call(1, 4, 200) });
        assert_eq!(told.0.len(), 4);
    }
}
