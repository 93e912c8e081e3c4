//! What it costs to prove a key and to find the backend's token for it, with so many keys in memory; and what a key takes.
//!
//!     credential KEYS BATCHES
//!
//! Each call comes with another key of all that there are, in an order that no prefetcher follows, so that misses of the
//! caches are in the figure. The key's own text is in the cache, as that of a request that was just read. Calls come in
//! batches of 256; what is timed of each batch is `authenticate`, and then the look-up of the minted token. Memory comes from
//! the allocator that a node has: where a key lies decides how much of it is missed. Prints one JSON object: medians over the
//! batches, in nanoseconds for one call; all keys in play, and one; and the bytes that were asked for.

#[path = "../../core/tests/support/counted.rs"]
mod counted;
#[path = "../../core/tests/support/mod.rs"]
mod support;

use counted::Counted;
use mimalloc::MiMalloc;
use portazgo_core::authenticate::{self, Identity};
use portazgo_core::authorize::{self, Caller};
use portazgo_core::credential::{self, CredentialPolicy, Found, MintPolicy, Minting};
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{Backend, Snapshot, Update};
use portazgo_core::time::WallTime;
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::{HISTORY, NOW, PREFIX};

#[global_allocator]
static ALLOCATOR: Counted<MiMalloc> = Counted::new(MiMalloc);

const BATCH: usize = 256;
const WARM_BATCHES: usize = 100;
const PARTNERS: usize = 1_000;
/// Each has a token.
const APPLICATIONS: usize = 10_000;
const SECRET_DIGITS: usize = 32;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [keys, batches] = &words[..] else { panic!("credential KEYS BATCHES") };
    let keys: usize = keys.parse().expect("KEYS is a number");
    let batches: usize = batches.parse().expect("BATCHES is a number");
    // What is made once is no key's.
    drop(snapshot(1));
    let before = ALLOCATOR.held();
    let snapshot = snapshot(keys);
    let held = ALLOCATOR.held() - before;
    assert_eq!(snapshot.keys().len(), keys + 1);
    let bench = Bench::new(&snapshot);
    let began = Instant::now();
    bench.mint_all(keys);
    let minted = began.elapsed();
    let all = bench.run(&mut scattered(keys), batches);
    let one = bench.run(&mut std::iter::repeat(0), batches);
    println!(
        "{}",
        json!({"keys": keys, "applications": APPLICATIONS.min(keys), "held_bytes": held,
            "first_calls_ms": minted.as_millis() as u64, "all": all, "one": one})
    );
}

/// Numbers below `below` without an end, none of which tells the next.
fn scattered(below: usize) -> impl Iterator<Item = usize> {
    (1_u64..).map(move |count| {
        // Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014): SplitMix64.
        let mut mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    })
}

struct Bench<'s> {
    snapshot: &'s Snapshot,
    backend: std::sync::Arc<Backend>,
    lane: SecurityLane,
}

