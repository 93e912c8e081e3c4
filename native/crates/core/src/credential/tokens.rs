//! The tokens that an application holds, by backend and, where the claims read it, by key.
//!
//! A place in the table has at most one token, and at most one turn: whoever has the turn makes the next token, everybody
//! else goes on with the one that is there, or waits. So each renewal costs one signature, however many call at once.

use super::made_from::{MadeFrom, Versions};
use crate::ids::{Id, Kid};
use crate::snapshot::SigningKey;
use hashbrown::HashMap;
use http::HeaderValue;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Tokens kept per application. Beyond it those go that end first.
const MOST_TOKENS: usize = 4096;
/// A backend that refuses our tokens is asked with a new one this often, seconds; in between it is taken at its word.
const REFUSAL_REST: i64 = 10;

/// The tokens of one application. They end with the object: what replaces an application begins without.
#[derive(Default)]
pub struct TokenTable(Mutex<Tokens>);

/// For whom a token is, and of which key where that matters.
pub(super) type Place = (Id, Option<Kid>);

#[derive(Default)]
pub(super) struct Tokens(HashMap<Place, Slot>);

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    /// Somebody makes the next one.
    taken: bool,
    /// Seconds since 1970, when a refusal of the backend last let a token go.
    refused_at: Option<i64>,
    waiting: Vec<Waker>,
}

pub(super) struct Token {
    /// The value of `Authorization`.
    pub(super) header: HeaderValue,
    pub(super) made_from: MadeFrom,
    /// Its `nbf`, seconds since 1970. It was made a little later.
    pub(super) valid_from: i64,
    pub(super) renew_at: i64,
    /// It may be on its way for a while, so it is not sent until its very end.
    pub(super) sent_until: i64,
    pub(super) ends_at: i64,
}

/// What a place has.
pub(super) enum Held {
    /// A token.
    Young(HeaderValue),
    /// A token that is to be replaced; None: somebody does that already.
    Ageing(HeaderValue, Option<Turn>),
    /// None that may be sent.
    Missing(Turn),
    /// None that may be sent, and somebody makes one.
    Awaited,
}

/// The right and the duty to make the next token of a place. It ends with `finish`, or with its drop: then others may try.
pub(super) struct Turn {
    table: Arc<TokenTable>,
    place: Place,
    finished: bool,
}

/// Over when nobody makes a token for the place any more, whatever came of it.
pub struct Wait {
    table: Arc<TokenTable>,
    place: Place,
}

impl TokenTable {
    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is for a place, made from the same. The first who finds nothing, or something old, gets the turn.
    pub(super) fn find(
        self: &Arc<Self>,
        place: Place,
        versions: &Versions,
        signing_key: &Arc<SigningKey>,
        now: i64,
    ) -> Held {
        let mut tokens = self.lock();
        let slot = match tokens.0.get_mut(&place) {
            Some(slot) => slot,
            None => tokens.new_slot(place, now),
        };
        let turn = |slot: &mut Slot| {
            let free = !std::mem::replace(&mut slot.taken, true);
            free.then(|| Turn { table: Arc::clone(self), place, finished: false })
        };
        // A clock that was set back makes no token valid. But whoever read the clock just before the token was made, in another
        // thread or before a poll corrected it, takes it all the same: else each of them would sign one more.
        let token = slot.token.as_ref().filter(|token| {
            (token.valid_from..token.sent_until).contains(&now) && token.made_from.is(versions, signing_key)
        });
        match token {
            Some(token) if now < token.renew_at => Held::Young(token.header.clone()),
            Some(token) => {
                let header = token.header.clone();
                Held::Ageing(header, turn(slot))
            }
            None => turn(slot).map_or(Held::Awaited, Held::Missing),
        }
    }

    /// To wait for whoever has the turn.
    pub(super) fn wait(self: &Arc<Self>, place: Place) -> Wait {
        Wait { table: Arc::clone(self), place }
    }

