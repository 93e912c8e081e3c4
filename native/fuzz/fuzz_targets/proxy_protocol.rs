//! A load balancer's header is asked for piece by piece and never past its end; a longer one of a client changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::framing::proxy_protocol::{Preamble, judge};

fuzz_target!(|data: &[u8]| {
    let mut taken = 0;
    loop {
        match judge(&data[..taken]) {
            Ok(Preamble::Needs(more)) => {
                assert!(more > 0, "asks for nothing and is not complete");
                if taken == data.len() {
                    return;
                }
                taken = (taken + more).min(data.len());
            }
            Ok(complete) => {
                // Whoever reads it byte by byte gets to the same end.
                let earlier = (0..taken).find(|&end| !matches!(judge(&data[..end]), Ok(Preamble::Needs(_))));
                assert_eq!(earlier, None);
                assert_eq!(judge(&data[..taken]), Ok(complete));
                return;
            }
            Err(_) => return,
        }
    }
});
