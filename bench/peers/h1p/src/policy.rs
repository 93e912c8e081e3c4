//! Who calls, how often, with which credential for the backend.

use crate::records::Record;
use aws_lc_rs::hmac;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

const KEY: HeaderName = HeaderName::from_static("x-api-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// A million calls a second, a second's worth at once: decided for each call, and never the bottleneck.
const INTERVAL_NS: u64 = 1000;
const TOLERANCE_NS: u64 = 1_000_000_000;
const BEARER_BYTES: usize = 400;

/// What all requests share.
pub(crate) struct Policy {
    secret: hmac::Key,
    keys: HashMap<[u8; 32], u32, BuildHasherDefault<DigestHasher>>,
    bearers: Vec<HeaderValue>,
    started: Instant,
}

/// A call that may go on.
pub(crate) struct Admitted {
    key: u32,
    began_ns: u64,
    trace: [u8; 24],
    path_bytes: u64,
    started: Instant,
}

thread_local! {
    /// Theoretical arrival times, by key.
    static ARRIVALS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Policy {
    /// Read the keys of a file, one a line.
    pub(crate) fn read(path: &str) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let text = std::fs::read_to_string(path).expect("the file of keys");
        let digests = text.lines().map(|key| digest(&secret, key.as_bytes()));
        let keys: HashMap<_, _, _> = digests.zip(0..).collect();
        let bearer = |number: usize| HeaderValue::try_from(format!("Bearer {number:0>BEARER_BYTES$}"));
        let bearers = (0..keys.len()).map(|number| bearer(number).expect("digits")).collect();
        ARRIVALS.with_borrow_mut(|arrivals| arrivals.resize(keys.len(), 0));
        Self { secret, keys, bearers, started: Instant::now() }
    }

    /// Admit a request and make it the backend's, or say with which status it is refused.
    pub(crate) fn admit(&self, request: &mut Request<hyper::body::Incoming>) -> Result<Admitted, StatusCode> {
        let presented = request.headers().get(KEY).ok_or(StatusCode::UNAUTHORIZED)?;
        let key = *self.keys.get(&digest(&self.secret, presented.as_bytes())).ok_or(StatusCode::UNAUTHORIZED)?;
        let began_ns = self.started.elapsed().as_nanos() as u64;
        if !is_within_rate(key, began_ns) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        let mut trace = [0; 24];
        fastrand::fill(&mut trace);
        let headers = request.headers_mut();
        headers.remove(KEY);
        headers.insert(AUTHORIZATION, self.bearers[key as usize].clone());
        headers.insert(TRACEPARENT, traceparent(&trace));
        let path_bytes = request.uri().path().len() as u64;
        Ok(Admitted { key, began_ns, trace, path_bytes, started: self.started })
    }
}

impl Admitted {
    /// The record of the call, once the backend has answered.
    pub(crate) fn record(self, status: StatusCode) -> Record {
        let Self { key, began_ns, trace, path_bytes, started } = self;
        Record { key, began_ns, trace, path_bytes, started, status: status.as_u16(), body_bytes: 0 }
    }
}

fn digest(secret: &hmac::Key, key: &[u8]) -> [u8; 32] {
    hmac::sign(secret, key).as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

/// GCRA (ITU-T I.371).
fn is_within_rate(key: u32, now_ns: u64) -> bool {
    ARRIVALS.with_borrow_mut(|arrivals| {
        let arrival = &mut arrivals[key as usize];
        let next = (*arrival).max(now_ns) + INTERVAL_NS;
        let within = next - now_ns <= TOLERANCE_NS;
        if within {
            *arrival = next;
        }
        within
    })
}

/// W3C Trace Context: 16 bytes of trace, 8 of span.
fn traceparent(ids: &[u8; 24]) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"00-................................-................-01";
    for (index, byte) in ids.iter().enumerate() {
        let at = if index < 16 { 3 + 2 * index } else { 36 + 2 * (index - 16) };
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&text).expect("ASCII")
}

/// A digest is as good as random: eight bytes of it are its hash.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}
