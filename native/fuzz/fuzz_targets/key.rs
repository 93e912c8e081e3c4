//! A key of our form is its own text; of several lines one key is taken, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::authenticate::{ParsedKey, presented};

fuzz_target!(|data: &[u8]| {
    if let Some(key) = ParsedKey::parse(data, "ptz") {
        assert!(data.is_ascii() && data.len() == 3 + 1 + 4 + 1 + 10 + 1 + 32 + 6);
        assert!(data.windows(10).any(|window| window == key.kid.as_str().unwrap().as_bytes()));
    }
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let (keys, authorizations) = lines.split_at(lines.len() / 2);
    if let Ok(found) = presented(keys.iter().copied(), authorizations.iter().copied()) {
        assert!(keys.iter().all(|key| *key == found));
        assert!(keys.contains(&found) || authorizations.iter().any(|line| line.len() >= 7));
    }
});
