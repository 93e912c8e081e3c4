//! From the backend's answer to what a partner may see of it. What does not fit the contract does not pass: before the head is
//! sent it becomes a problem, afterwards the answer is cut off.

use super::head::{self, Received};
use crate::coding::accepted::Wanted;
use crate::coding::encoder::Encoder;
use crate::headers::pass;
use crate::holder::Holder;
use crate::phases::forward::CameBack;
use crate::phases::record::Call;
use crate::phases::respond::projected::{self, Projected, Work};
use crate::phases::respond::{Answer, Content, Stream};
use crate::phases::transform_request::contract::Selection;
use crate::samples::Origin;
use crate::thread::Thread;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portazgo_core::contract::{Answer as Agreed, Body, Hold, MediaType, View, media};
use portazgo_core::fault::Fault;
use portazgo_core::problem;
use portazgo_core::snapshot::{BackendEnvironment, RouteAction};
use portazgo_core::transform::answer::{AnswerProgram, Projector, Violation};
use portazgo_core::transform::request::BackendErrors;
use std::sync::Arc;
use std::time::Duration;

/// What of a backend's error is looked at for its validation errors.
const MOST_ERROR_BYTES: usize = 64 * 1024;

/// How long the end of a body is waited for that nobody wants.
const SOON: Duration = Duration::from_millis(250);
/// Of an answer that is coded before its head is sent, and so has a Content-Length.
const MOST_CODED_AT_ONCE: usize = 64 * 1024;
/// Of the buffer that whole answers are projected into.
const MOST_KEPT: usize = 64 * 1024;

/// What is told of an answer whose Content-Type the contract does not have.
const OF_ANOTHER_TYPE: &str = "content_type";

/// What an answer is made of.
pub(in crate::phases) struct Shaping<'s> {
    pub(in crate::phases) view: &'s Arc<View>,
    pub(in crate::phases) selection: Option<&'s Selection>,
    pub(in crate::phases) action: &'s RouteAction,
    pub(in crate::phases) backend: &'s BackendEnvironment,
    /// Scheme and authority that the call came to.
    pub(in crate::phases) base: String,
    /// What the request says of itself.
    pub(in crate::phases) asked: &'s HeaderMap,
    /// The request was a HEAD.
    pub(in crate::phases) head_only: bool,
}

/// An answer of the backend's, and what the contract says of such.
struct Matched<'m> {
    received: &'m Received<'m>,
    agreed: &'m Agreed,
}

