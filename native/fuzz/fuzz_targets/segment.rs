//! A segment of any bytes is read as far as it is whole; what is read strictly is read loosely too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::record::{segment, summarize};

fuzz_target!(|data: &[u8]| {
    let strict = segment::decode_segment(data);
    let loose = segment::scan(data);
    let _ = segment::read_footer(data);
    let _ = summarize(data);
    match (strict, loose) {
        (Ok(strict), Ok(loose)) => assert!(loose.sealed && strict.frames == loose.frames),
        (Ok(_), Err(_)) => panic!("a whole segment can't be scanned"),
        (Err(_), Ok(loose)) => assert!(!loose.sealed && loose.whole_bytes <= data.len()),
        (Err(_), Err(_)) => {}
    }
});
