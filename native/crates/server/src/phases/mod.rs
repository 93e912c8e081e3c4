//! The path of a request: `accept → framing → route → authenticate → authorize → limit → transform_request → credential →
//! forward → transform_response → respond → record`. One module per phase; this file is the recipe.

pub(crate) mod accept;
mod authenticate;
mod authorize;
mod credential;
mod document;
mod forward;
pub(crate) mod framing;
mod framing_http2;
mod limit;
pub(crate) mod proxy_protocol;
pub(crate) mod record;
pub(crate) mod respond;
mod route;
mod transform_request;
mod transform_response;

use crate::holder::{Admission, Holder};
use crate::panics::Contained;
use crate::thread::{Loaded, Thread};
use crate::upstream::RequestBody;
use bytes::Bytes;
use credential::Bearer;
use forward::Making;
use framing::{Arrival, Wire};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use portazgo_core::authorize::{Authorized, Peer};
use portazgo_core::credential::{CredentialPolicy, Minting};
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::problem;
use portazgo_core::snapshot::{Pinned, Snapshot};
use record::Call;
use respond::{Answer, AnswerBody};
use route::Destination;
use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use transform_request::contract::Reshaping;
use transform_response::contract::Shaping;

pub use transform_response::rewritten_header;

/// How long a stream that is refused may go on sending its body before it is answered. Most clients have sent it by then; one
/// that breaks a rule in it gets no answer; and many can't read an answer while they send.
const BODY_TIME: Duration = Duration::from_millis(100);
const MOST_DROPPED: usize = 64 * 1024;

/// What a phase refuses with: the fault, and headers or policies that belong to the answer.
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) headers: Box<http::HeaderMap>,
    pub(crate) violated: Option<String>,
    /// What is wrong where, a JSON list.
    pub(crate) errors: Option<Box<str>>,
}

impl Refusal {
    /// A fault of the partner's, with the list of what is wrong.
    pub(crate) fn with_errors(fault: Fault, errors: impl Into<Box<str>>) -> Self {
        Self { errors: Some(errors.into()), ..Self::from(fault) }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, headers: Box::default(), violated: None, errors: None }
    }
}

