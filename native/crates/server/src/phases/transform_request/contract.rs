//! A request under a contract: checked as the partner sent it, and written anew as the backend wants it. A backend never sees
//! half of a refused request: the body is read whole before anything is sent.

use super::Outgoing;
use crate::headers;
use crate::holder::Holder;
use crate::metrics::add;
use crate::phases::forward::IDEMPOTENCY_KEY;
use crate::phases::framing::Wire;
use crate::phases::record::Call;
use crate::phases::route::{Found, Origin};
use crate::phases::{Refusal, forward};
use crate::random::Random;
use crate::reshaping::LARGE;
use crate::samples;
use crate::thread::Thread;
use crate::upstream::RequestBody;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portazgo_core::authenticate::Identity;
use portazgo_core::authorize::Caller;
use portazgo_core::contract::{View, media};
use portazgo_core::credential::{RequestValues, Values};
use portazgo_core::fault::Fault;
use portazgo_core::record::Phase;
use portazgo_core::route::Parameters;
use portazgo_core::snapshot::{BackendEnvironment, Plan, RouteAction, Snapshot};
use portazgo_core::transform::answer::{Mask, Masked};
use portazgo_core::transform::json::Why;
use portazgo_core::transform::percent;
use portazgo_core::transform::request::{self, BodyRefused, BodyRule, Errors, Filling};
use serde_json::json;
use smallvec::SmallVec;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// While memory is short, a body that is larger is not read on.
const SMALL_BYTES: usize = 64 * 1024;
const FIELDS: &str = "fields";

/// What passes whatever the contract says: how the partner wants to be answered. Ranges and codings are of bytes that only the
/// backend has.
static PASSING: [HeaderName; 5] =
    [header::ACCEPT_LANGUAGE, header::CACHE_CONTROL, header::USER_AGENT, IDEMPOTENCY_KEY, header::PRAGMA];

/// What the partner says that it knows already; of it only a part passes.
static CONDITIONS: [HeaderName; 3] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];

/// What a contract made of a request; each try is composed of it.
pub(in crate::phases) struct Reshaped {
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Of the body; None: there is none.
    content_type: Option<HeaderValue>,
    /// Which fields of the answer the partner wants; None: all that it may have.
    pub(in crate::phases) selection: Option<Selection>,
}

/// What the partner selected of an answer, by the roots of those that have it.
pub(in crate::phases) struct Selection(SmallVec<[(u32, Masked); 1]>);

impl Selection {
    /// The program for an answer with this root. None: it has not what was selected.
    pub(in crate::phases) fn below(&self, root: u32) -> Option<&Masked> {
        self.0.iter().find(|(known, _)| *known == root).map(|(_, masked)| masked)
    }
}

/// What the head of a request says, where it is in order.
struct Begun {
    content_type: Option<HeaderValue>,
    selection: Option<Selection>,
}

/// The body that a request came with.
enum Received<'b> {
    /// None that is read.
    No,
    /// To be written anew.
    Whole(&'b [u8]),
    /// As the backend wants it.
    Written(Vec<u8>),
}

/// Who asks for what, under which view.
pub(in crate::phases) struct Reshaping<'r, 'f, 'v> {
    pub(in crate::phases) head: &'r Parts,
    pub(in crate::phases) found: &'r Found<'f>,
    pub(in crate::phases) view: &'r Arc<View>,
    pub(in crate::phases) action: &'r RouteAction,
    pub(in crate::phases) caller: &'r Caller<'v>,
    pub(in crate::phases) identity: &'r Identity<'v>,
    pub(in crate::phases) plan: &'r Plan,
    pub(in crate::phases) backend: &'r BackendEnvironment,
    pub(in crate::phases) snapshot: &'r Snapshot,
}

