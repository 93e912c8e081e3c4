//! Connections to the backend: kept alive, last used first, each with a task of its own.

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(crate) type Sender = SendRequest<Incoming>;
type Failed = Box<dyn Error + Send + Sync>;

thread_local! {
    static IDLE: RefCell<Vec<Sender>> = const { RefCell::new(Vec::new()) };
}

/// Give a connection back; its answer has been read to the end.
pub(crate) fn give_back(sender: Sender) {
    IDLE.with_borrow_mut(|idle| idle.push(sender));
}

/// Send a request over an idle connection, or a new one.
pub(crate) async fn call(
    origin: SocketAddr,
    request: Request<Incoming>,
) -> Result<(Response<Incoming>, Sender), Failed> {
    let mut sender = ready(origin).await?;
    let response = sender.send_request(request).await?;
    Ok((response, sender))
}

async fn ready(origin: SocketAddr) -> Result<Sender, Failed> {
    while let Some(mut sender) = IDLE.with_borrow_mut(Vec::pop) {
        if sender.ready().await.is_ok() {
            return Ok(sender);
        }
    }
    let stream = TcpStream::connect(origin).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = Builder::new().handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.ready().await?;
    Ok(sender)
}