impl<'s> Bench<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let id = portazgo_core::ids::Id::parse(support::BACKEND).expect("an id");
        Self { snapshot, backend: support::understood(snapshot.backend(id)), lane: SecurityLane::default() }
    }

    /// Let each application call once, so that no signature falls into what is timed.
    fn mint_all(&self, keys: usize) {
        for number in 0..APPLICATIONS.min(keys) {
            let text = presented(number);
            let identity = self.authenticate(&text);
            let caller = self.caller(&identity);
            let minted = credential::authorization(self.policy(), &self.minting(&caller, &identity), NOW, || 7);
            minted.expect("a token");
        }
    }

    fn run(&self, numbers: &mut dyn Iterator<Item = usize>, batches: usize) -> serde_json::Value {
        let (mut authenticate, mut credential) = (Vec::new(), Vec::new());
        for batch in 0..WARM_BATCHES + batches {
            let texts: Vec<String> = numbers.take(BATCH).map(presented).collect();
            let mut identities = Vec::with_capacity(BATCH);
            let began = Instant::now();
            for text in &texts {
                identities.push(self.authenticate(black_box(text)));
            }
            let authenticated = began.elapsed();
            // Between the two a request is authorized: then its partner and application have been read.
            let callers: Vec<Caller<'_>> = identities.iter().map(|identity| self.caller(identity)).collect();
            let policy = self.policy();
            let began = Instant::now();
            for (caller, identity) in callers.iter().zip(&identities) {
                match credential::find(policy, &self.minting(caller, identity), black_box(NOW), || 7) {
                    Ok(Found::Token(header)) => drop(black_box(header)),
                    _ => panic!("a token that is held was not found"),
                }
            }
            let credentialed = began.elapsed();
            if batch >= WARM_BATCHES {
                authenticate.push(nanoseconds_each(authenticated));
                credential.push(nanoseconds_each(credentialed));
            }
        }
        json!({"authenticate_ns": median(&mut authenticate), "credential_ns": median(&mut credential)})
    }

    fn authenticate<'i>(&self, text: &'i str) -> Identity<'i>
    where
        's: 'i,
    {
        let presented = authenticate::presented([text.as_bytes()].into_iter(), std::iter::empty());
        match presented.and_then(|key| authenticate::authenticate(key, PREFIX, self.snapshot, &self.lane, now())) {
            Ok(identity) => identity,
            Err(denied) => panic!("{denied:?}"),
        }
    }

    fn caller<'i>(&self, identity: &'i Identity<'i>) -> Caller<'i>
    where
        's: 'i,
    {
        authorize::caller(identity, self.snapshot).expect("the caller is known")
    }

    fn policy(&self) -> &MintPolicy {
        let live = self.backend.environment(portazgo_core::snapshot::Environment::Live).expect("it is live");
        let CredentialPolicy::Mint(policy) = &live.credential else { panic!("this backend wants a token") };
        policy
    }

    fn minting<'m>(&'m self, caller: &'m Caller<'m>, identity: &'m Identity<'m>) -> Minting<'m> {
        Minting { caller, identity, backend: &self.backend, snapshot: self.snapshot, lane: &self.lane }
    }
}

fn now() -> WallTime {
    black_box(NOW)
}

fn nanoseconds_each(batch: Duration) -> f64 {
    batch.as_secs_f64() * 1e9 / f64::from(BATCH as u32)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn kid(number: usize) -> String {
    format!("k{number:09}")
}

fn secret(number: usize) -> String {
    format!("{number:0>SECRET_DIGITS$}")
}

fn presented(number: usize) -> String {
    support::presented("live", &kid(number), &secret(number))
}

fn id(kind: char, number: usize) -> String {
    format!("01990000-0000-7000-8000-{kind}{number:011}")
}

/// A deployment with so many more keys, spread over the applications.
fn snapshot(keys: usize) -> Snapshot {
    let template = support::key().to_string();
    let digest = support::digest_of(support::SECRET, 1);
    let mut update = Update::snapshot();
    let mut push = |line: &str| update.push(format!("{line}\n").as_bytes()).expect("a good line");
    push(&json!({"format": 1, "history": HISTORY, "revision": 1, "hash": ""}).to_string());
    let deployment = support::deployment();
    for one in &deployment {
        push(&one.to_string());
    }
    for number in 0..PARTNERS {
        let body = json!({"name": "northwind", "status": "active", "metadata": {"tier": "gold"}});
        push(&support::resource("partner", &id('a', number), body).to_string());
    }
    for number in 0..APPLICATIONS {
        let body = json!({"name": "crm", "partner": id('a', number % PARTNERS), "environment": "live",
            "status": "active", "plan": support::PLAN, "metadata": {}});
        push(&support::resource("application", &id('b', number), body).to_string());
    }
    for number in 0..keys {
        let line = template
            .replace(support::KID, &kid(number))
            .replace(&digest, &support::digest_of(&secret(number), 1))
            .replace(support::APPLICATION, &id('b', number % APPLICATIONS));
        push(&line);
    }
    push(&json!({"end": true, "count": deployment.len() + PARTNERS + APPLICATIONS + keys}).to_string());
    update.finish().expect("a whole snapshot");
    update.provide("pepper/1".to_owned(), support::pepper(1).to_vec());
    update.provide("signing_key/signing-1".to_owned(), support::SIGNING.pkcs8.clone());
    update.apply(None).unwrap_or_else(|refused| panic!("refused: {refused}"))
}
