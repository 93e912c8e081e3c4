//! A plain proxy on hyper 1.x, on one thread: the least that a gateway in Rust can cost.
//!
//!     h1p PORT ORIGIN_IP:PORT bare
//!     h1p PORT ORIGIN_IP:PORT policy KEYS_FILE USAGE_FILE
//!
//! `policy` does, per request: HMAC-SHA-256 of the presented key, looked up among those of the file; GCRA per key; the key
//! taken off and a bearer token of 400 bytes put on, one per key; a traceparent; a usage record of 128 bytes, committed by
//! fdatasync in groups; and two timeouts. It knows neither routes nor scopes, does not judge what it forwards, writes its
//! records after the answer, and never stops gracefully.

mod body;
mod policy;
mod records;
mod upstream;

use body::ProxyBody;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use policy::{Admitted, Policy};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HEAD_TIME: Duration = Duration::from_secs(10);
const ANSWER_TIME: Duration = Duration::from_secs(30);

struct Proxy {
    origin: SocketAddr,
    policy: Option<Policy>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (port, origin, policy, usage) = match words[..] {
        [port, origin, "bare"] => (port, origin, None, None),
        [port, origin, "policy", keys, usage] => (port, origin, Some(Policy::read(keys)), Some(usage)),
        _ => panic!("h1p PORT ORIGIN_IP:PORT bare | h1p PORT ORIGIN_IP:PORT policy KEYS_FILE USAGE_FILE"),
    };
    let port: u16 = port.parse().expect("a port");
    // One process, one proxy: it lives as long as the program.
    let proxy: &'static Proxy = Box::leak(Box::new(Proxy { origin: origin.parse().expect("an address"), policy }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if let Some(usage) = usage {
            records::commit_to(usage);
        }
        accept(proxy, port).await;
    });
}

async fn accept(proxy: &'static Proxy, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(proxy, stream));
    }
}

async fn serve(proxy: &'static Proxy, stream: TcpStream) {
    let mut server = http1::Builder::new();
    if proxy.policy.is_some() {
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    }
    // A client that leaves ends its connection and nothing else.
    let _ = server.serve_connection(TokioIo::new(stream), service_fn(move |request| answer(proxy, request))).await;
}

async fn answer(proxy: &'static Proxy, mut request: Request<Incoming>) -> Result<Response<ProxyBody>, Infallible> {
    let admitted = match &proxy.policy {
        None => None,
        Some(policy) => match policy.admit(&mut request) {
            Ok(admitted) => Some(admitted),
            Err(status) => return Ok(refusal(status)),
        },
    };
    request.headers_mut().remove(CONNECTION);
    Ok(forward(proxy, request, admitted).await.unwrap_or_else(refusal))
}

async fn forward(
    proxy: &'static Proxy,
    request: Request<Incoming>,
    admitted: Option<Admitted>,
) -> Result<Response<ProxyBody>, StatusCode> {
    let call = upstream::call(proxy.origin, request);
    let answered = if admitted.is_some() {
        tokio::time::timeout(ANSWER_TIME, call).await.map_err(|_| StatusCode::GATEWAY_TIMEOUT)?
    } else {
        call.await
    };
    let (response, sender) = answered.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let (mut head, body) = response.into_parts();
    head.headers.remove(CONNECTION);
    let record = admitted.map(|admitted| admitted.record(head.status));
    Ok(Response::from_parts(head, ProxyBody::passing(body, sender, record)))
}

fn refusal(status: StatusCode) -> Response<ProxyBody> {
    let mut response = Response::new(ProxyBody::whole(Bytes::from_static(b"{\"error\":\"refused\"}")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