impl Reshaping<'_, '_, '_> {
    /// Check the request, and write it as the backend wants it; beside it the body that is sent. `body` is taken only when its
    /// time has come.
    pub(in crate::phases) async fn run(
        &self,
        thread: &Rc<Thread>,
        wire: &Wire,
        call: &mut Call,
        body: &mut Option<Incoming>,
        holder: impl Fn() -> Holder,
    ) -> Result<(Box<Reshaped>, RequestBody), Refusal> {
        let begun = self.begin(thread, call, body.as_ref().is_some_and(|body| !body.is_end_stream()))?;
        let received = body.take().ok_or(Fault::GatewayPanic)?;
        let received = forward::body(thread, wire, received, self.backend, self.action, self.most_bytes(), &holder);
        let is_json = matches!(self.view.request.body_rule(), BodyRule::Json { .. });
        if !is_json || received.progress().is_none() {
            return Ok((self.write(thread, call, begun, Errors::default(), Received::No)?.0, received));
        }
        let (received, mut sent) = whole(thread, wire, call, received).await?;
        let (reshaped, written) = if received.len() < LARGE {
            let written = self.write(thread, call, begun, Errors::default(), Received::Whole(&received))?;
            if self.view.recording.is_open() {
                self.sample(thread, call, &received);
            }
            written
        } else {
            // In a box: few bodies are so large.
            Box::pin(self.write_elsewhere(thread, call, begun, received)).await?
        };
        sent.write_anew(written.unwrap_or_default(), holder);
        Ok((reshaped, sent))
    }

    /// What can be said before any of the body is read.
    fn begin(&self, thread: &Thread, call: &mut Call, has_body: bool) -> Result<Begun, Refusal> {
        call.reached_too(Phase::TransformRequest);
        if super::declared_length(&self.head.headers).is_some_and(|length| length > self.most_bytes()) {
            return Err(Fault::BodyTooLarge.into());
        }
        let content_type = match self.view.request.body_rule() {
            BodyRule::None if has_body => return Err(wrong_body("unknown", "This operation takes no body.")),
            BodyRule::Json { required: true, .. } | BodyRule::Pass { required: true, .. } if !has_body => {
                return Err(wrong_body("required", "This operation needs a body."));
            }
            BodyRule::Json { .. } if has_body => Some(self.content_type(true)?),
            BodyRule::Pass { .. } if has_body => Some(self.content_type(false)?),
            _ => None,
        };
        let asked = self.view.fields.as_ref().and_then(|_| selected(self.head.uri.query()?));
        let selection = asked.map(|text| self.select(thread, &text)).transpose()?;
        Ok(Begun { content_type, selection })
    }

    /// How large a body of this route may be.
    fn most_bytes(&self) -> u64 {
        match self.view.request.body_rule() {
            BodyRule::Pass { max_bytes, .. } => (*max_bytes).min(self.action.max_request_bytes),
            BodyRule::Json { .. } | BodyRule::None => self.action.max_request_bytes,
        }
    }

    /// Of what type the body is for the backend; a coded one is refused, since nobody decodes what a partner sends.
    fn content_type(&self, is_read: bool) -> Result<HeaderValue, Fault> {
        let headers = &self.head.headers;
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Fault::BodyTypeUnsupported);
        }
        let line = headers::only(headers, header::CONTENT_TYPE).ok_or(Fault::BodyTypeUnsupported)?;
        let choose = if is_read { media::choose } else { media::choose_opaque };
        let known = media::said(&self.view.request_types, line, choose).ok_or(Fault::BodyTypeUnsupported)?;
        // What is written anew is of the type alone; what passes keeps what it says of itself.
        Ok(if is_read { known.header().clone() } else { line.clone() })
    }

    /// That at least one answer of the route has what was selected.
    fn select(&self, thread: &Thread, text: &str) -> Result<Selection, Refusal> {
        let refuse = |detail: &str| {
            let errors = json!([{ "in": "query", "name": FIELDS, "code": "unknown", "detail": detail }]);
            Refusal::with_errors(Fault::FieldsInvalid, errors.to_string())
        };
        let at = self.view.fields.as_deref().unwrap_or_default();
        let mut masks = thread.masks.borrow_mut();
        let (mut found, mut unknown) = (SmallVec::new(), None);
        let mut key = (self.view.edition.id, self.found.route.id, 0, text.into());
        // Read only where the text did not come lately.
        let mut mask = None;
        for root in self.view.successes() {
            key.2 = root;
            if let Some(masked) = masks.find(&key) {
                found.push((root, masked));
                continue;
            }
            let mask = match &mut mask {
                Some(mask) => mask,
                none => none.insert(Mask::parse(text).map_err(|error| refuse(&error.to_string()))?),
            };
            match self.view.program.masked(root, at, mask) {
                Ok(masked) => {
                    masks.keep(key.clone(), masked.clone());
                    found.push((root, masked));
                }
                Err(why) => unknown = Some(why.to_string()),
            }
        }
        if found.is_empty() {
            return Err(refuse(unknown.as_deref().unwrap_or("no answer of this operation has fields")));
        }
        Ok(Selection(found))
    }

    /// Mostly no request is taken, and of most routes none could be.
    #[cold]
    fn sample(&self, thread: &Thread, call: &mut Call, received: &[u8]) {
        let request = samples::Request {
            contract_version: self.view.edition.number,
            route: self.found.route.id,
            body: received,
            now: call.at(),
            at: call.wall(),
        };
        request.take(&thread.shared.samples, &self.view.recording, call.chance());
    }

    /// What templates read.
    fn values(&self) -> RequestValues<'_> {
        let values = Values { caller: self.caller, identity: self.identity, plan: Some(self.plan) };
        RequestValues { values, credential: &self.backend.credential, snapshot: self.snapshot }
    }

    /// As `write`, of a body that other calls would wait for.
    async fn write_elsewhere(
        &self,
        thread: &Thread,
        call: &mut Call,
        begun: Begun,
        received: Bytes,
    ) -> Result<(Box<Reshaped>, Option<Bytes>), Refusal> {
        let (view, values, now) = (Arc::clone(self.view), self.view.request.values(&self.values()), call.wall());
        let done = thread.shared.reshaping.run(move || {
            let (source, mut errors) = (Random::new(), Errors::default());
            let mut random = || u128::from_le_bytes(source.bytes());
            let mut filling = Filling { values: &values, now, random: &mut random };
            (view.request.rewrite(&received, &mut filling, &mut errors), errors)
        });
        let done = done.await;
        call.read_clock();
        let (written, errors) = done?;
        self.write(thread, call, begun, errors, Received::Written(written.map_err(|refused| body_refused(&refused))?))
    }

    /// Path, query and headers for the backend, and the body where it is written anew. `errors`: what is known to be wrong.
    fn write(
        &self,
        thread: &Thread,
        call: &Call,
        begun: Begun,
        mut errors: Errors,
        body: Received<'_>,
    ) -> Result<(Box<Reshaped>, Option<Bytes>), Refusal> {
        let mut random = || u128::from_le_bytes(thread.random.bytes());
        let values = self.values();
        let mut filling = Filling { values: &values, now: call.wall(), random: &mut random };
        let path_names: SmallVec<[&str; 6]> = self.found.route.path.parameters().collect();
        let received = request::Received {
            path_names: &path_names,
            path_values: &self.found.parameters,
            query: self.head.uri.query().filter(|query| !query.is_empty()),
            query_ours: self.view.fields.as_ref().map(|_| FIELDS),
            headers: &self.head.headers,
        };
        let request = &self.view.request;
        let parameters =
            request.parameters(&received, &mut filling, &mut errors).map_err(|_| Fault::RequestFillFailed)?;
        let written = match body {
            Received::No => None,
            Received::Written(written) => Some(written),
            Received::Whole(body) => {
                Some(request.rewrite(body, &mut filling, &mut errors).map_err(|refused| body_refused(&refused))?)
            }
        };
        if !errors.is_empty() {
            return Err(Refusal::with_errors(Fault::ContractViolationRequest, errors.json()));
        }
        let mut target = String::with_capacity(128);
        let values: Parameters<'_> = parameters.path.iter().map(|value| &**value).collect();
        self.action.backend_path.write(&values, &mut target);
        if !parameters.query.is_empty() {
            target.push('?');
            target.push_str(&parameters.query);
        }
        let uri = Uri::from_maybe_shared(Bytes::from(target)).map_err(|_| Fault::HeadPathInvalid)?;
        let Begun { content_type, selection } = begun;
        // In a box: it shall not make the state of calls larger that pass through.
        let reshaped = Box::new(Reshaped { uri, headers: parameters.headers, content_type, selection });
        Ok((reshaped, written.map(Bytes::from)))
    }
}

