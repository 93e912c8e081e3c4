use proptest::prelude::*;

use super::*;
use crate::record::test_support::any_record;

fn encoded(record: &Record) -> Vec<u8> {
    let mut buffer = [0; MAX_ENCODED];
    let length = record.encode(&mut buffer);
    buffer[..length].to_vec()
}

proptest! {
    #[test]
    fn a_record_comes_back_whole(record in any_record()) {
        prop_assert_eq!(Record::decode(&encoded(&record)), Ok(record));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Record::decode(&bytes);
    }

    #[test]
    fn a_damaged_record_never_panics(record in any_record(), at in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = encoded(&record);
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = Record::decode(&bytes);
        let _ = Record::decode(&bytes[..at]);
    }

    #[test]
    fn what_a_later_version_appends_is_skipped(record in any_record(), more in proptest::collection::vec(any::<u8>(), 0..40)) {
        let bytes = encoded(&record);
        let mut later = vec![VERSION + 1];
        later.extend_from_slice(&((FIXED + more.len()) as u16).to_le_bytes());
        later.extend_from_slice(&bytes[PREFIX..PREFIX + FIXED]);
        later.extend_from_slice(&more);
        later.extend_from_slice(&bytes[PREFIX + FIXED..]);
        later.extend_from_slice(&more);
        prop_assert_eq!(Record::decode(&later), Ok(record));
    }
}

#[test]
fn the_layout_of_version_3_is_fixed_for_ever() {
    // Segments of this version lie in ledgers: a change here needs a new version, appended.
    assert_eq!((FIXED, MAX_ENCODED), (317, 645));
    let mut record = Record::request(Id([0x11; 16]), WallTime(0x0102_0304_0506_0708));
    record.fault = Some(Fault::KeyRevoked);
    record.client = Some("203.0.113.7:4711".parse().unwrap());
    let bytes = encoded(&record);
    assert_eq!(bytes[..4], [3, 0x3d, 0x01, 0]);
    assert_eq!(bytes[4..20], [0x11; 16]);
    assert_eq!(bytes[44..52], [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(bytes.len(), PREFIX + FIXED + 4);
}

#[test]
fn a_record_of_version_1_is_read_for_ever() {
    // Version 1 knew neither `caller` and `personal_key` (17 fixed bytes) nor `personal` and `violation` (the last texts).
    let mut record = Record::request(Id([0x11; 16]), WallTime(7));
    record.client = Some("203.0.113.7:4711".parse().unwrap());
    record.user_agent = Text::cut(b"batch/1");
    let bytes = encoded(&record);
    let mut older = vec![1, 0x23, 0x01];
    older.extend_from_slice(&bytes[PREFIX..PREFIX + 291]);
    older.extend_from_slice(&bytes[PREFIX + FIXED..bytes.len() - 2]);
    assert_eq!(Record::decode(&older), Ok(record));
}

#[test]
fn a_record_of_version_2_is_read_for_ever() {
    // Version 2 knew neither `secret_tag` and `fields_selected` (the last 9 fixed bytes) nor `violation` (the last text).
    let mut record = Record::request(Id([0x11; 16]), WallTime(7));
    (record.caller, record.personal_key) = (3, Id([5; 16]));
    record.personal = Sealed::of(&[1, 2, 3]).unwrap();
    let bytes = encoded(&record);
    let mut older = vec![2, 0x34, 0x01];
    older.extend_from_slice(&bytes[PREFIX..PREFIX + 308]);
    older.extend_from_slice(&bytes[PREFIX + FIXED..bytes.len() - 1]);
    assert_eq!(Record::decode(&older), Ok(record));
}

#[test]
fn a_word_that_means_nothing_is_refused() {
    let mut bytes = encoded(&Record::request(Id([1; 16]), WallTime(1)));
    bytes[PREFIX] = 200;
    assert_eq!(Record::decode(&bytes), Err(DecodeError::Meaningless("Kind")));
    bytes[0] = 0;
    assert_eq!(Record::decode(&bytes), Err(DecodeError::Version(0)));
}
