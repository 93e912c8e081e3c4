//! How an API looks to partners: what a version of a contract says of a route, decoded and ready to be run (docs/programs.md).
//!
//! All of it is made when a snapshot is applied. A call finds its view by at most three comparisons of ids, and one of a route
//! that passes all through finds none.

mod compile;
mod document;
pub mod media;
pub(crate) mod pins;
mod recording;
mod sampling;
pub(crate) mod wire;

pub use compile::check_route;
pub(crate) use compile::version;
pub use document::PartnerDocument;
pub use media::MediaType;
pub use pins::Pins;
pub use recording::{Recording, Taken};
pub use sampling::{Rate, Sampling};

use crate::ids::Id;
use crate::transform::answer::AnswerProgram;
use crate::transform::request::{BackendErrors, RequestContract};
use hashbrown::HashMap;
use http::{HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;

/// A contract as it was published: it never changes.
pub struct ContractVersion {
    /// What all of its views share.
    pub edition: Arc<Edition>,
    /// How its routes look, by their ids.
    pub(crate) views: HashMap<Id, Arc<View>>,
}

/// Which contract, from when.
pub struct Edition {
    /// The version's id.
    pub id: Id,
    /// Of which API.
    pub api: Id,
    /// The contract's slug.
    pub contract: String,
    /// A date.
    pub version: String,
    /// By which records name it; 0: it has none.
    pub number: u32,
    /// That it is deprecated (RFC 9745), that it ends (RFC 8594), and where that is explained; mostly empty.
    pub notices: Box<[(HeaderName, HeaderValue)]>,
}

/// How one route looks in one version.
pub struct View {
    /// Of which version.
    pub edition: Arc<Edition>,
    /// What becomes of requests.
    pub request: RequestContract,
    /// Types of the body that a request may have.
    pub request_types: Box<[MediaType]>,
    /// Headers that the contract reads or writes: of these nothing of the partner's passes beside.
    pub claimed: Box<[HeaderName]>,
    /// Whether an answer says when its thing was modified.
    pub tells_modified: bool,
    /// What the backend is asked for.
    pub accept: Option<HeaderValue>,
    /// The first that fits counts.
    answers: Box<[Answer]>,
    /// What projects bodies.
    pub program: Arc<AnswerProgram>,
    /// Below which of the partner's members `?fields=` begins; None: it is an ordinary parameter.
    pub fields: Option<Box<[String]>>,
    /// Which answers are compared with the backend's schema.
    pub sampling: Sampling,
    /// Which requests are recorded.
    pub recording: Recording,
    /// Whether its answers may go out compressed; None: the contract does not say.
    pub compress: Option<bool>,
}

impl View {
    /// What becomes of an answer with this status; None: nothing of it passes.
    pub fn answer(&self, status: StatusCode) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.status.fits(status.as_u16()))
    }

    /// The roots of answers that tell of success.
    pub fn successes(&self) -> impl Iterator<Item = u32> {
        self.answers.iter().filter_map(|answer| match (&answer.body, answer.status) {
            (Body::Json { root, .. }, Statuses::One(200..300) | Statuses::Class(2) | Statuses::Rest) => Some(*root),
            _ => None,
        })
    }
}

/// What becomes of answers of some statuses.
pub struct Answer {
    status: Statuses,
    /// The status that the partner gets; None: the backend's.
    pub send: Option<StatusCode>,
    /// What becomes of the body.
    pub body: Body,
    /// Headers that pass beside those of all answers.
    pub headers: Box<[HeaderRule]>,
    /// What a body that is projected must be.
    pub content_types: Box<[MediaType]>,
}

/// What becomes of an answer's body.
pub enum Body {
    /// It is projected.
    Json {
        /// The program's node for it.
        root: u32,
        /// How much is held before the head is sent.
        hold: Hold,
    },
    /// It passes as it is.
    Pass {
        /// What it may be.
        types: Box<[MediaType]>,
        /// And how large.
        most_bytes: u64,
    },
    /// The partner gets none.
    Empty,
    /// The partner gets a problem of ours.
    Problem {
        /// What it says.
        detail: Option<String>,
        /// How the backend writes validation errors; None: they don't pass.
        errors: Option<BackendErrors>,
    },
}

/// How much output is held before the head of an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// So many bytes.
    Bytes(usize),
    /// All of it.
    Whole,
}

/// A header of the backend's that passes.
pub struct HeaderRule {
    /// The backend's name.
    pub inward: HeaderName,
    /// The partner's.
    pub outward: HeaderName,
    /// Its URLs become the partner's, or it does not pass.
    pub url: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statuses {
    One(u16),
    /// 4 of `4XX`.
    Class(u16),
    Rest,
}

impl Statuses {
    fn parse(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(Self::Rest);
        }
        match text.strip_suffix("XX") {
            Some(class) => class.parse().ok().filter(|class| (1..=5).contains(class)).map(Self::Class),
            None => text.parse().ok().filter(|status| (100..=599).contains(status)).map(Self::One),
        }
    }

    const fn fits(self, status: u16) -> bool {
        match self {
            Self::One(one) => one == status,
            Self::Class(class) => status / 100 == class,
            Self::Rest => true,
        }
    }
}