impl Reshaped {
    /// The request for one try.
    pub(in crate::phases) fn compose(
        &self,
        thread: &Thread,
        call: &mut Call,
        head: &Parts,
        view: &View,
        action: &RouteAction,
        origin: Origin,
    ) -> Result<Outgoing, Fault> {
        call.reached_too(Phase::TransformRequest);
        let method = Method::from_bytes(action.backend_method.as_bytes()).map_err(|_| Fault::MethodNotAllowed)?;
        let mut headers = thread.spare_maps.take();
        // One look at what came: fewer headers come than might pass.
        let mut is_conditional = false;
        for (name, value) in &head.headers {
            if PASSING.contains(name) && !view.claimed.contains(name) {
                headers.append(name.clone(), value.clone());
            }
            is_conditional |= CONDITIONS.contains(name);
        }
        if is_conditional {
            add_conditions(&mut headers, &head.headers, view.tells_modified);
        }
        if let Some(content_type) = &self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        if let Some(accept) = view.accept.as_ref().filter(|_| !view.claimed.contains(&header::ACCEPT)) {
            headers.insert(header::ACCEPT, accept.clone());
        }
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        super::add_ours(&mut headers, call, head, origin);
        Ok(Outgoing { method, uri: self.uri.clone(), headers })
    }
}