    /// The backend refused a token. Whether it is worth one more try: with a token that is there already, or with one that is
    /// made now, which happens once in `REFUSAL_REST`.
    pub(super) fn refused(&self, place: &Place, header: &HeaderValue, now: i64) -> bool {
        let mut tokens = self.lock();
        let Some(slot) = tokens.0.get_mut(place) else {
            return true;
        };
        match &slot.token {
            Some(token) if token.header == header => {}
            // It was replaced meanwhile, or is just about to be.
            Some(_) => return true,
            None => return slot.taken,
        }
        // Around it, not after it: others may have read the clock before whoever was refused first.
        if slot.refused_at.is_some_and(|at| (now - at).abs() < REFUSAL_REST) {
            return false;
        }
        slot.refused_at = Some(now);
        slot.token = None;
        true
    }

    fn end_turn(&self, place: &Place, token: Option<Token>) {
        let woken = {
            let mut tokens = self.lock();
            let Some(slot) = tokens.0.get_mut(place) else {
                return;
            };
            slot.taken = false;
            if token.is_some() {
                slot.token = token;
            }
            let woken = std::mem::take(&mut slot.waiting);
            if slot.is_empty() {
                tokens.0.remove(place);
            }
            woken
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Turn {
    pub(super) fn wait(&self) -> Wait {
        self.table.wait(self.place)
    }

    /// Here is the token.
    pub(super) fn finish(mut self, token: Token) {
        self.finished = true;
        self.table.end_turn(&self.place, Some(token));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.finished {
            self.table.end_turn(&self.place, None);
        }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.table.lock().0.get_mut(&self.place) {
            Some(slot) if slot.taken => {
                if !slot.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    slot.waiting.push(context.waker().clone());
                }
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.token.is_none() && !self.taken && self.refused_at.is_none()
    }

    /// When it is of no use any more, seconds since 1970. A turn keeps it.
    fn ends_at(&self) -> i64 {
        if self.taken {
            return i64::MAX;
        }
        let token = self.token.as_ref().map(|token| token.ends_at);
        token.max(self.refused_at.map(|at| at + REFUSAL_REST)).unwrap_or(i64::MIN)
    }
}

impl Tokens {
    fn new_slot(&mut self, place: Place, now: i64) -> &mut Slot {
        if self.0.len() >= MOST_TOKENS {
            self.make_room(now);
        }
        self.0.entry(place).or_default()
    }

    fn make_room(&mut self, now: i64) {
        self.0.retain(|_, slot| slot.ends_at() > now);
        if self.0.len() < MOST_TOKENS {
            return;
        }
        let mut ends: Vec<i64> = self.0.values().map(Slot::ends_at).collect();
        let (sooner, &mut quarter, _) = ends.select_nth_unstable(MOST_TOKENS / 4);
        // All that end before the quarter's end go; of those that end with it, as many as a quarter still wants.
        let mut surplus = MOST_TOKENS / 4 - sooner.iter().filter(|&&end| end < quarter).count();
        self.0.retain(|_, slot| {
            let end = slot.ends_at();
            let ties = end == quarter && surplus > 0;
            surplus -= usize::from(ties);
            end >= quarter && !ties
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Algorithm;
    use crate::snapshot::SigningState;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    fn token(made_at: i64, header: &'static str) -> Token {
        let made_from = MadeFrom { versions: Versions::default(), signing_key: signing_key("one") };
        let header = HeaderValue::from_static(header);
        let (valid_from, renew_at, sent_until, ends_at) = (made_at - 5, made_at + 80, made_at + 95, made_at + 100);
        Token { header, made_from, valid_from, renew_at, sent_until, ends_at }
    }

    fn signing_key(kid: &str) -> Arc<SigningKey> {
        Arc::new(SigningKey {
            kid: kid.to_owned(),
            issuer: Id::NONE,
            algorithm: Some(Algorithm::Es256),
            public_jwk: None,
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

    fn find_of(table: &Arc<TokenTable>, kid: &str, now: i64) -> Held {
        table.find(place(0), &Versions::default(), &signing_key(kid), now)
    }

    fn find(table: &Arc<TokenTable>, now: i64) -> Held {
        find_of(table, "one", now)
    }

    fn turn(held: Held) -> Turn {
        match held {
            Held::Missing(turn) | Held::Ageing(_, Some(turn)) => turn,
            other => panic!("{}", word(&other)),
        }
    }

    fn word(held: &Held) -> &'static str {
        match held {
            Held::Young(_) => "young",
            Held::Ageing(_, Some(_)) => "ageing",
            Held::Ageing(_, None) => "ageing, taken",
            Held::Missing(_) => "missing",
            Held::Awaited => "awaited",
        }
    }

    fn table_with(token: Token) -> Arc<TokenTable> {
        let table = Arc::default();
        turn(find(&table, token.valid_from)).finish(token);
        table
    }

    #[test]
    fn a_token_is_young_for_four_fifths_of_its_life_and_sent_until_shortly_before_its_end() {
        let table = table_with(token(1000, "Bearer x"));
        let words = [1000, 1079, 1080, 1094, 1095].map(|now| word(&find(&table, now)));
        assert_eq!(words, ["young", "young", "ageing", "ageing", "missing"]);
        assert_eq!(word(&find_of(&table, "other", 1000)), "missing");
    }

    #[test]
    fn who_read_the_clock_before_a_token_was_made_takes_it_and_a_clock_that_was_set_back_does_not() {
        let table = table_with(token(1000, "Bearer x"));
        let words = [994, 995, 999].map(|now| word(&find(&table, now)));
        assert_eq!(words, ["missing", "young", "young"]);
    }

    #[test]
    fn one_makes_the_next_token_and_the_others_go_on_with_the_old_or_wait() {
        let table = table_with(token(1000, "Bearer x"));
        let renewing = find(&table, 1080);
        assert_eq!(
            [word(&renewing), word(&find(&table, 1080)), word(&find(&table, 1096))],
            ["ageing", "ageing, taken", "awaited"]
        );
        turn(renewing).finish(token(1080, "Bearer y"));
        assert!(matches!(find(&table, 1080), Held::Young(header) if header == "Bearer y"));
    }

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_when_a_turn_ends_whatever_came_of_it() {
        let table = Arc::new(TokenTable::default());
        let missing = turn(find(&table, 1000));
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&counted));
        let mut context = Context::from_waker(&waker);
        let mut wait = table.wait(place(0));
        assert_eq!(Pin::new(&mut wait).poll(&mut context), Poll::Pending);
        assert_eq!(Pin::new(&mut wait).poll(&mut context), Poll::Pending);
        drop(missing);
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
        assert_eq!(Pin::new(&mut wait).poll(&mut context), Poll::Ready(()));
        assert_eq!(word(&find(&table, 1000)), "missing");
        assert_eq!(table.lock().0.len(), 0, "what failed leaves nothing behind");
    }

    #[test]
    fn a_refusal_lets_a_token_go_once_in_ten_seconds() {
        let table = table_with(token(1000, "Bearer x"));
        let refused = |header, now| table.refused(&place(0), &HeaderValue::from_static(header), now);
        assert!(refused("Bearer x", 1001));
        turn(find(&table, 1001)).finish(token(1001, "Bearer y"));
        // Another call that was sent with the first one: the second is worth a try.
        assert!(refused("Bearer x", 1002));
        assert!(!refused("Bearer y", 1002));
        assert!(!refused("Bearer y", 1010));
        assert!(refused("Bearer y", 1011));
        assert_eq!(word(&find(&table, 1011)), "missing");
    }

    #[test]
    fn a_table_has_a_bound_and_keeps_what_ends_last() {
        let table = Arc::new(TokenTable::default());
        for number in 0..20_000_u64 {
            let now = 1000 + (number / 1000) as i64;
            turn(table.find(place(number), &Versions::default(), &signing_key("one"), now))
                .finish(token(now, "Bearer x"));
            assert!(table.lock().0.len() <= MOST_TOKENS);
        }
        assert!(table.lock().0.contains_key(&place(19_999)));
        assert!(!table.lock().0.contains_key(&place(0)));
    }
}
