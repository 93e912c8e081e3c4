//! Addresses of names. They are looked up off the data thread and believed for the time that the backend says (the system's
//! resolver tells no TTL). A name that was known holds no call up: old addresses serve while new ones are fetched.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long old addresses serve beyond their time while the resolver fails: a resolver that is restarted must not stop
/// backends that are well.
const SERVED_STALE: Duration = Duration::from_mins(5);
/// How long a failed lookup counts for calls that would have to wait for another one.
const FAILED: Duration = Duration::from_secs(1);

/// Who looks names up.
pub(super) trait Lookup: Clone + 'static {
    /// All addresses; at least one.
    fn look_up(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + 'static;

    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// The system's resolver, on a thread of its own.
#[derive(Clone, Default)]
pub(super) struct System;

impl Lookup for System {
    fn look_up(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + 'static {
        let host = host.to_owned();
        async move {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in tokio::net::lookup_host((host, 0)).await? {
                if !addresses.contains(&address.ip()) {
                    addresses.push(address.ip());
                }
            }
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
            }
            Ok(addresses)
        }
    }
}

enum Known {
    Addresses { at: Instant, addresses: Rc<[IpAddr]>, doubted: bool },
    Failed { at: Instant, error: io::ErrorKind },
}

/// A lookup under way: however many calls want the name, the resolver is asked once.
#[derive(Default)]
struct Asking {
    found: OnceCell<Result<Rc<[IpAddr]>, io::ErrorKind>>,
    done: Notify,
}

impl Asking {
    async fn answer(&self) -> Result<Rc<[IpAddr]>, io::ErrorKind> {
        loop {
            let done = self.done.notified();
            if let Some(found) = self.found.get() {
                return found.clone();
            }
            done.await;
        }
    }
}

/// What a data thread knows of names.
#[derive(Default)]
pub(super) struct Names<L = System> {
    lookup: L,
    known: Rc<RefCell<HashMap<String, Known>>>,
    asking: Rc<RefCell<HashMap<String, Rc<Asking>>>>,
}

impl<L: Lookup> Names<L> {
    /// The addresses of a name, in the resolver's order.
    pub(super) async fn addresses(&self, host: &str, believed: Duration) -> io::Result<Rc<[IpAddr]>> {
        let now = self.lookup.now();
        match self.known.borrow().get(host) {
            Some(Known::Addresses { at, addresses, doubted: false }) => {
                let age = now.saturating_duration_since(*at);
                if age < believed {
                    return Ok(Rc::clone(addresses));
                }
                if age < believed + SERVED_STALE {
                    // They go on serving while the lookup fails; the next call asks again.
                    self.look_up_once(host);
                    return Ok(Rc::clone(addresses));
                }
            }
            Some(Known::Failed { at, error }) if now.saturating_duration_since(*at) < FAILED => {
                return Err((*error).into());
            }
            Some(Known::Addresses { .. } | Known::Failed { .. }) | None => {}
        }
        let found = self.look_up_once(host).answer().await;
        found.or_else(|error| self.after_failure(host, believed, error))
    }

    /// None of its addresses took a connection: ask again before the next.
    pub(super) fn doubt(&self, host: &str) {
        if let Some(Known::Addresses { doubted, .. }) = self.known.borrow_mut().get_mut(host) {
            *doubted = true;
        }
    }

    /// The lookup of a name that is under way, or a new one. It goes on whether anybody waits for it or not: a call that gives
    /// up takes nothing from those that wait with it.
    fn look_up_once(&self, host: &str) -> Rc<Asking> {
        if let Some(asking) = self.asking.borrow().get(host) {
            return Rc::clone(asking);
        }
        let asking = Rc::new(Asking::default());
        self.asking.borrow_mut().insert(host.to_owned(), Rc::clone(&asking));
        let (lookup, known, underway) = (self.lookup.clone(), Rc::clone(&self.known), Rc::clone(&self.asking));
        let (host, told) = (host.to_owned(), Rc::clone(&asking));
        tokio::task::spawn_local(async move {
            let found = lookup.look_up(&host).await.map(Rc::from).map_err(|error| error.kind());
            underway.borrow_mut().remove(&host);
            if let Ok(addresses) = &found {
                let addresses = Rc::clone(addresses);
                known.borrow_mut().insert(host, Known::Addresses { at: lookup.now(), addresses, doubted: false });
            }
            let _ = told.found.set(found);
            told.done.notify_waiters();
        });
        asking
    }

