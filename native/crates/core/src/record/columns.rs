//! A segment's records by column, for whoever wants thousands at once: the lake.
//!
//! The memory is laid out as Arrow's arrays are (Arrow columnar format, "Physical memory layout"): little-endian values, one bit a
//! record that says whether there is a value, and for texts where each begins in the bytes of all.

use super::members::{Place, Value};
use super::{Phase, Segment};

/// One member of all records, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// What the records that have it hold.
    pub values: Values,
    /// Bit `n % 8` of byte `n / 8` is set where record `n` has a value.
    pub present: Vec<u8>,
}

/// The values of a column; those of absent members are zero or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// No record has one.
    #[default]
    None,
    /// Whole numbers, eight bytes each.
    Numbers(Vec<u8>),
    /// One bit a record.
    Flags(Vec<u8>),
    /// As texts, but bytes of any content.
    Bytes {
        /// One more than there are records.
        offsets: Vec<u8>,
        /// One after the other.
        bytes: Vec<u8>,
    },
    /// Texts one after the other, and where each begins and the last one ends: four bytes each.
    Texts {
        /// One more than there are records.
        offsets: Vec<u8>,
        /// UTF-8.
        bytes: Vec<u8>,
    },
}

/// A segment's members under their names of docs/wire.md, section 5; each phase clock is one of its own,
/// `phase_<name>_us`.
pub fn columns(segment: &Segment) -> Vec<(String, Column)> {
    let mut columns: Vec<(String, Column)> = Vec::new();
    for (row, frame) in segment.frames.iter().enumerate() {
        let place = Place { sequence: frame.sequence, epoch: segment.header.epoch, node: segment.header.node };
        // Members come in the same order each time, so that their number names them.
        let mut at = 0;
        let mut put = |name: &dyn Fn() -> String, value: Value<'_>| {
            if row == 0 {
                columns.push((name(), Column::default()));
            }
            columns[at].1.put(row, value);
            at += 1;
        };
        frame.record.members(&place, &mut |name, value| match value {
            Value::Phases(phases) => {
                for phase in Phase::all() {
                    if let Some(word) = phase.word() {
                        let clock = phases.get(phase).map_or(Value::Null, |after| Value::Integer(after.into()));
                        put(&|| format!("phase_{word}"), clock);
                    }
                }
            }
            value => put(&|| name.to_owned(), value),
        });
    }
    columns
}

impl Column {
    fn put(&mut self, row: usize, value: Value<'_>) {
        if row.is_multiple_of(8) {
            self.present.push(0);
        }
        match value {
            Value::Null | Value::Phases(_) => self.values.put_nothing(row),
            Value::Integer(number) => self.values.numbers(row).extend_from_slice(&number.to_le_bytes()),
            Value::Bool(flag) => {
                let bits = self.values.flags(row);
                set_bit(bits, row, flag);
            }
            Value::Text(text) => self.values.put_text(row, text),
            Value::Bytes(bytes) => self.values.put_bytes(row, bytes),
        }
        set_bit(&mut self.present, row, !matches!(value, Value::Null));
    }
}

impl Values {
    fn put_nothing(&mut self, row: usize) {
        match self {
            Self::None => {}
            Self::Numbers(values) => values.extend_from_slice(&[0; 8]),
            Self::Flags(bits) => set_bit(bits, row, false),
            Self::Texts { offsets, bytes } | Self::Bytes { offsets, bytes } => {
                offsets.extend_from_slice(&end_of(bytes));
            }
        }
    }

    /// The first value of a column says what it holds; the rows before it hold nothing.
    fn numbers(&mut self, row: usize) -> &mut Vec<u8> {
        if matches!(self, Self::None) {
            *self = Self::Numbers(vec![0; 8 * row]);
        }
        match self {
            Self::Numbers(values) => values,
            _ => unreachable!("a member is a number in every record or in none"),
        }
    }

    fn flags(&mut self, row: usize) -> &mut Vec<u8> {
        if matches!(self, Self::None) {
            *self = Self::Flags(vec![0; row.div_ceil(8)]);
        }
        match self {
            Self::Flags(bits) => bits,
            _ => unreachable!("a member is a flag in every record or in none"),
        }
    }