/// Answer one request that hyper has parsed. Never fails: every failure is an answer.
pub(crate) async fn serve(
    thread: Rc<Thread>,
    wire: Rc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let Some(Arrival { call, refused, last }) = wire.next_arrival() else {
        // hyper parsed something that framing did not release: impossible, and answered as the bug it would be.
        return Ok(unrecorded(&thread, &wire, Fault::GatewayPanic, true));
    };
    let Some(call) = call else {
        return Ok(unrecorded(&thread, &wire, Fault::GatewayOverloaded, last || thread.is_leaving()));
    };
    let (mut response, broken) = answer(&thread, &wire, call, refused, request, Duration::ZERO).await;
    let goes_on = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !goes_on && (last || broken || thread.is_leaving()) {
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Answer one stream of HTTP/2. What the library parsed is judged by the rules of HTTP/1.1 before any phase sees it.
pub(crate) async fn serve_stream(
    thread: &Rc<Thread>,
    wire: &Rc<Wire>,
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    let mut response = match Call::open(thread, wire.peer, None) {
        None => unrecorded(thread, wire, Fault::GatewayOverloaded, false),
        Some(mut call) => {
            let refused = framing_http2::accept(&mut request, thread.shared.config.limits)
                .map(|head| call.head_accepted(head))
                .err();
            answer(thread, wire, call, refused, request, BODY_TIME).await.0
        }
    };
    response.headers_mut().remove(header::CONNECTION);
    response
}

/// Returns, beside the answer, whether the connection can't be trusted any more.
async fn answer(
    thread: &Rc<Thread>,
    wire: &Rc<Wire>,
    mut call: Call,
    refused: Option<Fault>,
    request: Request<Incoming>,
    body_time: Duration,
) -> (Response<AnswerBody>, bool) {
    let bodiless = request.method() == Method::HEAD;
    let (head, body) = request.into_parts();
    let mut body = Some(body);
    let mut broken = false;
    let answer = if let Some(fault) = refused {
        Err(Refusal::from(fault))
    } else {
        let running = pin!(run(thread, wire, &mut call, &head, &mut body));
        Contained::new(running).await.unwrap_or_else(|_panic| {
            broken = true;
            Err(Refusal::from(Fault::GatewayPanic))
        })
    };
    thread.spare_maps.give(head.headers);
    let answer = answer.unwrap_or_else(|refusal| {
        broken |= refusal.fault == Fault::BodyFramingInvalid;
        refuse(&mut call, refusal)
    });
    if let Some(mut body) = body.filter(|body| !body_time.is_zero() && !body.is_end_stream()) {
        let _ = tokio::time::timeout(body_time, drop_body(&mut body)).await;
    }
    (answer.send(call, thread, wire, bodiless), broken)
}

/// Read a body that nobody wants to its end, or as far as we care.
async fn drop_body(body: &mut Incoming) {
    let mut left = MOST_DROPPED;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > left {
            return;
        }
        left -= length;
    }
}

/// The recipe. Each line is a phase; each may end the request with a refusal.
async fn run(
    thread: &Rc<Thread>,
    wire: &Rc<Wire>,
    call: &mut Call,
    head: &Parts,
    body: &mut Option<Incoming>,
) -> Result<Answer, Refusal> {
    #[cfg(feature = "provoke-panic")]
    match head.headers.get("x-provoke-panic").map(http::HeaderValue::as_bytes) {
        None => {}
        Some(b"thread") => thread.provoke_fall(),
        Some(_) => panic!("{}", crate::PROVOKED),
    }
    call.method(head.method.as_str());
    let Loaded { snapshot, lane } = thread.loaded();
    let generation = thread.generation();
    let snapshot = ready_snapshot(thread, call, snapshot)?;
    let origin = route::note_client(thread, wire, call, head);
    let peer = Peer { address: origin.address, certificate: wire.certificate.as_ref() };

    let destination = route::find(&snapshot, &lane, head, call)?;
    if call.upgrades && !destination.allows_upgrade() {
        return Err(Fault::UpgradeRefused.into());
    }
    let found = match destination {
        Destination::Published(document) => return Ok(Answer::published(&document, &head.headers)),
        Destination::WhoAmI => return authenticate::who_am_i(thread, call, head, &snapshot, &lane, peer),
        Destination::Contract => return document::contract(thread, call, head, &snapshot, &lane, peer),
        Destination::Route(found) => found,
    };
    let identity = authenticate::prove(thread, call, head, &snapshot, &lane)?;
    let caller = authorize::caller(call, &identity, &snapshot)?;
    let authorized = authorize::permit(call, &caller, &identity, found.route, &snapshot, &lane, peer)?;
    let Authorized { action, plan, .. } = authorized;
    let pinned = Pinned { application: caller.application, partner: caller.partner, plan };
    let view = snapshot.view(found.index, action, pinned)?;
    let standing = limit::decide(call, &caller, &identity, authorized.plan)?;
    let backend = authorized.backend_environment(&caller);
    let minting =
        Minting { caller: &caller, identity: &identity, backend: authorized.backend, snapshot: &snapshot, lane: &lane };
    let holder = || Holder::new(thread, &identity, found.route.id, peer);
    let admission = Admission::new(thread, generation, call.at(), &holder);
    // Under a contract the request is checked and written anew before anything else is done for it.
    let (mut reshaped, mut read) = (None, None);
    if let Some(view) = view {
        let (found, caller, identity) = (&found, &caller, &identity);
        let reshaping = Reshaping { head, found, view, action, caller, identity, plan, backend, snapshot: &snapshot };
        let (made, written) = reshaping.run(thread, wire, call, body, holder).await?;
        (reshaped, read) = (Some((view, made)), Some(written));
    }
    let bearer = Bearer::of(thread, &authorized, minting);
    bearer.prepare(call).await?;
    // Nothing is asked of the node process where tokens are minted or none is wanted.
    let login = match &backend.credential {
        CredentialPolicy::Login(policy) => Some(policy),
        _ => None,
    };
    let fetched = RefCell::new(None);
    if let Some(policy) = login {
        let value = match credential::fetch(thread, call, policy, &minting, None)? {
            credential::Fetched::Held(value) => value,
            // In a box: the few that wait shall not make the state of every call larger.
            credential::Fetched::Coming(flight) => Box::pin(credential::wait(thread, call, policy, &flight)).await?,
        };
        fetched.replace(Some(value));
    }
    let compose = |call: &mut Call| {
        let mut outgoing = match &reshaped {
            None => transform_request::build(thread, call, head, &found, action, origin)?,
            Some((view, reshaped)) => reshaped.compose(thread, call, head, view, action, origin)?,
        };
        bearer.attach(call, &mut outgoing, fetched.borrow().as_ref())?;
        Ok(outgoing)
    };
    let body = if let Some(body) = read {
        body
    } else {
        // It is taken once: whoever refuses before leaves it where it is.
        let received = body.take().ok_or(Fault::GatewayPanic)?;
        forward::body(thread, wire, received, backend, action, action.max_request_bytes, holder)
    };
    let again = login.filter(|_| body.progress().is_none() && forward::is_repeatable(action));
    let making = Making { compose, bearer: &bearer, admission: &admission };
    let mut came_back = forward::forward(thread, wire, call, &making, body, backend, action).await?;
    if came_back.response.status() == StatusCode::UNAUTHORIZED
        && let Some(policy) = login
    {
        let refused = fetched.take();
        // The next call needs a new token, whether this one is repeated or not.
        let renewed = credential::fetch(thread, call, policy, &minting, refused.as_ref());
        if again.is_some()
            && let Some(value) = Box::pin(credential::renewed(thread, call, policy, renewed)).await
        {
            fetched.replace(Some(value));
            let body = RequestBody::empty();
            came_back = Box::pin(forward::forward(thread, wire, call, &making, body, backend, action)).await?;
        }
    }
    let mut answer = if came_back.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let key = head.headers.get(header::SEC_WEBSOCKET_KEY).ok_or(Fault::BackendBadResponse)?;
        transform_response::build_tunnel(came_back, holder(), key, action, backend).await?
    } else if let Some((view, reshaped)) = &reshaped {
        let base = if view.program.writes_addresses() { route::base(head, origin) } else { String::new() };
        let (selection, head_only) = (reshaped.selection.as_ref(), head.method == Method::HEAD);
        let shaping = Shaping { view, selection, action, backend, base, asked: &head.headers, head_only };
        shaping.build(thread, call, came_back, holder).await?
    } else {
        transform_response::build(thread, call, came_back, holder, action, backend).await?
    };
    limit::tell(&mut answer.headers, standing);
    Ok(answer)
}

