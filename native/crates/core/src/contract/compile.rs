//! From a contract as it arrives to what is run.

use super::wire::{AnswerBody, BodyBody, ContractBody, ErrorsBody, HeaderBody, HoldBody, NamedBody, RouteBody};
use super::{Answer, Body, ContractVersion, Edition, HeaderRule, Hold, MediaType, Recording, Sampling, Statuses, View};
use crate::ids::Id;
use crate::transform::answer::AnswerProgram;
use crate::transform::request::{BackendErrors, BodyRule, RequestContract};
use hashbrown::HashMap;
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// RFC 9745.
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// RFC 8594.
const SUNSET: HeaderName = HeaderName::from_static("sunset");
/// What no answer can be made: a part of a document, and one that the client has already.
const NEVER_MADE: [u16; 2] = [206, 304];
/// More would be held for every partner at once.
const LARGEST_HOLD: u64 = 16 * 1024 * 1024;

/// What no contract can let through: it describes bytes that the partner does not get, or is the gateway's to say.
const NEVER_SHOWN: [&str; 44] = [
    "accept-ranges",
    "alt-svc",
    "authentication-info",
    "clear-site-data",
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "deprecation",
    "digest",
    "etag",
    "keep-alive",
    "nel",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "public-key-pins",
    "ratelimit",
    "ratelimit-policy",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "repr-digest",
    "server",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "sunset",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "want-content-digest",
    "want-repr-digest",
    "www-authenticate",
    "x-accel-redirect",
    "x-request-id",
    "x-sendfile",
];

/// What no contract can read or write of a request.
const NEVER_SENT: [&str; 38] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "cookie",
    "digest",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "if-none-match",
    "if-range",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "repr-digest",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-api-key",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];

/// What is wrong, and in which member.
type Wrong = (String, String);

/// Check one ROUTE by itself, as nodes will. The error says where and why.
pub fn check_route(text: &[u8]) -> Result<(), String> {
    let edition = Arc::new(Edition {
        id: Id::NONE,
        api: Id::NONE,
        contract: String::new(),
        version: String::new(),
        number: 0,
        notices: Box::default(),
    });
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    view(text, &edition)
        .map(|_| ())
        .map_err(|(place, why)| if place.is_empty() { why } else { format!("{place}: {why}") })
}

/// A version of a contract. The error names the member.
pub(crate) fn version(id: Id, body: &ContractBody<'_>) -> Result<ContractVersion, Wrong> {
    let parse =
        |text: &str, member: &str| Id::parse(text).ok_or_else(|| wrong(member, format!("{text:?} is not an id")));
    let edition = Arc::new(Edition {
        id,
        api: parse(&body.api, "api")?,
        contract: body.contract.clone(),
        version: body.version.clone(),
        number: body.number,
        notices: notices(body)?,
    });
    let mut views = HashMap::with_capacity(body.routes.len());
    for (route, text) in &body.routes {
        let inside = |(place, why): Wrong| (format!("routes/{route}/{place}"), why);
        let made = view(text.get(), &edition).map_err(inside)?;
        views.insert(parse(route, "routes")?, Arc::new(made));
    }
    Ok(ContractVersion { edition, views })
}

fn wrong(member: impl Into<String>, why: impl Display) -> Wrong {
    (member.into(), why.to_string())
}

/// In seconds since 1970: HTTP's dates have years of four digits (RFC 9110, section 5.6.7).
const YEAR_10_000: u64 = 253_402_300_800;