/// Partners get no tags under a contract, and mostly no times, so they have none to ask by: what they say must match, or be as
/// it was, fails, and only the question whether there is anything at all can be asked.
fn add_conditions(headers: &mut HeaderMap, received: &HeaderMap, knows_times: bool) {
    const ANY: HeaderValue = HeaderValue::from_static("*");
    const NOTHING: HeaderValue = HeaderValue::from_static("\"portazgo-of-nothing\"");
    const NEVER: HeaderValue = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT");
    if let Some(said) = received.get(header::IF_MATCH) {
        headers.insert(header::IF_MATCH, if said == ANY { ANY } else { NOTHING });
    }
    if received.get(header::IF_NONE_MATCH).is_some_and(|said| said == ANY) {
        headers.insert(header::IF_NONE_MATCH, ANY);
    }
    if let Some(said) = received.get(header::IF_UNMODIFIED_SINCE) {
        headers.insert(header::IF_UNMODIFIED_SINCE, if knows_times { said.clone() } else { NEVER });
    }
}

fn wrong_body(code: &str, detail: &str) -> Refusal {
    let errors = json!([{ "in": "body", "pointer": "", "code": code, "detail": detail }]);
    Refusal::with_errors(Fault::ContractViolationRequest, errors.to_string())
}

fn body_refused(refused: &BodyRefused) -> Refusal {
    match refused {
        BodyRefused::Invalid(error) => {
            let detail = match error.why {
                Why::Json => "this is not JSON",
                Why::Truncated => "the JSON ends too early",
                Why::Trailing => "something comes after the JSON",
                Why::Depth => "it is nested too deeply here",
                Why::Duplicate => "the name has come before in this object",
                Why::Size => "the body is too large",
            };
            let errors = json!([{ "in": "body", "offset": error.offset, "code": error.why.word(), "detail": detail }]);
            Refusal::with_errors(Fault::BodyInvalid, errors.to_string())
        }
        BodyRefused::Effort => {
            let detail = "checking this body takes more work than is done for one of its size";
            let errors = json!([{ "in": "body", "pointer": "", "code": "effort", "detail": detail }]);
            Refusal::with_errors(Fault::BodyInvalid, errors.to_string())
        }
        BodyRefused::Fill(_) => Fault::RequestFillFailed.into(),
    }
}

/// What stands in `fields`, decoded. None: it is not there. Twice is one selection, as if its parts stood in a list.
fn selected(query: &str) -> Option<String> {
    let texts = query.split('&').filter_map(|pair| {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        // However it is spelt: what is passed over as a parameter must not be lost as a selection.
        (*percent::decoded(name, true) == *FIELDS.as_bytes()).then(|| decoded(text))
    });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

/// A value of a query, decoded. What is no UTF-8 becomes a name that nothing has.
fn decoded(value: &str) -> String {
    String::from_utf8_lossy(&percent::decoded(value, true)).into_owned()
}

/// Read a body to its end, within its bounds and times; while memory is short only a small one. Returns it, and what it was
/// read from.
async fn whole(
    thread: &Rc<Thread>,
    wire: &Wire,
    call: &mut Call,
    mut body: RequestBody,
) -> Result<(Bytes, RequestBody), Fault> {
    let progress = body.progress();
    let mut collected = Bytes::new();
    let mut more: Vec<u8> = Vec::new();
    let outcome = loop {
        // Where its length was told, the end is known with the last byte.
        if body.is_end_stream() {
            break Ok(());
        }
        let frame = match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            None => break Ok(()),
            Some(Err(ended)) => break Err(ended.0),
            Some(Ok(frame)) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if more.is_empty() && collected.is_empty() {
            // Most bodies are one piece: nothing is copied.
            collected = data;
            continue;
        }
        if more.is_empty() {
            more.extend_from_slice(&collected);
        }
        if more.len() + data.len() > SMALL_BYTES && thread.shared.levels.is_memory_short() {
            break Err(Fault::GatewayOverloaded);
        }
        more.extend_from_slice(&data);
    };
    call.read_clock();
    if let Some(progress) = progress {
        if progress.library_refused.get() {
            add(&thread.metrics().library_refusals);
        }
        call.record().bytes_in += progress.bytes.get();
    }
    outcome.map_err(|fault| wire.body_fault().unwrap_or(fault))?;
    Ok((if more.is_empty() { collected } else { Bytes::from(more) }, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_found_wherever_it_stands_in_the_query() {
        assert_eq!(selected("a=1&fieldset=2"), None);
        let found = [
            ("fields=id%2Cname", "id,name"),
            ("a=1&fields=id&b=2&fields=x(y)", "id,x(y)"),
            ("fields", ""),
            ("f%69elds=id&fields=name", "id,name"),
            ("fields=a+b%zz%", "a b%zz%"),
            ("fields=%ff", "\u{fffd}"),
        ];
        for (query, text) in found {
            assert_eq!(selected(query).as_deref(), Some(text), "{query}");
        }
    }
}