fn ready_snapshot(thread: &Thread, call: &mut Call, snapshot: Option<Arc<Snapshot>>) -> Result<Arc<Snapshot>, Fault> {
    let snapshot = snapshot
        .ok_or_else(|| if thread.shared.waits_for_wrapping() { Fault::KmsUnavailable } else { Fault::NodeNotReady })?;
    call.record().revision = snapshot.revision;
    if thread.shared.lease_ended() {
        return Err(Fault::NodeStale);
    }
    Ok(snapshot)
}

fn refuse(call: &mut Call, refusal: Refusal) -> Answer {
    call.fail(refusal.fault);
    let violated: Vec<&str> = refusal.violated.as_deref().into_iter().collect();
    let mut answer = match &refusal.errors {
        None => Answer::problem(refusal.fault, call.request_id(), &violated),
        Some(errors) => Answer::problem_with_errors(refusal.fault, call.request_id(), errors),
    };
    answer.headers.extend(*refusal.headers);
    answer
}

/// The answer when there is not even a record: counted, and one aggregate record per thread and second.
fn unrecorded(thread: &Rc<Thread>, wire: &Rc<Wire>, fault: Fault, last: bool) -> Response<AnswerBody> {
    let document = problem::document(fault, Id::NONE, &[]);
    let mut response = Response::new(AnswerBody::unrecorded(thread, wire, Bytes::from(document)));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    if last {
        headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    response
}