fn notices(body: &ContractBody<'_>) -> Result<Box<[(HeaderName, HeaderValue)]>, Wrong> {
    let mut notices = Vec::new();
    let seconds =
        |us: i64, member: &str| u64::try_from(us / 1_000_000).map_err(|_| wrong(member, "a time before 1970"));
    if let Some(us) = body.deprecated_at_us {
        let at = format!("@{}", seconds(us, "deprecated_at_us")?);
        notices.push((DEPRECATION, HeaderValue::try_from(at).map_err(|error| wrong("deprecated_at_us", error))?));
    }
    if let Some(us) = body.sunset_at_us {
        let seconds = seconds(us, "sunset_at_us")?;
        if seconds >= YEAR_10_000 {
            return Err(wrong("sunset_at_us", "after the year 9999"));
        }
        let text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        notices.push((SUNSET, HeaderValue::try_from(text).map_err(|error| wrong("sunset_at_us", error))?));
    }
    if let Some(link) = &body.link {
        if link.contains(['<', '>', '"']) {
            return Err(wrong("link", "it is no URL"));
        }
        let relations = [
            body.deprecated_at_us.map(|_| format!("<{link}>; rel=\"deprecation\"; type=\"text/html\"")),
            body.sunset_at_us.map(|_| format!("<{link}>; rel=\"sunset\"; type=\"text/html\"")),
        ];
        for relation in relations.into_iter().flatten() {
            notices.push((header::LINK, HeaderValue::try_from(relation).map_err(|error| wrong("link", error))?));
        }
    }
    Ok(notices.into())
}

fn view(text: &str, edition: &Arc<Edition>) -> Result<View, Wrong> {
    let body: RouteBody<'_> = serde_json::from_str(text).map_err(|error| wrong("", error))?;
    let request = RequestContract::compile(body.request.get()).map_err(|error| wrong("request", error))?;
    let program = AnswerProgram::parse(body.program.get().as_bytes()).map_err(|error| wrong("program", error))?;
    let request_types = match request.body_rule() {
        BodyRule::None => Box::default(),
        BodyRule::Json { types, .. } | BodyRule::Pass { types, .. } => media_types(types, "request/body/types")?,
    };
    let mut answers = Vec::with_capacity(body.answers.len());
    for (index, one) in body.answers.into_iter().enumerate() {
        let inside = |(place, why): Wrong| (format!("answers/{index}/{place}"), why);
        answers.push(answer(one, &program).map_err(inside)?);
    }
    let program = Arc::new(program);
    if let Some(fields) = &body.fields {
        let roots = answers.iter().filter_map(|answer| match answer.body {
            Body::Json { root, .. } => Some(root),
            _ => None,
        });
        // One answer that has the member is enough: others of the route may be single objects.
        let mut tried = roots.map(|root| program.check_at(root, &fields.at)).peekable();
        if tried.peek().is_some() && !tried.any(|outcome| outcome.is_ok()) {
            return Err(wrong("fields/at", format!("no answer has {:?}", fields.at.join("."))));
        }
    }
    let rate = body.sampling.unwrap_or_default();
    Ok(View {
        edition: Arc::clone(edition),
        request,
        request_types,
        claimed: claimed(body.request.get())?,
        tells_modified: answers.iter().any(tells_modified),
        accept: accept(&answers)?,
        answers: answers.into(),
        program,
        fields: body.fields.map(|fields| fields.at.into()),
        sampling: Sampling::new(rate),
        recording: Recording::new(rate),
        compress: body.compress,
    })
}

fn answer(body: AnswerBody, program: &AnswerProgram) -> Result<Answer, Wrong> {
    let status = Statuses::parse(&body.status)
        .ok_or_else(|| wrong("status", format!("{:?} is neither a status, nor 2XX, nor default", body.status)))?;
    let send = match body.send {
        None => None,
        Some(number) if (200..=599).contains(&number) && !NEVER_MADE.contains(&number) => {
            Some(StatusCode::from_u16(number).map_err(|error| wrong("send", error))?)
        }
        Some(number) => return Err(wrong("send", format!("{number} is no status of an answer"))),
    };
    let is_bodiless = send.is_some_and(|send| [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT].contains(&send));
    if is_bodiless && !matches!(body.body, BodyBody::Empty {}) {
        return Err(wrong("send", "an answer with this status has no body"));
    }
    let made = match body.body {
        BodyBody::Json { root, hold } => {
            program.check_root(root).map_err(|why| wrong("body/root", why))?;
            if body.content_types.is_empty() {
                return Err(wrong("content_types", "no answer would be of a type that it may have"));
            }
            Body::Json { root, hold: self::hold(&hold)? }
        }
        BodyBody::Pass { types, max_bytes } => {
            Body::Pass { types: media_types(&types, "body/types")?, most_bytes: max_bytes }
        }
        BodyBody::Empty {} => Body::Empty,
        BodyBody::Problem { detail, errors } => Body::Problem {
            detail,
            errors: errors.map(|errors| match errors {
                ErrorsBody::Drf => BackendErrors::Drf,
                ErrorsBody::Fastapi => BackendErrors::FastApi,
                ErrorsBody::Rfc9457 => BackendErrors::Rfc9457,
            }),
        },
    };
    let content_types = media_types(&body.content_types, "content_types")?;
    if content_types.iter().any(MediaType::is_range) {
        return Err(wrong("content_types", "each type is written out"));
    }
    let headers = body.headers.into_iter().map(|rule| header_rule(&rule)).collect::<Result<_, _>>()?;
    Ok(Answer { status, send, body: made, headers, content_types })
}

