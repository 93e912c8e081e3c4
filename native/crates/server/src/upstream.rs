//! A request's body on its way to the backend: counted, bounded, timed.

use crate::clock::Clock;
use crate::holder::Holder;
use crate::overload::Wait;
use crate::remembered::{self, Source};
use crate::vigil::Vigil;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use portazgo_core::time::Monotonic;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// A body of which more has passed is looked at with each piece, also where it never pauses.
const SMALL_BYTES: u64 = 64 * 1024;

/// What the forwarding code and the body know of each other.
pub(crate) struct Progress {
    /// Who sends it.
    holder: Holder,
    /// Bytes of the body that came from the client.
    pub(crate) bytes: Cell<u64>,
    /// Why the body ended early, if the client is to blame.
    pub(crate) fault: Cell<Option<Fault>>,
    /// Bytes of it that were handed to a backend's connection, repeats included.
    pub(crate) handed_on: Cell<u64>,
    /// hyper refused the framing of a body that ours had accepted.
    pub(crate) library_refused: Cell<bool>,
    /// The connection would take more, and the client has sent no more yet.
    pub(crate) waits_for_client: Cell<bool>,
    /// The backend's side may let go of it, and the rest is read off: its answer has begun.
    reads_off: Cell<bool>,
    /// Its stream may end before it is whole (RFC 9113, section 8.1). Of a connection of HTTP/1.1 nothing is left then.
    is_of_stream: bool,
    whole: Cell<Whole>,
    /// How many bytes that came, and that were handed on, are recorded.
    recorded: Cell<(u64, u64)>,
}

/// Whether all of a body was handed to the backend's connection.
#[derive(Clone, Copy, Default)]
enum Whole {
    #[default]
    No,
    /// In one piece that was here when it was asked for: as most are, and nobody looks at a clock for them.
    AtOnce,
    At(Instant),
}

impl Progress {
    fn new(holder: Holder, is_of_stream: bool) -> Self {
        Self {
            holder,
            bytes: Cell::default(),
            fault: Cell::default(),
            handed_on: Cell::default(),
            library_refused: Cell::default(),
            waits_for_client: Cell::default(),
            reads_off: Cell::default(),
            is_of_stream,
            whole: Cell::default(),
            recorded: Cell::default(),
        }
    }

    /// Nothing has been sent, of another body.
    fn begin_anew(&self) {
        self.bytes.set(0);
        self.fault.set(None);
        self.handed_on.set(0);
        self.library_refused.set(false);
        self.waits_for_client.set(false);
        self.whole.set(Whole::No);
        self.recorded.set((0, 0));
    }

    /// Bytes that came, and bytes that were handed on, since this was asked last.
    pub(crate) fn take_passed(&self) -> (u64, u64) {
        let (came, handed_on) = (self.bytes.get(), self.handed_on.get());
        let (came_before, handed_on_before) = self.recorded.replace((came, handed_on));
        (came - came_before, handed_on - handed_on_before)
    }

    /// Whether nothing more of the body passes.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.whole.get(), Whole::No)
    }

    /// The head of its answer has come, and the body is not whole.
    pub(crate) fn answers_beside(&self) {
        self.reads_off.set(!self.is_of_stream);
    }

    /// When the last of the body was handed on that was begun to be sent at `sent_at`; None: it was not yet.
    pub(crate) fn whole_at(&self, sent_at: Monotonic, clock: &Clock) -> Option<Monotonic> {
        match self.whole.get() {
            Whole::No => None,
            Whole::AtOnce => Some(sent_at),
            // Of a body that is sent once more, the client's part was over before.
            Whole::At(time) => Some(clock.at(time).max(sent_at)),
        }
    }

    /// Whether a fault is the client's doing and says nothing of the backend: it broke its body off, or was still sending it
    /// when the time of the call was over. Otherwise a slow client could have a backend left out for everybody.
    pub(crate) fn excuses(&self, fault: Fault) -> bool {
        self.fault.get().is_some() || (fault == Fault::BackendTotalTimeout && self.waits_for_client.get())
    }
}

