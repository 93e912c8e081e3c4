//! One client connection: hyper over the framing layer, ended politely when the node drains.

use crate::metrics::add;
use crate::phases;
use crate::phases::framing::{Framed, Wire};
use crate::thread::Thread;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use tokio::net::TcpStream;

/// hyper's own limits lie beyond ours, so that its refusals are unreachable.
const HYPER_HEADERS: usize = 256;
const HYPER_BUFFER: usize = 512 * 1024;

pub(crate) async fn serve(thread: Rc<Thread>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let wire = Rc::new(Wire::new(peer));
    let framed = Framed::new(stream, Rc::clone(&thread), Rc::clone(&wire));
    let mut draining = thread.drain_signal();
    let service = service_fn({
        let thread = Rc::clone(&thread);
        move |request| phases::serve(Rc::clone(&thread), Rc::clone(&wire), request)
    });
    let connection = http1::Builder::new()
        .max_headers(HYPER_HEADERS)
        .max_buf_size(HYPER_BUFFER)
        .serve_connection(TokioIo::new(framed), service);
    let mut connection = pin!(connection);
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
