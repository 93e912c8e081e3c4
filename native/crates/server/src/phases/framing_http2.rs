//! Framing of a stream: hyper's request, judged as the request of HTTP/1.1 that it will become.

use crate::config::Limits;
use http::{HeaderValue, Request, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use portazgo_core::framing::Head;
use portazgo_core::framing::http2::{RequestHead, judge};

/// Judge the head. One that is accepted has a Host, as a request of HTTP/1.1 does; the phases know no other name of it.
pub(super) fn accept(request: &mut Request<Incoming>, limits: Limits) -> Result<Head, Fault> {
    let path = request.uri().path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let head = RequestHead {
        method: request.method().as_str().as_bytes(),
        path: path.as_bytes(),
        authority: request.uri().authority().map(|authority| authority.as_str().as_bytes()),
        has_body: !request.body().is_end_stream(),
    };
    let fields = request.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let (accepted, host) = judge(&head, fields, &limits.framing())?;
    let host = HeaderValue::from_bytes(host).map_err(|_| Fault::HeadHostInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(accepted)
}