/// The body. Fails when the client sends more than it may, stops sending, or leaves.
///
/// None: there is none, or no more. Boxed, since a request is moved about a dozen times before it is sent.
pub(crate) struct RequestBody(Option<Box<Upload>>);

struct Upload {
    source: Source,
    most: u64,
    idle: Duration,
    bytes_per_second: u64,
    /// Made when the client is waited for the first time: most bodies are here before anybody asks.
    wait: Option<Wait>,
    /// Over the client's access: begins when it is waited for, or when the body turns out to be large.
    vigil: Option<Vigil>,
    progress: Rc<Progress>,
}

impl Upload {
    /// A piece came; `seen`: bytes until now.
    fn may_go_on(&mut self, seen: u64) -> bool {
        if self.vigil.is_none() && seen > SMALL_BYTES {
            self.vigil = Some(Vigil::over_access());
        }
        self.vigil.as_mut().is_none_or(|vigil| vigil.piece(Some(&self.progress.holder)).is_ok())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Whoever lets go of a body wants no more of it: its end need not be read where its length was told.
        if matches!(self.progress.whole.get(), Whole::No) {
            self.progress.whole.set(Whole::At(Instant::now()));
        }
    }
}

/// The body ended early; `Progress` says why.
#[derive(Debug)]
pub(crate) struct BodyEnded(pub(crate) Fault);

impl std::fmt::Display for BodyEnded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.code())
    }
}

impl std::error::Error for BodyEnded {}

impl RequestBody {
    /// `idle`: the longest pause of the client; `bytes_per_second`: its least rate while it is waited for (0: any);
    /// `is_of_stream`: of HTTP/2.
    pub(crate) fn new(
        source: Incoming,
        most: u64,
        idle: Duration,
        bytes_per_second: u64,
        is_of_stream: bool,
        holder: impl FnOnce() -> Holder,
    ) -> Self {
        if source.is_end_stream() {
            return Self::empty();
        }
        let source = Source::Once(source);
        let progress = Rc::new(Progress::new(holder(), is_of_stream));
        Self(Some(Box::new(Upload { source, most, idle, bytes_per_second, wait: None, vigil: None, progress })))
    }

    /// Send this in the place of the client's body, which was read to its end.
    pub(crate) fn write_anew(&mut self, body: Bytes, holder: impl FnOnce() -> Holder) {
        if body.is_empty() {
            self.0 = None;
            return;
        }
        let source = Source::whole(body);
        let (most, idle, bytes_per_second) = (u64::MAX, Duration::MAX, 0);
        // What it was read by is mostly still here, and need not be made again.
        if let Some(upload) = &mut self.0 {
            upload.progress.begin_anew();
            (upload.source, upload.wait, upload.vigil) = (source, None, None);
            (upload.most, upload.idle, upload.bytes_per_second) = (most, idle, bytes_per_second);
            return;
        }
        // Nothing of it is left with the client.
        let progress = Rc::new(Progress::new(holder(), true));
        self.0 = Some(Box::new(Upload { source, most, idle, bytes_per_second, wait: None, vigil: None, progress }));
    }

    /// Remember what passes, as far as it is small, so that it can be sent once more. None where there is no body.
    pub(crate) fn remember(&mut self) -> Option<Remembered> {
        let upload = self.0.as_mut()?;
        let body = upload.source.remember()?;
        let (most, idle, bytes_per_second) = (upload.most, upload.idle, upload.bytes_per_second);
        Some(Remembered { body, most, idle, bytes_per_second, progress: Rc::clone(&upload.progress) })
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self(None)
    }

    /// How the body fares; None where there is none.
    pub(crate) fn progress(&self) -> Option<Rc<Progress>> {
        self.0.as_ref().map(|upload| Rc::clone(&upload.progress))
    }