impl Shaping<'_> {
    /// Choose what becomes of the answer, and make that of it. What few answers need is in boxes: it shall not make the state of
    /// every call larger.
    pub(in crate::phases) async fn build(
        &self,
        thread: &Thread,
        call: &mut Call,
        came_back: CameBack,
        holder: impl FnOnce() -> Holder,
    ) -> Result<Answer, Fault> {
        let (received, stream) = super::stream(came_back, self.action, self.backend)?;
        let answer = self.shape(thread, call, &Received::of(&received), stream, holder).await;
        thread.spare_maps.give(received.headers);
        answer
    }

    async fn shape(
        &self,
        thread: &Thread,
        call: &mut Call,
        received: &Received<'_>,
        mut stream: Stream,
        holder: impl FnOnce() -> Holder,
    ) -> Result<Answer, Fault> {
        let status = received.status;
        if status.is_server_error() {
            call.fail(Fault::Backend5xx);
        }
        // Of ranges nothing was asked, and a part of a document can't be projected.
        if status == StatusCode::PARTIAL_CONTENT {
            return Err(self.broken_by(call, "status 206"));
        }
        let agreed = self.view.answer(status);
        if status == StatusCode::NOT_MODIFIED {
            stream.begin(holder).await?;
            let headers = self.headers(thread, received, agreed);
            return Ok(Answer { status, headers, content: Content::Stream(Box::new(stream)) });
        }
        let Some(agreed) = agreed else {
            return Box::pin(self.refuse(thread, call, received, stream, None, holder)).await;
        };
        let sent = agreed.send.unwrap_or(status);
        match &agreed.body {
            Body::Problem { .. } => Box::pin(self.refuse(thread, call, received, stream, Some(agreed), holder)).await,
            Body::Empty => {
                let headers = self.headers(thread, received, Some(agreed));
                stream.begin(holder).await?;
                Box::pin(let_go(thread, call, stream)).await;
                Ok(Answer { status: sent, headers, content: Content::Whole(Bytes::new()) })
            }
            Body::Json { .. } | Body::Pass { .. } if self.head_only || status == StatusCode::NO_CONTENT => {
                if status == StatusCode::NO_CONTENT && sent != StatusCode::NO_CONTENT {
                    return Err(self.broken_by(call, "status 204"));
                }
                stream.begin(holder).await?;
                // Where a HEAD is a GET for the backend, there is a body, and it is what is hidden too.
                stream.hides_length = matches!(agreed.body, Body::Json { .. });
                let headers = self.headers(thread, received, Some(agreed));
                Ok(Answer { status: sent, headers, content: Content::Stream(Box::new(stream)) })
            }
            Body::Json { root, hold } => {
                self.project(thread, call, Matched { received, agreed }, stream, (*root, *hold), holder).await
            }
            Body::Pass { types, most_bytes } => {
                self.pass(thread, call, Matched { received, agreed }, stream, (types, *most_bytes), holder).await
            }
        }
    }

    /// JSON, as the contract has it.
    async fn project(
        &self,
        thread: &Thread,
        call: &mut Call,
        Matched { received, agreed }: Matched<'_>,
        mut stream: Stream,
        (root, hold): (u32, Hold),
        holder: impl FnOnce() -> Holder,
    ) -> Result<Answer, Fault> {
        let (status, sent) = (received.status, agreed.send.unwrap_or(received.status));
        call.record().contract_version = self.view.edition.number;
        let said = received.content_type.and_then(|said| media::said(&agreed.content_types, said, media::choose));
        let said = said.ok_or_else(|| self.broken_by(call, OF_ANOTHER_TYPE))?;
        let decoder = received.decoder()?;
        let mut headers = self.headers(thread, received, Some(agreed));
        headers.insert(header::CONTENT_TYPE, said.header().clone());
        stream.begin(holder).await?;
        let hold = if call.version_10 { Hold::Whole } else { hold };
        let wanted = self.wanted(thread, call, received);
        let (program, root) = self.program(call, root, status);
        let origin = self.origin(call, status);
        let mut tap = origin.tap(&thread.shared.samples, call.chance());
        if wanted.is_none()
            && decoder.is_none()
            && let Some(whole) = stream.whole()
            && let Some(outcome) = self.at_once(thread, program, root, whole, hold).transpose()
        {
            call.record().backend_bytes_in += whole.len() as u64;
            origin.note(&thread.shared.samples, &mut tap, whole, outcome.is_ok());
            let output = outcome.map_err(|found| call.breaks(&found.told()))?;
            stream.give_back(thread, call.at());
            return Ok(Answer { status: sent, headers, content: Content::Whole(output) });
        }
        let projector = Projector::new(program, root, &self.base);
        let mut projected = Projected::new(stream, decoder, Work::Project(Box::new(projector)));
        projected.tap = tap;
        let content = Box::pin(held(thread, call, projected, hold, Some(&origin), wanted, &mut headers)).await?;
        Ok(Answer { status: sent, headers, content })
    }

    /// What nobody reads: of a type and a size that the contract lets pass.
    async fn pass(
        &self,
        thread: &Thread,
        call: &mut Call,
        Matched { received, agreed }: Matched<'_>,
        mut stream: Stream,
        (types, most_bytes): (&[MediaType], u64),
        holder: impl FnOnce() -> Holder,
    ) -> Result<Answer, Fault> {
        let is_known = |said: &&HeaderValue| media::said(types, said, media::choose_opaque).is_some();
        let said = received.content_type.filter(is_known);
        let said = said.ok_or_else(|| self.broken_by(call, OF_ANOTHER_TYPE))?;
        let decoder = received.decoder()?;
        let mut headers = self.headers(thread, received, Some(agreed));
        headers.append(header::CONTENT_TYPE, media::readable(said));
        let most = stream.most.map_or(most_bytes, |most| most.min(most_bytes));
        let is_worth_it = || media::is_worth_compressing(said.to_str().unwrap_or_default());
        let wanted = self.wanted(thread, call, received).filter(|_| is_worth_it());
        let size = stream.source.size_hint();
        let coded = wanted.is_some_and(|wanted| wanted.is_worth_it(size.upper()));
        if decoder.is_none() && size.lower() > most {
            return Err(Fault::BackendResponseTooLarge);
        }
        if decoder.is_none() && !coded {
            stream.most = Some(most);
            pass(received.headers, &header::CONTENT_LENGTH, &mut headers);
            stream.begin(holder).await?;
            return Ok(Answer {
                status: agreed.send.unwrap_or(received.status),
                headers,
                content: Content::Stream(Box::new(stream)),
            });
        }
        stream.begin(holder).await?;
        let projected = Projected::new(stream, decoder, Work::Copy(most));
        let hold = if call.version_10 { Hold::Whole } else { Hold::Bytes(1) };
        let content = Box::pin(held(thread, call, projected, hold, None, wanted, &mut headers)).await?;
        Ok(Answer { status: agreed.send.unwrap_or(received.status), headers, content })
    }

    /// The head already is none that the contract has.
    #[cold]
    fn broken_by(&self, call: &mut Call, what: &str) -> Fault {
        call.record().contract_version = self.view.edition.number;
        call.breaks(what)
    }

    fn origin(&self, call: &mut Call, status: StatusCode) -> Origin<'_> {
        let (route, status) = (call.record().route, status.as_u16());
        Origin { view: self.view, route, status, now: call.at(), at: call.wall() }
    }

    /// Fields are selected of what was asked for: what has none of them, as errors, comes as the contract has it.
    fn program(&self, call: &mut Call, root: u32, status: StatusCode) -> (&Arc<AnswerProgram>, u32) {
        let selection = self.selection.filter(|_| status.is_success());
        match selection.and_then(|selection| selection.below(root)) {
            Some(masked) => {
                call.record().fields_selected = true;
                (&masked.program, masked.root)
            }
            None => (&self.view.program, root),
        }
    }

    /// Most answers are here whole when their head is: they need nothing that could wait. None: there is more of it than goes in
    /// one step, and nothing has happened yet.
    fn at_once(
        &self,
        thread: &Thread,
        program: &AnswerProgram,
        root: u32,
        whole: &[u8],
        hold: Hold,
    ) -> Result<Option<Bytes>, Violation> {
        let most = match hold {
            Hold::Bytes(most) => most.min(projected::PIECE),
            Hold::Whole => projected::PIECE,
        };
        if whole.len() > most.min(projected::STEP) {
            return Ok(None);
        }
        // What goes out is mostly a fraction of what came: a copy of its very length, of a buffer that is always the same.
        let mut output = thread.projected.take();
        let mut workspace = thread.workspace.borrow_mut();
        let outcome = workspace.project(program, root, &self.base, whole, most, &mut output);
        let written = matches!(outcome, Ok(true)).then(|| Bytes::copy_from_slice(&output));
        if output.capacity() <= MOST_KEPT {
            output.clear();
            thread.projected.replace(output);
        }
        outcome.map(|_| written)
    }

    fn headers(&self, thread: &Thread, received: &Received<'_>, agreed: Option<&Agreed>) -> HeaderMap {
        let may_compress = self.may_compress(thread);
        head::headers(received, agreed, self.view, &self.base, may_compress, thread.spare_maps.take())
    }

    fn may_compress(&self, thread: &Thread) -> bool {
        thread.shared.config.compression.allows(self.view.compress)
    }

    /// How the partner wants the answer's bytes, where they may be compressed at all. HTTP/1.0 knows codings by other names, and
    /// while memory is short nothing is spent on a coder.
    fn wanted(&self, thread: &Thread, call: &Call, received: &Received<'_>) -> Option<Wanted> {
        let may = self.may_compress(thread) && !call.version_10 && !thread.shared.levels.is_memory_short();
        let wanted = if may { Wanted::of(self.asked) } else { None };
        wanted.filter(|_| !forbids_transforming(received.headers))
    }

    /// A problem of ours in the place of the backend's error; none of its text passes.
    async fn refuse(
        &self,
        thread: &Thread,
        call: &mut Call,
        received: &Received<'_>,
        mut stream: Stream,
        agreed: Option<&Agreed>,
        holder: impl FnOnce() -> Holder,
    ) -> Result<Answer, Fault> {
        let status = received.status;
        if !status.is_client_error() && !status.is_server_error() {
            return Err(self.broken_by(call, &format!("status {}", status.as_u16())));
        }
        let (detail, form) = match agreed.map(|agreed| &agreed.body) {
            Some(Body::Problem { detail, errors }) => (detail.as_deref(), *errors),
            _ => (None, None),
        };
        stream.begin(holder).await?;
        let mut errors = None;
        if let Some(form) = form.filter(|_| !self.head_only) {
            errors = self.errors(thread, call, received, stream, form).await;
        } else {
            let_go(thread, call, stream).await;
        }
        let sent = agreed.and_then(|agreed| agreed.send).unwrap_or(status);
        let document = problem::of_backend(sent, call.request_id(), detail, errors.as_deref());
        let mut answer = Answer::document(document, "application/problem+json");
        answer.status = sent;
        let mut headers = self.headers(thread, received, agreed);
        headers.extend(answer.headers);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers = headers;
        Ok(answer)
    }

    /// What the backend says is wrong with the request, in the partner's names. What can't be read says nothing.
    async fn errors(
        &self,
        thread: &Thread,
        call: &mut Call,
        received: &Received<'_>,
        stream: Stream,
        form: BackendErrors,
    ) -> Option<String> {
        let decoder = received.decoder().ok()?;
        let mut body = Projected::new(stream, decoder, Work::Copy(MOST_ERROR_BYTES as u64));
        let whole = body.hold(thread, Hold::Whole).await;
        call.record().backend_bytes_in += body.take_received();
        call.read_clock();
        let text = body.take_output();
        if whole != Ok(true) {
            return None;
        }
        body.stream.give_back(thread, call.at());
        let translated = self.view.request.translate_errors(form, &text);
        (!translated.errors.is_empty()).then(|| translated.json())
    }
}

