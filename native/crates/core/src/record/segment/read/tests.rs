use aws_lc_rs::digest;
use proptest::prelude::*;

use super::*;
use crate::fault::Fault;
use crate::record::segment::{append_footer, append_frame};
use crate::record::test_support::any_record;
use crate::record::{MAX_ENCODED, summarize};

const HEADER: Header = Header { node: Id([7; 16]), epoch: Id([8; 16]), first: 41, started_at: WallTime(1_000) };

fn sealed(records: &[Record]) -> Vec<u8> {
    let mut bytes = HEADER.encode().to_vec();
    for (index, record) in records.iter().enumerate() {
        let mut buffer = [0; MAX_ENCODED];
        let length = record.encode(&mut buffer);
        let origin = Origin { thread: 1, slot: index as u16, generation: 3 };
        append_frame(&mut bytes, HEADER.first + index as u64, origin, &buffer[..length]);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, &bytes).as_ref());
    let count = records.len() as u64;
    append_footer(&mut bytes, &Footer { count, last: HEADER.first + count - 1, sha256 });
    bytes
}

fn some_records() -> Vec<Record> {
    (0..3).map(|number| Record::request(Id([number; 16]), WallTime(60_000_000 * i64::from(number / 2) + 5))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_come_back_in_order(records in proptest::collection::vec(any_record(), 1..20)) {
        let segment = decode_segment(&sealed(&records)).unwrap();
        prop_assert_eq!(segment.header, HEADER);
        let back: Vec<Record> = segment.frames.into_iter().map(|frame| frame.record).collect();
        prop_assert_eq!(back, records);
    }

    #[test]
    fn a_segment_torn_anywhere_keeps_its_whole_frames(records in proptest::collection::vec(any_record(), 1..8), cut in any::<prop::sample::Index>()) {
        let bytes = sealed(&records);
        let cut = cut.index(bytes.len());
        prop_assert!(decode_segment(&bytes[..cut]).is_err());
        if let Ok(scan) = scan(&bytes[..cut]) {
            prop_assert!(!scan.sealed && scan.whole_bytes <= cut);
            let kept: Vec<Record> = scan.frames.into_iter().map(|frame| frame.record).collect();
            prop_assert_eq!(&kept[..], &records[..kept.len()]);
        }
    }

    #[test]
    fn one_flipped_bit_is_found(records in proptest::collection::vec(any_record(), 1..6), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = sealed(&records);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode_segment(&bytes).is_err());
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(garbage in proptest::collection::vec(any::<u8>(), 0..800)) {
        prop_assert!(decode_segment(&garbage).is_err());
        let mut framed = HEADER.encode().to_vec();
        framed.extend_from_slice(&garbage);
        prop_assert!(decode_segment(&framed).is_err());
        prop_assert!(scan(&framed).is_ok());
    }
}

#[test]
fn zero_filled_blocks_after_a_crash_are_no_frames() {
    let mut bytes = HEADER.encode().to_vec();
    bytes.extend_from_slice(&[0; 4096]);
    let scan = scan(&bytes).unwrap();
    assert_eq!((scan.frames.len(), scan.whole_bytes, scan.sealed), (0, HEADER_BYTES, false));
}

#[test]
fn a_missing_record_is_found() {
    let records = some_records();
    let mut bytes = sealed(&records[..1]);
    let whole = sealed(&records);
    // The footer of the longer run behind the shorter one.
    let footer = whole.len() - FRAME_HEAD - FOOTER_PAYLOAD;
    bytes.truncate(bytes.len() - FRAME_HEAD - FOOTER_PAYLOAD);
    bytes.extend_from_slice(&whole[footer..]);
    assert_eq!(decode_segment(&bytes), Err(SegmentError::Footer));
}

#[test]
fn a_summary_adds_up_by_minute_and_fault() {
    let mut records = some_records();
    records[2].fault = Some(Fault::Throttled);
    records[2].finished_at = WallTime(60_000_500);
    let summary = summarize(&sealed(&records)).unwrap();
    assert_eq!((summary.first, summary.last, summary.count), (41, 43, 3));
    assert_eq!((summary.started_at, summary.ended_at), (WallTime(5), WallTime(60_000_500)));
    let sums: Vec<_> = summary
        .rollups
        .iter()
        .map(|(key, sum)| (key.minute.0, key.fault_code(), sum.requests, sum.units, sum.duration_us_sum))
        .collect();
    assert_eq!(sums, [(0, None, 2, 2, 0), (60_000_000, Some("throttled"), 1, 1, 495)]);
}
