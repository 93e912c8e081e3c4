//! A key of our form is its own text; of several lines one key is taken, or none; what was imported lets in its own text alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::authenticate::{ParsedKey, authenticate, presented};
use portazgo_core::ids::Kid;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{Snapshot, Update};
use portazgo_core::time::WallTime;
use std::sync::OnceLock;

/// Keys of another system, kept as SHA-256 and as SHA-512; below, under a pepper and a look-up key of 32 sevens.
const IMPORTED: [(&[u8], &str); 2] =
    [(b"NotARealKeyOfAnApiGateway00001", "Kid0000001"), (b"Ab3dEf7h.NotARealSecretOfAnotherSystem000", "Kid0000002")];
const SNAPSHOT: &str = r#"{"format":1,"history":"01990000-0000-7000-8000-0000000000ff","revision":1,"hash":"0000000000000000000000000000000000000000000000000000000000000000"}
{"kind":"partner","id":"01990000-0000-7000-8000-000000000001","requires":[],"body":{"name":"northwind","status":"active","metadata":{}}}
{"kind":"application","id":"01990000-0000-7000-8000-000000000002","requires":[],"body":{"name":"crm","partner":"01990000-0000-7000-8000-000000000001","environment":"live","status":"active","plan":null,"metadata":{}}}
{"kind":"pepper","id":"1","requires":[],"body":{"wrapped":"local:x"}}
{"kind":"lookup_key","id":"1","requires":[],"body":{"wrapped":"local:x"}}
{"kind":"key","id":"Kid0000001","requires":[],"body":{"application":"01990000-0000-7000-8000-000000000002","status":"active","name":"","secrets":[{"slot":"current","digest":"89d5068343f903be4a17739f42ac35607d6a96bc09e1e705c934b359aef53ad3","pepper":1,"ends_at_us":null,"imported":{"scheme":"sha256","lookup":"89d5068343f903be4a17739f42ac35607d6a96bc09e1e705c934b359aef53ad3"}}],"expires_at_us":null,"scopes":null,"networks":null}}
{"kind":"key","id":"Kid0000002","requires":[],"body":{"application":"01990000-0000-7000-8000-000000000002","status":"active","name":"","secrets":[{"slot":"current","digest":"d4fc2ca7116441d1044f1c868fd0468666a7a197fd25a9d0938f831973f999f1","pepper":1,"ends_at_us":null,"imported":{"scheme":"drf","lookup":"d4fc2ca7116441d1044f1c868fd0468666a7a197fd25a9d0938f831973f999f1"}}],"expires_at_us":null,"scopes":null,"networks":null}}
{"end":true,"count":6}
"#;

fn deployment() -> &'static Snapshot {
    static READ: OnceLock<Snapshot> = OnceLock::new();
    READ.get_or_init(|| {
        let mut update = Update::snapshot();
        assert!(update.push(SNAPSHOT.as_bytes()).and_then(|()| update.finish()).is_ok());
        let contexts: Vec<String> = update.wrapped().iter().map(|(context, _)| context.clone()).collect();
        for context in contexts {
            update.provide(context, vec![7; 32]);
        }
        match update.apply(None) {
            Ok(snapshot) => snapshot,
            Err(refused) => panic!("{refused}"),
        }
    })
}

fn let_in(text: &[u8]) -> Option<Kid> {
    let identity = authenticate(text, "ptz", deployment(), &SecurityLane::default(), WallTime(0)).ok()?;
    Some(identity.key.kid)
}

fuzz_target!(|data: &[u8]| {
    let own = IMPORTED.iter().find(|(text, _)| *text == data).map(|(_, kid)| *kid);
    assert_eq!(let_in(data).as_ref().and_then(Kid::as_str), own);
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
