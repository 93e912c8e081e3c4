//! Happy eyeballs (RFC 8305): addresses of both families in turn, each a moment after the one before, and the first that
//! connects wins. One dead family costs a quarter of a second and not a connect time-out.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// From one attempt to the next (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// The first that connects; those that are still trying are given up. The error is the last one's.
pub(super) async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<(TcpStream, SocketAddr)> {
    // Nothing to race: no task is made.
    if let [only] = addresses[..] {
        return TcpStream::connect(only).await.map(|stream| (stream, only));
    }
    race(addresses, TcpStream::connect::<SocketAddr>).await
}

async fn race<T: 'static, F: Future<Output = io::Result<T>> + 'static>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<(T, SocketAddr)> {
    let mut waiting = in_turn(addresses).into_iter();
    let mut racing = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            let connecting = connect(address);
            racing.spawn_local(async move { connecting.await.map(|stream| (stream, address)) });
        } else if racing.is_empty() {
            return Err(last);
        }
        let ended = if waiting.len() == 0 {
            racing.join_next().await
        } else {
            // Out of patience: the next one starts beside it.
            let Ok(ended) = timeout(STAGGER, racing.join_next()).await else { continue };
            ended
        };
        match ended {
            Some(Ok(Ok(connected))) => return Ok(connected),
            Some(Ok(Err(error))) => last = error,
            // A task that panicked or was cancelled connects to nothing.
            Some(Err(_)) | None => {}
        }
    }
}

/// The families in turn, beginning with that of the first; within one as they came.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_6);
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return ordered,
            (one, other) => ordered.extend(one.into_iter().chain(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::rc::Rc;
    use std::time::Instant;

    fn run<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future)
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["[::1]:1", "[::1]:2", "[::1]:3", "1.1.1.1:1", "1.1.1.1:2"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::1]:2", "1.1.1.1:2", "[::1]:3"]);
        assert_eq!(in_turn(given), expected);
    }

    #[test]
    fn one_that_refuses_is_passed_over_at_once() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let began = Instant::now();
        let (_, address) = run(first_of(vec![closed, open.local_addr().unwrap()])).unwrap();
        assert_eq!(address, open.local_addr().unwrap());
        assert!(began.elapsed() < STAGGER, "it waited {:?}", began.elapsed());
    }

    #[test]
    fn one_that_keeps_silent_holds_nobody_up_and_is_given_up() {
        let [silent, open] = addresses(&["[::1]:1", "127.0.0.1:1"])[..] else { unreachable!() };
        let given_up = Rc::new(());
        let connect = |address| {
            let held = Rc::clone(&given_up);
            async move {
                if address == silent {
                    std::future::pending::<()>().await;
                }
                drop(held);
                Ok(())
            }
        };
        let began = Instant::now();
        let (address, held) = run(async {
            let ((), address) = race(vec![silent, open], connect).await.unwrap();
            // The aborted task is dropped when the runtime comes round to it.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            (address, Rc::strong_count(&given_up))
        });
        assert_eq!((address, held), (open, 1));
        assert!(began.elapsed() >= STAGGER && began.elapsed() < STAGGER * 8, "it took {:?}", began.elapsed());
    }

    #[test]
    fn where_nobody_listens_the_error_says_so() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = run(first_of(vec![closed, closed])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(run(first_of(Vec::new())).is_err());
    }
}
