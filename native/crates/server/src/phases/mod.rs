//! The path of a request: `accept → framing → route → authenticate → authorize → limit → transform_request → credential →
//! forward → transform_response → respond → record`. One module per phase; this file is the recipe.

pub(crate) mod accept;
mod authenticate;
mod authorize;
mod credential;
mod forward;
pub(crate) mod framing;
mod limit;
pub(crate) mod proxy_protocol;
pub(crate) mod record;
pub(crate) mod respond;
mod route;
mod transform_request;
mod transform_response;

use crate::panics::Contained;
use crate::thread::{Loaded, Thread};
use bytes::Bytes;
use framing::{Arrival, Wire};
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::problem;
use portazgo_core::snapshot::Snapshot;
use record::Call;
use respond::{Answer, AnswerBody};
use route::Destination;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

/// What a phase refuses with: the fault, and headers or policies that belong to the answer.
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) headers: Box<http::HeaderMap>,
    pub(crate) violated: Option<String>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, headers: Box::default(), violated: None }
    }
}

/// Answer one request that hyper has parsed. Never fails: every failure is an answer.
pub(crate) async fn serve(
    thread: Rc<Thread>,
    wire: Rc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let bodiless = request.method() == Method::HEAD;
    let Some(Arrival { call, refused, last }) = wire.next_arrival() else {
        // hyper parsed something that framing did not release: impossible, and answered as the bug it would be.
        return Ok(unrecorded(&thread, &wire, Fault::GatewayPanic));
    };
    let Some(mut call) = call else {
        return Ok(unrecorded(&thread, &wire, Fault::GatewayOverloaded));
    };
    let mut close = last || thread.is_draining();
    let answer = match refused {
        Some(fault) => Err(Refusal::from(fault)),
        None => match Contained::new(run(&thread, &wire, &mut call, request)).await {
            Ok(outcome) => outcome,
            Err(_panic) => {
                close = true;
                Err(Refusal::from(Fault::GatewayPanic))
            }
        },
    };
    let answer = answer.unwrap_or_else(|refusal| {
        close |= refusal.fault == Fault::BodyFramingInvalid;
        refuse(&mut call, refusal)
    });
    let mut response = answer.send(call, &thread, &wire, bodiless);
    if close {
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// The recipe. Each line is a phase; each may end the request with a refusal.
async fn run(
    thread: &Rc<Thread>,
    wire: &Rc<Wire>,
    call: &mut Call,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    #[cfg(feature = "provoke-panic")]
    assert!(!request.headers().contains_key("x-provoke-panic"), "{}", crate::PROVOKED);
    call.method(request.method().as_str());
    let (head, body) = request.into_parts();
    let Loaded { snapshot, lane } = thread.loaded();
    let snapshot = ready_snapshot(thread, call, snapshot)?;
    let origin = route::note_client(thread, wire, call, &head);
    let client = origin.address;

    let found = match route::find(&snapshot, &head, call)? {
        Destination::Jwks => return Ok(Answer::document(snapshot.jwks(&lane).to_string(), "application/json")),
        Destination::Discovery(document) => return Ok(Answer::document(document.to_string(), "application/json")),
        Destination::WhoAmI => return authenticate::who_am_i(thread, call, &head, &snapshot, &lane, client),
        Destination::Route(found) => found,
    };
    let identity = authenticate::prove(thread, call, &head, &snapshot, &lane)?;
    let caller = authorize::caller(call, &identity, &snapshot)?;
    let authorized = authorize::permit(call, &caller, &identity, &found.route, &snapshot, &lane, client)?;
    let standing = limit::decide(thread, call, &caller, &identity, &authorized.plan)?;
    let backend = authorized.backend_environment(&caller);
    let mut outgoing = transform_request::build(call, &head, &found, authorized.action, origin)?;
    credential::attach(thread, call, &mut outgoing, &caller, &identity, &authorized, &snapshot, &lane)?;
    let came_back = forward::forward(thread, wire, call, outgoing, body, backend, authorized.action).await?;
    let mut answer = transform_response::build(call, came_back, authorized.action, backend).await?;
    limit::tell(&mut answer.headers, standing);
    Ok(answer)
}

fn ready_snapshot(thread: &Thread, call: &mut Call, snapshot: Option<Arc<Snapshot>>) -> Result<Arc<Snapshot>, Fault> {
    let snapshot = snapshot.ok_or(Fault::NodeNotReady)?;
    call.record().revision = snapshot.revision;
    if thread.shared.lease_ended() {
        return Err(Fault::NodeStale);
    }
    Ok(snapshot)
}

fn refuse(call: &mut Call, refusal: Refusal) -> Answer {
    call.fail(refusal.fault);
    let violated: Vec<&str> = refusal.violated.as_deref().into_iter().collect();
    let mut answer = Answer::problem(refusal.fault, call.request_id(), &violated);
    answer.headers.extend(*refusal.headers);
    answer
}

/// The answer when there is not even a record: counted, and one aggregate record per thread and second.
fn unrecorded(thread: &Rc<Thread>, wire: &Rc<Wire>, fault: Fault) -> Response<AnswerBody> {
    let document = problem::document(fault, Id::NONE, &[]);
    let mut response = Response::new(AnswerBody::unrecorded(thread, wire, Bytes::from(document)));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}