/// A body that nobody wants: where its end comes soon, its connection may carry another call.
async fn let_go(thread: &Thread, call: &mut Call, stream: Stream) {
    let mut body = Projected::new(stream, None, Work::Drop);
    let ended = tokio::time::timeout(SOON, body.hold(thread, Hold::Whole)).await;
    let received = body.take_received();
    call.record().backend_bytes_in += received;
    call.read_clock();
    if matches!(ended, Ok(Ok(true))) && received <= MOST_ERROR_BYTES as u64 {
        body.stream.give_back(thread, call.at());
    }
}

/// Whether the backend says that nobody on the way may code its bytes anew (RFC 9111, section 5.2.2.6).
fn forbids_transforming(headers: &HeaderMap) -> bool {
    headers.get_all(header::CACHE_CONTROL).iter().any(|line| {
        line.to_str().unwrap_or_default().split(',').any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
    })
}

/// Hold an answer back until it is whole, or as much as its contract says; then code it, where that is wanted and worth it.
async fn held(
    thread: &Thread,
    call: &mut Call,
    mut projected: Projected,
    hold: Hold,
    origin: Option<&Origin<'_>>,
    wanted: Option<Wanted>,
    headers: &mut HeaderMap,
) -> Result<Content, Fault> {
    let outcome = projected.hold(thread, hold).await;
    if let (Err(Fault::ContractViolationResponse), Some(origin)) = (outcome, origin)
        && projected.tap.is_none()
        && let Some(piece) = projected.untouched()
    {
        origin.submit_misfit(&thread.shared.samples, piece);
    }
    call.record().backend_bytes_in += projected.take_received();
    call.read_clock();
    if let Some(found) = projected.violation() {
        call.breaks(&found.told());
    }
    let is_whole = outcome?;
    let size = is_whole.then(|| projected.made() as u64);
    let encoder = wanted.filter(|wanted| wanted.is_worth_it(size)).and_then(|wanted| Encoder::new(wanted.coding).ok());
    let is_coded = encoder.is_some();
    if let Some(encoder) = encoder {
        headers.insert(header::CONTENT_ENCODING, encoder.name());
        // The backend's length, if there was one, was that of other bytes.
        headers.remove(header::CONTENT_LENGTH);
        projected.code(encoder);
    }
    // A large one is coded piece by piece, as it is sent: others wait for this thread.
    if !is_whole || (is_coded && projected.made() > MOST_CODED_AT_ONCE) {
        return Ok(Content::Projected(Box::new(projected)));
    }
    let whole = if is_coded { projected.take_coded()? } else { projected.take_output() };
    projected.stream.give_back(thread, call.at());
    Ok(Content::Whole(whole))
}
