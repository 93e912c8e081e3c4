//! A segment of any bytes is read as far as it is whole; what is read strictly is read loosely too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::ids::Id;
use portazgo_core::record::{MAX_ENCODED, Record, segment, summarize};
use portazgo_core::time::WallTime;

fuzz_target!(|data: &[u8]| {
    read(data);
    // A changed byte breaks its frame's CRC: records are reached only in frames that are made here.
    let header = segment::Header { node: Id::NONE, epoch: Id::NONE, first: 1, started_at: WallTime(0) };
    let mut framed = header.encode().to_vec();
    for (sequence, record) in (1..).zip(data.split(|&byte| byte == 0xff)).take(8) {
        let origin = segment::Origin { thread: 0, slot: 0, generation: 0 };
        segment::append_frame(&mut framed, sequence, origin, record);
    }
    read(&framed);
    for frame in segment::scan(&framed).unwrap().frames {
        let mut buffer = [0; MAX_ENCODED];
        let bytes = frame.record.encode(&mut buffer);
        assert_eq!(Record::decode(&buffer[..bytes]).as_ref(), Ok(&frame.record));
    }
});

fn read(bytes: &[u8]) {
    let strict = segment::decode_segment(bytes);
    let loose = segment::scan(bytes);
    let _ = segment::read_footer(bytes);
    let _ = summarize(bytes);
    match (strict, loose) {
        (Ok(strict), Ok(loose)) => assert!(loose.sealed && strict.frames == loose.frames),
        (Ok(_), Err(_)) => panic!("a whole segment can't be scanned"),
        (Err(_), Ok(loose)) => assert!(!loose.sealed && loose.whole_bytes <= bytes.len()),
        (Err(_), Err(_)) => {}
    }
}