    fn end(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, BodyEnded>>> {
        if let Some(upload) = self.0.take() {
            upload.progress.fault.set(Some(fault));
        }
        Poll::Ready(Some(Err(BodyEnded(fault))))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyEnded>>> {
        let Some(upload) = &mut self.0 else {
            return Poll::Ready(None);
        };
        if upload.source.is_taken_over() {
            // Another try sends it: this one must not look as if it had come to its end.
            self.0 = None;
            return Poll::Ready(Some(Err(BodyEnded(Fault::BackendSendFailed))));
        }
        if let Some(again) = upload.source.next_remembered() {
            if upload.source.is_spent() {
                upload.progress.whole.set(Whole::AtOnce);
            }
            upload.progress.handed_on.set(upload.progress.handed_on.get() + again.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(again))));
        }
        match upload.source.poll_frame(context) {
            Poll::Pending => {
                upload.progress.waits_for_client.set(true);
                let (rate, idle) = (upload.bytes_per_second, upload.idle);
                let wait = upload.wait.get_or_insert_with(|| Wait::new(rate, idle));
                if wait.poll(context).is_ready() {
                    return self.end(Fault::BodyTimeout);
                }
                let vigil = upload.vigil.get_or_insert_with(Vigil::over_access);
                ready!(vigil.poll_pause(context, Some(&upload.progress.holder)));
                self.end(Fault::AccessEnded)
            }
            Poll::Ready(None) => {
                upload.progress.waits_for_client.set(false);
                self.0 = None;
                Poll::Ready(None)
            }
            // Trailers of a client are not passed on: nothing vouches for them.
            Poll::Ready(Some(Ok(frame))) => {
                upload.progress.waits_for_client.set(false);
                let Ok(data) = frame.into_data() else {
                    return Poll::Ready(None);
                };
                let seen = upload.progress.bytes.get() + data.len() as u64;
                upload.progress.bytes.set(seen);
                if seen > upload.most {
                    return self.end(Fault::BodyTooLarge);
                }
                upload.source.keep(&data);
                if upload.source.is_end_stream() {
                    let at_once = seen == data.len() as u64 && upload.wait.is_none();
                    upload.progress.whole.set(if at_once { Whole::AtOnce } else { Whole::At(Instant::now()) });
                }
                upload.progress.handed_on.set(upload.progress.handed_on.get() + data.len() as u64);
                if let Some(wait) = &mut upload.wait {
                    wait.moved(data.len());
                }
                if !upload.may_go_on(seen) {
                    return self.end(Fault::AccessEnded);
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(error))) => {
                upload.progress.library_refused.set(is_refusal(&error));
                self.end(Fault::ClientAborted)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|upload| upload.source.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |upload| upload.source.size_hint())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(upload) = self.0.take_if(|upload| upload.progress.reads_off.take()) {
            tokio::task::spawn_local(read_off(Self(Some(upload))));
        }
    }
}

/// Take what a client still sends, within the bounds of any body, and drop it: a connection that ends over unread bytes takes
/// with it the answer, which its client may be reading (RFC 9112, section 9.6), and the client's next requests.
async fn read_off(mut body: RequestBody) {
    let Some(progress) = body.progress() else { return };
    let handed_on = progress.handed_on.get();
    while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        progress.handed_on.set(handed_on);
    }
}

/// A body that can be sent once more, while it is small.
pub(crate) struct Remembered {
    body: remembered::Handle,
    most: u64,
    idle: Duration,
    bytes_per_second: u64,
    progress: Rc<Progress>,
}

impl Remembered {
    /// The body from its beginning. None: more has passed than is remembered.
    pub(crate) fn again(&self) -> Option<RequestBody> {
        let source = self.body.again()?;
        let (most, idle, bytes_per_second) = (self.most, self.idle, self.bytes_per_second);
        let progress = Rc::clone(&self.progress);
        progress.whole.set(Whole::No);
        progress.waits_for_client.set(false);
        let upload = Upload { source, most, idle, bytes_per_second, wait: None, vigil: None, progress };
        Some(RequestBody(Some(Box::new(upload))))
    }
}

/// Whether hyper's own reading of chunks failed; what our transport reports has another kind.
fn is_refusal(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}
