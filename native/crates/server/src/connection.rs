//! One client connection: what comes before HTTP, then hyper over the framing layer, ended politely when the node drains.

use crate::config::ProxyProtocol;
use crate::metrics::add;
use crate::phases;
use crate::phases::framing::{Framed, Wire};
use crate::phases::{proxy_protocol, record};
use crate::thread::Thread;
use crate::tls;
use crate::transport::Transport;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portazgo_core::fault::Fault;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use tokio::net::TcpStream;

/// How many header lines hyper parses without being told. It allocates for more, at each request.
const HYPER_HEADERS: usize = 100;
/// hyper's own limits lie beyond ours, so that its refusals are unreachable.
const HYPER_BUFFER: usize = 512 * 1024;

pub(crate) async fn serve(thread: Rc<Thread>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let began = thread.shared.clock.wall();
    let mut client = peer;
    let mut draining = thread.drain_signal();
    let opened = tokio::select! {
        opened = open(&thread, stream, &mut client) => opened,
        _ = draining.wait_for(|draining| *draining) => return,
    };
    match opened {
        Ok(transport) => http1(thread, transport, client).await,
        Err(fault) => record::connection(&thread, client, began, fault, 1),
    }
}

/// What comes before HTTP: the load balancer's header, then TLS. Tells by `client` who is there.
async fn open(thread: &Thread, mut stream: TcpStream, client: &mut SocketAddr) -> Result<Transport, Fault> {
    if thread.shared.config.proxy_protocol == ProxyProtocol::Required {
        *client = proxy_protocol::client(thread, &mut stream, *client).await?;
    }
    match &thread.shared.tls {
        Some(incoming) => tls::accept(incoming, stream).await,
        None => Ok(Transport::Plain(stream)),
    }
}

async fn http1(thread: Rc<Thread>, transport: Transport, client: SocketAddr) {
    let wire = Rc::new(Wire::new(client, transport.is_secure()));
    let framed = Framed::new(transport, Rc::clone(&thread), Rc::clone(&wire));
    let mut draining = thread.drain_signal();
    let service = service_fn({
        let thread = Rc::clone(&thread);
        move |request| phases::serve(Rc::clone(&thread), Rc::clone(&wire), request)
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HYPER_BUFFER);
    let lines = thread.shared.config.limits.head_lines;
    if lines > HYPER_HEADERS {
        http.max_headers(lines);
    }
    let mut connection = pin!(http.serve_connection(TokioIo::new(framed), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = draining.wait_for(|draining| *draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Other errors are of the transport; what they meant for a request stands in its record.
    if ended.is_err_and(|error| error.is_parse()) {
        add(&thread.metrics().library_refusals);
    }
}
