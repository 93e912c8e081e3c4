//! One client connection: what comes before HTTP, then hyper over the framing layer, ended politely when the node drains.

use crate::config::ProxyProtocol;
use crate::http2;
use crate::metrics::add;
use crate::phases;
use crate::phases::framing::{Framed, Wire};
use crate::phases::{proxy_protocol, record};
use crate::thread::{Leave, Thread};
use crate::tls;
use crate::transport::Transport;
use bytes::BytesMut;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portazgo_core::fault::Fault;
use portazgo_core::framing;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How many header lines hyper parses without being told. It allocates for more, at each request.
const HYPER_HEADERS: usize = 100;
/// hyper's own limits lie beyond ours, so that its refusals are unreachable.
const HYPER_BUFFER: usize = 512 * 1024;
/// Room for a whole head of the usual size.
const FIRST_BYTES: usize = 4096;
/// What a connection that has not said a word yet is given when all are to leave: it was accepted a moment ago, maybe.
const FIRST_WORD_TIME: Duration = Duration::from_secs(1);
/// What an idle connection is given then: a request may be on its way, or in our socket already.
const LAST_WORD_TIME: Duration = Duration::from_millis(50);

pub(crate) async fn serve(thread: Rc<Thread>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let began = thread.shared.clock.wall();
    let mut client = peer;
    let mut leave = thread.leave_signal();
    let opened = tokio::select! {
        // Boxed, since handshakes need more room than a connection that rests.
        opened = Box::pin(open(&thread, stream, &mut client)) => opened,
        () = ending(&mut leave, FIRST_WORD_TIME) => return,
    };
    match opened {
        Ok(Opened::Http1(transport, received)) => http1(thread, transport, received, client).await,
        Ok(Opened::Http2(transport, received)) => Box::pin(http2::serve(thread, transport, received, client)).await,
        Err(fault) => record::connection(&thread, client, began, fault, 1),
    }
}

/// A connection whose version of HTTP is known, and what was read of it to know.
enum Opened {
    Http1(Transport, BytesMut),
    Http2(Transport, BytesMut),
}

/// What comes before HTTP: the load balancer's header, then TLS. Tells by `client` who is there.
async fn open(thread: &Thread, mut stream: TcpStream, client: &mut SocketAddr) -> Result<Opened, Fault> {
    if thread.shared.config.proxy_protocol == ProxyProtocol::Required {
        *client = proxy_protocol::client(thread, &mut stream, *client).await?;
    }
    match &thread.shared.tls {
        Some(incoming) => {
            let transport = tls::accept(incoming, stream).await?;
            let opened = if transport.chose_http2() { Opened::Http2 } else { Opened::Http1 };
            Ok(opened(transport, BytesMut::new()))
        }
        None => look_at_beginning(thread, Transport::Plain(stream)).await,
    }
}

/// A plain connection says by its first bytes that it speaks HTTP/2 (RFC 9113, section 3.3); anything else is HTTP/1.1's to judge.
async fn look_at_beginning(thread: &Thread, mut transport: Transport) -> Result<Opened, Fault> {
    let mut received = BytesMut::new();
    let mut time = thread.shared.config.limits.keep_alive();
    loop {
        let read = tokio::time::timeout(time, async {
            // Who says nothing holds no buffer.
            poll_fn(|context| transport.poll_readable(context)).await?;
            received.reserve(FIRST_BYTES - received.len().min(FIRST_BYTES));
            transport.read_buf(&mut received).await
        })
        .await;
        match (framing::http2::is_http2(&received), read) {
            (Some(true), _) => return Ok(Opened::Http2(transport, received)),
            // The beginning of a preface; the rest has as long as a head has.
            (None, Ok(Ok(1..))) => time = thread.shared.config.limits.head_time(),
            (None, Err(_)) if received.is_empty() => return Err(Fault::ClientIdle),
            // What the end of input, an error or too little means for a head that was begun, HTTP/1.1 records.
            _ => return Ok(Opened::Http1(transport, received)),
        }
    }
}

async fn http1(thread: Rc<Thread>, transport: Transport, received: BytesMut, client: SocketAddr) {
    let wire = Rc::new(Wire::new(client, &transport));
    let mut framed = Framed::new(transport, received, Rc::clone(&thread), Rc::clone(&wire));
    let mut leave = thread.leave_signal();
    let mut leaving = pin!(ending(&mut leave, LAST_WORD_TIME));
    // hyper and the calls have a piece of memory of their own, which goes while the connection rests.
    while let Some(idle) = Box::pin(converse(&thread, &wire, framed, leaving.as_mut())).await {
        framed = idle;
        let goes_on = poll_fn(|context| match framed.poll_rest(context) {
            Poll::Ready(goes_on) => Poll::Ready(goes_on),
            Poll::Pending => leaving.as_mut().poll(context).map(|()| false),
        });
        if !goes_on.await {
            let _ = framed.shutdown().await;
            return;
        }
    }
}

/// Take requests and answer them. Returns the connection when it rests, with nothing under way; None: it has ended.
async fn converse(
    thread: &Rc<Thread>,
    wire: &Rc<Wire>,
    framed: Framed,
    mut leaving: Pin<&mut impl Future<Output = ()>>,
) -> Option<Framed> {
    let service = service_fn({
        let (thread, wire) = (Rc::clone(thread), Rc::clone(wire));
        move |request| phases::serve(Rc::clone(&thread), Rc::clone(&wire), request)
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HYPER_BUFFER);
    let lines = thread.shared.config.limits.head_lines;
    if lines > HYPER_HEADERS {
        http.max_headers(lines);
    }
    let mut connection = http.serve_connection(TokioIo::new(framed), service);
    let mut told = None::<Waker>;
    let ended = poll_fn(|context| {
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(context) {
            return Poll::Ready(Stopped::Ended(ended));
        }
        if wire.rests() {
            return Poll::Ready(Stopped::Rests);
        }
        // The signal knows whom to wake, nearly always: to ask it again at each poll is dearer than to look.
        let knows = told.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if knows && !thread.ends_connections() {
            return Poll::Pending;
        }
        if !knows {
            told = Some(context.waker().clone());
        }
        leaving.as_mut().poll(context).map(|()| Stopped::Leaves)
    })
    .await;
    let ended = match ended {
        Stopped::Ended(ended) => ended,
        Stopped::Rests => {
            let parts = connection.into_parts();
            if parts.read_buf.is_empty() {
                return Some(parts.io.into_inner());
            }
            // It has bytes that framing released, and made no request of them: impossible, and counted as the bug it would be.
            add(&thread.metrics().library_refusals);
            return None;
        }
        Stopped::Leaves => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Some(tunnel) = wire.take_tunnel().filter(|_| ended.is_ok()) {
        // hyper was given nothing behind the handshake's head: it waits in the framing layer.
        let (client, early) = connection.into_parts().io.into_inner().into_tunnel();
        tunnel.run(client, early, wire.take_written()).await;
        return None;
    }
    // Other errors are of the transport; what they meant for a request stands in its record.
    if ended.is_err_and(|error| error.is_parse()) {
        add(&thread.metrics().library_refusals);
    }
    None
}

/// How a conversation stopped.
enum Stopped {
    Ended(hyper::Result<()>),
    Rests,
    Leaves,
}

/// Resolves when all connections are to leave, and this one has had its time.
async fn ending(leave: &mut watch::Receiver<Leave>, time: Duration) {
    if leave.wait_for(|leave| *leave == Leave::Now).await.is_ok() {
        tokio::time::sleep(time).await;
    }
}