    fn put_bytes(&mut self, row: usize, value: &[u8]) {
        if matches!(self, Self::None) {
            *self = Self::Bytes { offsets: vec![0; 4 * (row + 1)], bytes: Vec::new() };
        }
        match self {
            Self::Bytes { offsets, bytes } => {
                bytes.extend_from_slice(value);
                offsets.extend_from_slice(&end_of(bytes));
            }
            _ => unreachable!("a member is bytes in every record or in none"),
        }
    }

    fn put_text(&mut self, row: usize, text: &str) {
        if matches!(self, Self::None) {
            *self = Self::Texts { offsets: vec![0; 4 * (row + 1)], bytes: Vec::new() };
        }
        match self {
            Self::Texts { offsets, bytes } => {
                bytes.extend_from_slice(text.as_bytes());
                offsets.extend_from_slice(&end_of(bytes));
            }
            _ => unreachable!("a member is a text in every record or in none"),
        }
    }
}

/// A segment has 1 MiB and no text is longer than its record: 32 bits suffice.
fn end_of(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

fn set_bit(bits: &mut Vec<u8>, row: usize, set: bool) {
    if bits.len() <= row / 8 {
        bits.push(0);
    }
    if set {
        bits[row / 8] |= 1 << (row % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::any_record;
    use super::super::{Record, segment};
    use super::*;
    use crate::ids::Id;
    use crate::time::WallTime;
    use proptest::prelude::*;

    fn bit(bits: &[u8], row: usize) -> bool {
        bits[row / 8] & (1 << (row % 8)) != 0
    }

    fn offset(offsets: &[u8], at: usize) -> usize {
        u32::from_le_bytes(offsets[4 * at..4 * at + 4].try_into().unwrap()) as usize
    }

    /// What a column tells of a record, as text.
    fn told(column: &Column, row: usize) -> Option<String> {
        bit(&column.present, row).then(|| match &column.values {
            Values::None => unreachable!(),
            Values::Numbers(values) => i64::from_le_bytes(values[8 * row..8 * row + 8].try_into().unwrap()).to_string(),
            Values::Flags(bits) => bit(bits, row).to_string(),
            Values::Texts { offsets, bytes } => {
                String::from_utf8(bytes[offset(offsets, row)..offset(offsets, row + 1)].to_vec()).unwrap()
            }
            Values::Bytes { offsets, bytes } => format!("{:?}", &bytes[offset(offsets, row)..offset(offsets, row + 1)]),
        })
    }

    fn as_text(value: Value<'_>) -> Option<String> {
        match value {
            Value::Null | Value::Phases(_) => None,
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.to_owned()),
            Value::Bytes(bytes) => Some(format!("{bytes:?}")),
        }
    }

    fn segment(records: Vec<Record>) -> Segment {
        let origin = segment::Origin { thread: 0, slot: 0, generation: 0 };
        let frames = (1..).zip(records).map(|(sequence, record)| segment::Frame { sequence, origin, record }).collect();
        let header = segment::Header { node: Id([1; 16]), epoch: Id([2; 16]), first: 1, started_at: WallTime(0) };
        let footer = segment::Footer { count: 0, last: 0, sha256: [0; 32] };
        Segment { header, frames, footer }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn columns_tell_what_the_members_of_each_record_are(records in proptest::collection::vec(any_record(), 1..20)) {
            let segment = segment(records);
            let columns = columns(&segment);
            for (row, frame) in segment.frames.iter().enumerate() {
                let place = Place { sequence: frame.sequence, epoch: segment.header.epoch, node: segment.header.node };
                let mut named = columns.iter();
                frame.record.members(&place, &mut |name, value| {
                    if let Value::Phases(phases) = value {
                        for phase in Phase::all().filter(|phase| phase.word().is_some()) {
                            let (_, column) = named.next().unwrap();
                            assert_eq!(told(column, row), phases.get(phase).map(|after| after.to_string()));
                        }
                    } else {
                        let (known, column) = named.next().unwrap();
                        assert_eq!((known.as_str(), told(column, row)), (name, as_text(value)));
                    }
                });
                prop_assert!(named.next().is_none());
            }
        }
    }

    #[test]
    fn a_segment_without_records_has_no_columns() {
        assert_eq!(columns(&segment(Vec::new())), []);
    }
}