fn hold(body: &HoldBody) -> Result<Hold, Wrong> {
    match body {
        HoldBody::Bytes(bytes) if (1..=LARGEST_HOLD).contains(bytes) => Ok(Hold::Bytes(*bytes as usize)),
        HoldBody::Word(word) if word == "whole" => Ok(Hold::Whole),
        _ => Err(wrong("body/hold", format!("neither \"whole\" nor 1 to {LARGEST_HOLD} bytes"))),
    }
}

fn media_types(texts: &[String], member: &str) -> Result<Box<[MediaType]>, Wrong> {
    let parse =
        |text: &String| MediaType::parse(text).ok_or_else(|| wrong(member, format!("{text:?} is no media type")));
    texts.iter().map(parse).collect()
}

fn header_rule(body: &HeaderBody) -> Result<HeaderRule, Wrong> {
    let name = |text: &str| {
        // Lower case alone: that is how they are compared.
        let is_name = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        let parsed = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| is_name);
        parsed.ok_or_else(|| wrong("headers", format!("{text:?} is no lower-case header name")))
    };
    for text in [&body.inward, &body.outward] {
        if NEVER_SHOWN.contains(&text.as_str()) {
            return Err(wrong("headers", format!("{text} is the gateway's to say")));
        }
    }
    let (inward, outward) = (name(&body.inward)?, name(&body.outward)?);
    // Whatever a contract says of them, under either name, they are URLs: no backend's address leaves by them.
    let is_url = |name: &HeaderName| [header::LOCATION, header::CONTENT_LOCATION, header::LINK].contains(name);
    let url = body.url || is_url(&inward) || is_url(&outward);
    Ok(HeaderRule { inward, outward, url })
}

/// The headers that a `request` names, the partner's and the backend's.
fn claimed(request: &str) -> Result<Box<[HeaderName]>, Wrong> {
    let named: NamedBody = serde_json::from_str(request).map_err(|error| wrong("request", error))?;
    let rules = named.headers.into_iter().flat_map(|rule| [rule.inward, rule.outward]);
    let fills = named.fill.into_iter().filter(|fill| fill.at == "header").map(|fill| fill.outward);
    let mut claimed = Vec::new();
    for text in rules.chain(fills) {
        let name = HeaderName::from_bytes(text.as_bytes()).map_err(|error| wrong("request/headers", error))?;
        // Backends that speak CGI can't tell an underscore from a hyphen.
        if NEVER_SENT.contains(&name.as_str().replace('_', "-").as_str()) {
            return Err(wrong("request/headers", format!("{name} is the gateway's to say")));
        }
        claimed.push(name);
    }
    Ok(claimed.into())
}

fn tells_modified(answer: &Answer) -> bool {
    answer.headers.iter().any(|rule| rule.inward == header::LAST_MODIFIED)
}

/// What the backend is asked for: all that an answer may be. None: nothing says it.
fn accept(answers: &[Answer]) -> Result<Option<HeaderValue>, Wrong> {
    let mut types: Vec<&str> = Vec::new();
    for answer in answers {
        let named: &[MediaType] = match &answer.body {
            Body::Json { .. } => &answer.content_types,
            Body::Pass { types, .. } => types,
            Body::Empty | Body::Problem { .. } => &[],
        };
        for media in named {
            if !types.contains(&media.as_str()) {
                types.push(media.as_str());
            }
        }
    }
    if types.is_empty() {
        return Ok(None);
    }
    HeaderValue::try_from(types.join(", ")).map(Some).map_err(|error| wrong("answers", error))
}
