//! RFC 9457 problem documents for what Portazgo itself answers.

use crate::fault::Fault;
use crate::ids::Id;

/// The type that draft-ietf-httpapi-ratelimit-headers-11 registers for an exceeded quota.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The body of `application/problem+json` for this fault. `violated` names the policies of a 429.
///
/// Faults that share a public code give the same bytes but for the request id.
pub fn document(fault: Fault, request_id: Id, violated: &[&str]) -> String {
    let mut document = of_fault(fault, request_id);
    if !violated.is_empty() {
        document["violated-policies"] = serde_json::json!(violated);
    }
    document.to_string()
}

/// The same with `errors`, a JSON list of what is wrong where, for faults of the partner's.
pub fn with_errors(fault: Fault, request_id: Id, errors: &str) -> String {
    let mut document = of_fault(fault, request_id);
    if let Ok(errors) = serde_json::from_str::<serde_json::Value>(errors) {
        document["errors"] = errors;
    }
    document.to_string()
}

/// The body of a problem in the place of a backend's error of this status, none of whose text passes but `errors`: a JSON list
/// of what is wrong where, in the partner's names.
pub fn of_backend(status: http::StatusCode, request_id: Id, detail: Option<&str>, errors: Option<&str>) -> String {
    let (code, blame, otherwise) = if status.is_server_error() {
        ("backend_failed", "backend", "The backend failed.")
    } else {
        ("backend_refused", "partner", "The backend refused the request.")
    };
    let mut document = serde_json::json!({
        "type": format!("urn:portazgo:fault:{code}"),
        "title": status.canonical_reason().unwrap_or(otherwise),
        "status": status.as_u16(),
        "detail": detail.unwrap_or(otherwise),
        "instance": request_id.to_string(),
        "code": code,
        "blame": blame,
        "retryable": status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS,
    });
    if let Some(errors) = errors.and_then(|errors| serde_json::from_str::<serde_json::Value>(errors).ok()) {
        document["errors"] = errors;
    }
    document.to_string()
}

fn of_fault(fault: Fault, request_id: Id) -> serde_json::Value {
    let what = fault.description();
    let kind = if fault == Fault::Throttled {
        QUOTA_EXCEEDED.to_owned()
    } else {
        format!("urn:portazgo:fault:{}", what.public_code)
    };
    let title = what.public_code.replace('_', " ");
    // Two faults with one public code must look alike, so the public blame is that of the first of them.
    let blame = Fault::all()
        .find(|other| other.description().public_code == what.public_code)
        .map_or(what.blame, |first| first.description().blame);
    serde_json::json!({
        "type": kind,
        "title": title,
        "status": what.status,
        "detail": what.partner,
        "instance": request_id.to_string(),
        "code": what.public_code,
        "blame": blame.as_str(),
        "retryable": what.retryable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_in_which_a_key_is_invalid_look_alike() {
        let bodies: Vec<String> =
            [Fault::KeyMalformed, Fault::KeyUnknown, Fault::KeyExpired, Fault::KeyRevoked, Fault::KeyDisabled]
                .into_iter()
                .map(|fault| document(fault, Id::NONE, &[]))
                .collect();
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    }

    #[test]
    fn a_throttled_call_names_the_policy() {
        let body: serde_json::Value = serde_json::from_str(&document(Fault::Throttled, Id::NONE, &["burst"])).unwrap();
        assert_eq!(body["type"], QUOTA_EXCEEDED);
        assert_eq!(body["violated-policies"], serde_json::json!(["burst"]));
        assert_eq!(body["status"], 429);
    }
}