    fn after_failure(&self, host: &str, believed: Duration, error: io::ErrorKind) -> io::Result<Rc<[IpAddr]>> {
        let now = self.lookup.now();
        let mut known = self.known.borrow_mut();
        if let Some(Known::Addresses { at, addresses, doubted }) = known.get_mut(host)
            && now.saturating_duration_since(*at) < believed + SERVED_STALE
        {
            // The backend was restarted while the resolver is away, maybe: its old addresses are all that there is.
            *doubted = false;
            return Ok(Rc::clone(addresses));
        }
        known.insert(host.to_owned(), Known::Failed { at: now, error });
        Err(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::VecDeque;

    const BELIEVED: Duration = Duration::from_secs(30);

    /// Answers what it was told to, one answer a question; afterwards it fails.
    #[derive(Clone, Default)]
    struct Scripted {
        answers: Rc<RefCell<VecDeque<Vec<&'static str>>>>,
        asked: Rc<Cell<u32>>,
        passed: Rc<Cell<Duration>>,
        began: Rc<OnceCell<Instant>>,
    }

    impl Lookup for Scripted {
        fn look_up(&self, _host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + 'static {
            self.asked.set(self.asked.get() + 1);
            let answer = self.answers.borrow_mut().pop_front();
            // Never at once, as a lookup on another thread.
            async move {
                tokio::task::yield_now().await;
                let answer = answer.ok_or(io::ErrorKind::TimedOut)?;
                Ok(answer.iter().map(|text| text.parse().unwrap()).collect())
            }
        }

        fn now(&self) -> Instant {
            *self.began.get_or_init(Instant::now) + self.passed.get()
        }
    }

    fn names(answers: &[&'static str]) -> Names<Scripted> {
        let lookup = Scripted::default();
        lookup.answers.borrow_mut().extend(answers.iter().map(|answer| vec![*answer]));
        Names { lookup, known: Rc::default(), asking: Rc::default() }
    }

    impl Names<Scripted> {
        async fn ask(&self) -> Result<String, io::ErrorKind> {
            let found = self.addresses("backend.example", BELIEVED).await;
            found.map(|addresses| addresses[0].to_string()).map_err(|error| error.kind())
        }

        fn pass(&self, time: Duration) {
            self.lookup.passed.set(self.lookup.passed.get() + time);
        }

        async fn let_refreshes_end(&self) {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn run<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future)
    }

    #[test]
    fn a_name_that_changes_is_followed_and_no_call_waits_for_it() {
        run(async {
            let names = names(&["10.0.0.1", "10.0.0.2"]);
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.1"));
            names.pass(BELIEVED / 2);
            assert_eq!((names.ask().await.as_deref(), names.lookup.asked.get()), (Ok("10.0.0.1"), 1));
            names.pass(BELIEVED);
            // The old one, at once; the new one is on its way.
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.1"));
            names.let_refreshes_end().await;
            assert_eq!((names.ask().await.as_deref(), names.lookup.asked.get()), (Ok("10.0.0.2"), 2));
        });
    }

    #[test]
    fn while_the_resolver_fails_the_old_addresses_serve_for_five_minutes() {
        run(async {
            let names = names(&["10.0.0.1"]);
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.1"));
            names.pass(SERVED_STALE);
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.1"));
            names.let_refreshes_end().await;
            names.pass(BELIEVED);
            assert_eq!(names.ask().await, Err(io::ErrorKind::TimedOut));
        });
    }

    #[test]
    fn a_failure_counts_for_a_second() {
        run(async {
            let names = names(&[]);
            assert_eq!(names.ask().await, Err(io::ErrorKind::TimedOut));
            assert_eq!((names.ask().await.is_err(), names.lookup.asked.get()), (true, 1));
            names.lookup.answers.borrow_mut().push_back(vec!["10.0.0.1"]);
            names.pass(FAILED);
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.1"));
        });
    }

    #[test]
    fn addresses_that_take_no_connection_are_asked_for_again() {
        run(async {
            let names = names(&["10.0.0.1", "10.0.0.2"]);
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.1"));
            names.doubt("backend.example");
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.2"));
            // The resolver fails from here on: a doubt costs no address.
            names.doubt("backend.example");
            assert_eq!(names.ask().await.as_deref(), Ok("10.0.0.2"));
        });
    }

    #[test]
    fn calls_at_once_ask_once_and_who_gives_up_takes_nothing_from_the_others() {
        run(async {
            let names = Rc::new(names(&["10.0.0.1"]));
            let ask = || {
                let names = Rc::clone(&names);
                tokio::task::spawn_local(async move { names.ask().await })
            };
            // The first of them, for which the lookup was begun, is the one that gives up.
            let impatient = ask();
            let patient = [ask(), ask(), ask()];
            tokio::task::yield_now().await;
            impatient.abort();
            for call in patient {
                assert_eq!(call.await.unwrap().as_deref(), Ok("10.0.0.1"));
            }
            assert_eq!(names.lookup.asked.get(), 1);
        });
    }

    #[test]
    fn calls_at_once_fail_at_once_and_ask_once() {
        run(async {
            let names = Rc::new(names(&[]));
            let calls: Vec<_> = (0..3)
                .map(|_| {
                    let names = Rc::clone(&names);
                    tokio::task::spawn_local(async move { names.ask().await })
                })
                .collect();
            for call in calls {
                assert_eq!(call.await.unwrap(), Err(io::ErrorKind::TimedOut));
            }
            assert_eq!(names.lookup.asked.get(), 1);
        });
    }
}
