//! The tokens that an application holds, by backend and, where the claims read it, by key.

use super::made_from::{MadeFrom, Versions};
use crate::ids::{Id, Kid};
use crate::snapshot::SigningKey;
use hashbrown::HashMap;
use http::HeaderValue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tokens kept per application. Beyond it those go that end first.
const MOST_TOKENS: usize = 4096;

/// The tokens of one application. They end with the object: what replaces an application begins without.
#[derive(Default)]
pub struct TokenTable {
    tokens: Mutex<Tokens>,
}

/// For whom a token is, and of which key where that matters.
pub(super) type Place = (Id, Option<Kid>);

#[derive(Default)]
pub(super) struct Tokens(HashMap<Place, Token>);

pub(super) struct Token {
    /// The value of `Authorization`.
    pub(super) header: HeaderValue,
    pub(super) made_from: MadeFrom,
    /// Seconds since 1970.
    pub(super) made_at: i64,
    pub(super) renew_at: i64,
    pub(super) ends_at: i64,
}

impl TokenTable {
    /// Whoever holds this mints; others that want a token of the same application wait for it and find theirs made.
    pub(super) fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// The token held, where it is still made from the same and young enough. A clock that was set back makes none valid.
    pub(super) fn current(
        &self,
        place: &Place,
        versions: &Versions,
        signing_key: &Arc<SigningKey>,
        now: i64,
    ) -> Option<&HeaderValue> {
        let token = self.0.get(place)?;
        let young = (token.made_at..token.renew_at).contains(&now);
        (young && token.made_from.is(versions, signing_key)).then_some(&token.header)
    }

    pub(super) fn hold(&mut self, place: Place, token: Token) {
        if self.0.len() >= MOST_TOKENS && !self.0.contains_key(&place) {
            self.make_room(token.made_at);
        }
        self.0.insert(place, token);
    }

    fn make_room(&mut self, now: i64) {
        self.0.retain(|_, token| token.ends_at > now);
        if self.0.len() < MOST_TOKENS {
            return;
        }
        let mut ends: Vec<i64> = self.0.values().map(|token| token.ends_at).collect();
        let (sooner, &mut quarter, _) = ends.select_nth_unstable(MOST_TOKENS / 4);
        // All that end before the quarter's end go; of those that end with it, as many as a quarter still wants.
        let mut surplus = MOST_TOKENS / 4 - sooner.iter().filter(|&&end| end < quarter).count();
        self.0.retain(|_, token| {
            let ties = token.ends_at == quarter && surplus > 0;
            surplus -= usize::from(ties);
            token.ends_at >= quarter && !ties
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::SigningState;

    fn token(made_at: i64) -> Token {
        let made_from = MadeFrom { versions: Versions::default(), signing_key: signing_key("one") };
        let header = HeaderValue::from_static("Bearer x");
        Token { header, made_from, made_at, renew_at: made_at + 80, ends_at: made_at + 100 }
    }

    fn signing_key(kid: &str) -> Arc<SigningKey> {
        Arc::new(SigningKey {
            kid: kid.to_owned(),
            issuer: Id::NONE,
            public_jwk: serde_json::Value::Null,
            state: SigningState::Signing,
            signer: None,
            outdated: false,
        })
    }

    fn place(number: u64) -> Place {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        (Id(id), None)
    }

    #[test]
    fn a_token_is_current_until_four_fifths_of_its_life() {
        let mut tokens = Tokens::default();
        tokens.hold(place(0), token(1000));
        let current = |kid, now| tokens.current(&place(0), &Versions::default(), &signing_key(kid), now).is_some();
        assert_eq!([999, 1000, 1079, 1080].map(|now| current("one", now)), [false, true, true, false]);
        assert!(!current("other", 1000));
    }

    #[test]
    fn a_table_has_a_bound_and_keeps_what_ends_last() {
        let mut tokens = Tokens::default();
        for number in 0..20_000_u64 {
            tokens.hold(place(number), token(1000 + (number / 1000) as i64));
            assert!(tokens.0.len() <= MOST_TOKENS);
        }
        assert!(tokens.0.contains_key(&place(19_999)));
        assert!(!tokens.0.contains_key(&place(0)));
    }
}
