// Generated from src/portazgo/faults/catalogue.toml by `make gen`; do not edit.

use super::{Blame, Description};

/// One way in which a call can fail. The number is stored in records and never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Fault {
    /// The head broke a framing rule (white space, field names, NUL, folding).
    HeadMalformed = 1,
    /// Content-Length beside Transfer-Encoding, or differing or doubled Content-Length.
    HeadConflictingLength = 2,
    /// Host was missing, repeated, invalid, or contradicted an absolute request target.
    HeadHostInvalid = 3,
    /// Encoded slash or backslash, dot segment, NUL, or a byte outside the URI alphabet.
    HeadPathInvalid = 4,
    /// The head is above limits.head_bytes.
    HeadTooLarge = 5,
    /// The head took longer than limits.head_seconds.
    HeadTimeout = 6,
    /// The client closed before the head was complete.
    HeadIncomplete = 7,
    /// A chunk size, chunk end or trailer was malformed.
    BodyFramingInvalid = 8,
    /// CONNECT or Upgrade on a route that allows neither.
    UpgradeRefused = 9,
    /// No route matches host and path.
    RouteUnknown = 10,
    /// The path matched, the method did not; Allow lists the methods.
    MethodNotAllowed = 11,
    /// Neither X-Api-Key nor Authorization: Bearer.
    KeyMissing = 12,
    /// X-Api-Key and Authorization, or a repeated header, name different keys.
    KeyAmbiguous = 13,
    /// The form or the checksum is wrong: mistyped, cut, or no key of this deployment.
    KeyMalformed = 14,
    /// The form is right, but no key matches: wrong secret or unknown kid (claimed_kid is not proven).
    KeyUnknown = 15,
    /// The key, or the secret that was used, has expired.
    KeyExpired = 16,
    /// The key was revoked.
    KeyRevoked = 17,
    /// The key is disabled.
    KeyDisabled = 18,
    /// The client's address is outside the key's networks.
    KeyNetworkDenied = 19,
    /// The key's or plan's scopes do not cover the route.
    ScopeMissing = 20,
    /// The application has no plan, or its plan does not open the route's API.
    PlanMissing = 21,
    /// The backend has no target for the environment, or the route excludes it.
    EnvironmentUnavailable = 22,
    /// The partner is suspended.
    PartnerSuspended = 23,
    /// The application is suspended.
    ApplicationSuspended = 24,
    /// The named policy of the plan denied; nothing was consumed.
    Throttled = 25,
    /// More than the route's max_request_bytes.
    BodyTooLarge = 26,
    /// The client stopped sending for longer than the idle timeout.
    BodyTimeout = 27,
    /// No signing key, or a claim of the template has no value for this identity.
    TokenMintFailed = 28,
    /// A compiled resource requires a feature that this node's version lacks.
    NodeOutdated = 29,
    /// No snapshot has been applied yet.
    NodeNotReady = 30,
    /// The node's contact lease ended (revocation.max_staleness): it refuses rather than honour a key that may be revoked.
    NodeStale = 31,
    /// The target's name was not resolved.
    DnsFailure = 32,
    /// Nothing listens at the target.
    ConnectRefused = 33,
    /// No connection within the connect timeout.
    ConnectTimeout = 34,
    /// The connection failed otherwise (unreachable, reset, out of ports).
    ConnectFailed = 35,
    /// Reset or closed with no byte of an answer.
    BackendResetBeforeHeaders = 36,
    /// No response head within first_byte_ms.
    BackendFirstByteTimeout = 37,
    /// The response head could not be parsed or contradicts itself.
    BackendBadResponse = 38,
    /// The body ended before its promised length or last chunk.
    BackendTruncated = 39,
    /// No byte for idle_ms.
    BackendIdleTimeout = 40,
    /// More than total_ms from the first attempt.
    BackendTotalTimeout = 41,
    /// More than the route's max_response_bytes.
    BackendResponseTooLarge = 42,
    /// The backend answered 5xx; its status was passed on.
    Backend5xx = 43,
    /// The backend answered 401 to the token we attached: issuer, audience, algorithm, clock or its cached JWKS.
    Backend4xxOurs = 44,
    /// The connection ended before the last byte was taken.
    ClientAborted = 45,
    /// No byte was taken for longer than the write timeout.
    SlowReader = 46,
    /// No free record slot or connection; shed before collapse.
    GatewayOverloaded = 47,
    /// The node was told to stop.
    GatewayDraining = 48,
    /// A request's task panicked; the node goes on. The log has the place.
    GatewayPanic = 49,
    /// The node died while the call was open; delivery is unknown.
    Interrupted = 50,
    /// Transfer-Encoding was not exactly one `chunked`, or came with HTTP/1.0.
    HeadTransferEncodingInvalid = 51,
    /// A bare CR or bare LF, which two servers would read as two different requests.
    HeadLineEndInvalid = 52,
    /// An underscore twin of a header that we set, or a Connection that names one.
    HeadFieldForbidden = 53,
    /// More than limits.head_lines header lines.
    HeadTooManyLines = 54,
    /// The request line named a version other than HTTP/1.0 or HTTP/1.1.
    ProtocolVersionUnsupported = 55,
    /// The HTTP/2 library ended the connection or the stream; one record stands for the connection, with a count.
    Http2ProtocolError = 56,
    /// The reset budget of the connection was used up (rapid reset).
    Http2ResetFlood = 57,
    /// No first byte of a request before the keep-alive or head time ended.
    ClientIdle = 58,
    /// The listener requires the PROXY protocol and its header was missing, late, malformed or from an unlisted network.
    ProxyProtocolInvalid = 59,
    /// The handshake failed for a reason with no code of its own; the record's connection has the alert.
    TlsHandshakeFailed = 60,
    /// The handshake did not end within its time.
    TlsHandshakeTimeout = 61,
    /// The client closed or reset the connection before the handshake ended.
    TlsHandshakeAborted = 62,
    /// The client offered nothing from TLS 1.2 on.
    TlsVersionUnsupported = 63,
    /// No cipher suite, group or signature scheme in common.
    TlsParametersUnsupported = 64,
    /// The client's server name (SNI) is missing or matches no certificate.
    TlsServerNameUnknown = 65,
    /// The client sent an alert: unknown authority, bad or expired certificate.
    TlsClientRejectedCertificate = 66,
    /// Mutual TLS is required and the client sent no certificate.
    TlsClientCertificateMissing = 67,
    /// The client's certificate is outside its validity period.
    TlsClientCertificateExpired = 68,
    /// The client's certificate is not signed by a configured authority, or is not the one bound to the partner.
    TlsClientCertificateUntrusted = 69,
    /// The first bytes were not a TLS record.
    TlsPlaintext = 70,
    /// No route serves this host.
    HostUnknown = 71,
    /// The named quota has nothing left; nothing was consumed.
    QuotaExhausted = 72,
    /// The named cap has nothing left; nothing was consumed.
    SpendCapReached = 73,
    /// This node holds no lease on the quota while others do; a recall was sent.
    LeaseUnavailable = 74,
    /// The body is not valid JSON, repeats a key, is nested too deeply, or takes more steps to check than a request may (`effort`).
    BodyInvalid = 75,
    /// Content-Type or Content-Encoding is not one that the contract takes.
    BodyTypeUnsupported = 76,
    /// Unknown field, too many paths, too deep or too long.
    FieldsInvalid = 77,
    /// The body or a parameter broke the derived schema; `errors` has the pointers.
    ContractViolationRequest = 78,
    /// A field was missing or of another type, or the answer of a status or type that the contract lacks: `violation` says which. Nothing unprojected was passed on.
    ContractViolationResponse = 79,
    /// The content coding is unknown, broken, or expands beyond the ratio cap.
    BackendEncodingInvalid = 80,
    /// Parsing or validation failed; `errors` has the places.
    GraphqlInvalid = 81,
    /// The planned cost is above the plan's cost per query.
    GraphqlCostExceeded = 82,
    /// The key is bound to trusted documents and this hash is not among them.
    GraphqlDocumentUnknown = 83,
    /// No login at the backend's token endpoint brought a token; the node's log and `/health/ready` say why.
    TokenExchangeFailed = 84,
    /// The token endpoint did not answer in time.
    TokenExchangeTimeout = 85,
    /// The wrapping provider could not unwrap a secret that this call needs.
    KmsUnavailable = 86,
    /// The circuit breaker is open after too many failures.
    CircuitOpen = 87,
    /// Every target of the backend is ejected or unhealthy. Not given at present: then all of them are called.
    NoHealthyTarget = 88,
    /// The cap of connections to this target is reached and no permit came free in time.
    BackendConnectionsExhausted = 89,
    /// The connection broke while the request was being sent and no answer came.
    BackendSendFailed = 90,
    /// No byte of the request was taken for idle_ms.
    BackendSendTimeout = 91,
    /// The response head is above the gateway's limit.
    BackendHeadTooLarge = 92,
    /// The backend's certificate is outside its validity period.
    TlsCertificateExpired = 93,
    /// The backend's certificate is for another name.
    TlsHostnameMismatch = 94,
    /// The backend's certificate chain leads to no trusted authority.
    TlsCertificateUntrusted = 95,
    /// The TLS handshake with the backend failed otherwise.
    TlsBackendHandshakeFailed = 96,
    /// The TLS handshake with the backend did not end within the connect timeout.
    TlsBackendHandshakeTimeout = 97,
    /// The key, application or partner lost access to the route during a tunnel, a stream, a download or an upload; it was ended within 1 s.
    AccessEnded = 98,
    /// Records can't be written (disk full or failing), and calls without a record are refused by policy.
    JournalUnavailable = 99,
    /// The node's clock is more than 60 s away from the control plane's.
    ClockUnreliable = 100,
    /// The process may open no more sockets or files.
    FileDescriptorsExhausted = 101,
    /// The backend's certificate is not valid yet.
    TlsCertificateNotYetValid = 102,
    /// The backend shows a certificate that it signed itself.
    TlsCertificateSelfSigned = 103,
    /// A certificate of the backend's chain stands on a revocation list.
    TlsCertificateRevoked = 104,
    /// The backend's certificate is valid, and its public key is none of those that were pinned.
    TlsCertificatePinMismatch = 105,
    /// The backend ended the handshake with an alert: it did not accept ours.
    TlsBackendAlert = 106,
    /// Gateway and backend share no TLS version, cipher suite, group or signature scheme.
    TlsBackendParametersUnsupported = 107,
    /// What answered at the backend's address does not speak TLS.
    TlsBackendPlaintext = 108,
    /// The connection showed no client certificate, or none of those that the key is bound to.
    KeyCertificateDenied = 109,
    /// The key is restricted to other routes: this one is neither in its list nor bears one of its tags.
    KeyRouteDenied = 110,
    /// A value that the contract fills in for the backend is missing for this partner, application or key, or has another type.
    RequestFillFailed = 111,
}

pub(super) const TABLE: [(Fault, Description); 111] = [
    (
        Fault::HeadMalformed,
        Description {
            code: "head_malformed",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request's head is not valid HTTP/1.1.",
        },
    ),
    (
        Fault::HeadConflictingLength,
        Description {
            code: "head_conflicting_length",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request says its length in two ways.",
        },
    ),
    (
        Fault::HeadHostInvalid,
        Description {
            code: "head_host_invalid",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request needs exactly one valid Host.",
        },
    ),
    (
        Fault::HeadPathInvalid,
        Description {
            code: "head_path_invalid",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request's path holds something that the gateway does not forward.",
        },
    ),
    (
        Fault::HeadTooLarge,
        Description {
            code: "head_too_large",
            public_code: "request_head_too_large",
            blame: Blame::Partner,
            phase: "framing",
            status: 431,
            retryable: false,
            billable: false,
            partner: "The request's head is larger than the gateway accepts.",
        },
    ),
    (
        Fault::HeadTimeout,
        Description {
            code: "head_timeout",
            public_code: "request_timeout",
            blame: Blame::PartnerNetwork,
            phase: "framing",
            status: 408,
            retryable: true,
            billable: false,
            partner: "The request's head did not arrive in time.",
        },
    ),
    (
        Fault::HeadIncomplete,
        Description {
            code: "head_incomplete",
            public_code: "request_malformed",
            blame: Blame::PartnerNetwork,
            phase: "framing",
            status: 400,
            retryable: true,
            billable: false,
            partner: "The connection ended inside the request's head.",
        },
    ),
    (
        Fault::BodyFramingInvalid,
        Description {
            code: "body_framing_invalid",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request's body is not framed as its head promised.",
        },
    ),
    (
        Fault::UpgradeRefused,
        Description {
            code: "upgrade_refused",
            public_code: "upgrade_refused",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "This gateway does not switch protocols here.",
        },
    ),
    (
        Fault::RouteUnknown,
        Description {
            code: "route_unknown",
            public_code: "route_unknown",
            blame: Blame::Partner,
            phase: "route",
            status: 404,
            retryable: false,
            billable: false,
            partner: "There is no such operation.",
        },
    ),
    (
        Fault::MethodNotAllowed,
        Description {
            code: "method_not_allowed",
            public_code: "method_not_allowed",
            blame: Blame::Partner,
            phase: "route",
            status: 405,
            retryable: false,
            billable: false,
            partner: "This path exists, but not with this method.",
        },
    ),
    (
        Fault::KeyMissing,
        Description {
            code: "key_missing",
            public_code: "key_missing",
            blame: Blame::Partner,
            phase: "authenticate",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The request carries no API key.",
        },
    ),
    (
        Fault::KeyAmbiguous,
        Description {
            code: "key_ambiguous",
            public_code: "key_ambiguous",
            blame: Blame::Partner,
            phase: "authenticate",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request carries two different API keys.",
        },
    ),
    (
        Fault::KeyMalformed,
        Description {
            code: "key_malformed",
            public_code: "key_invalid",
            blame: Blame::Partner,
            phase: "authenticate",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The API key is not valid.",
        },
    ),
    (
        Fault::KeyUnknown,
        Description {
            code: "key_unknown",
            public_code: "key_invalid",
            blame: Blame::Partner,
            phase: "authenticate",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The API key is not valid.",
        },
    ),
    (
        Fault::KeyExpired,
        Description {
            code: "key_expired",
            public_code: "key_invalid",
            blame: Blame::Partner,
            phase: "authenticate",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The API key is not valid.",
        },
    ),
    (
        Fault::KeyRevoked,
        Description {
            code: "key_revoked",
            public_code: "key_invalid",
            blame: Blame::Partner,
            phase: "authenticate",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The API key is not valid.",
        },
    ),
    (
        Fault::KeyDisabled,
        Description {
            code: "key_disabled",
            public_code: "key_invalid",
            blame: Blame::Policy,
            phase: "authenticate",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The API key is not valid.",
        },
    ),
    (
        Fault::KeyNetworkDenied,
        Description {
            code: "key_network_denied",
            public_code: "network_denied",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The API key may not be used from this address.",
        },
    ),
    (
        Fault::ScopeMissing,
        Description {
            code: "scope_missing",
            public_code: "scope_missing",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The API key does not reach this operation.",
        },
    ),
    (
        Fault::PlanMissing,
        Description {
            code: "plan_missing",
            public_code: "plan_missing",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The application's plan does not include this API.",
        },
    ),
    (
        Fault::EnvironmentUnavailable,
        Description {
            code: "environment_unavailable",
            public_code: "environment_unavailable",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "This operation is not available in the key's environment.",
        },
    ),
    (
        Fault::PartnerSuspended,
        Description {
            code: "partner_suspended",
            public_code: "partner_suspended",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The company's access is suspended.",
        },
    ),
    (
        Fault::ApplicationSuspended,
        Description {
            code: "application_suspended",
            public_code: "application_suspended",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The application's access is suspended.",
        },
    ),
    (
        Fault::Throttled,
        Description {
            code: "throttled",
            public_code: "quota_exceeded",
            blame: Blame::Policy,
            phase: "limit",
            status: 429,
            retryable: true,
            billable: false,
            partner: "Too many requests; a throttle of the plan was exceeded.",
        },
    ),
    (
        Fault::BodyTooLarge,
        Description {
            code: "body_too_large",
            public_code: "body_too_large",
            blame: Blame::Partner,
            phase: "transform_request",
            status: 413,
            retryable: false,
            billable: false,
            partner: "The request's body is larger than this operation accepts.",
        },
    ),
    (
        Fault::BodyTimeout,
        Description {
            code: "body_timeout",
            public_code: "request_timeout",
            blame: Blame::PartnerNetwork,
            phase: "send",
            status: 408,
            retryable: true,
            billable: false,
            partner: "The request's body did not arrive in time.",
        },
    ),
    (
        Fault::TokenMintFailed,
        Description {
            code: "token_mint_failed",
            public_code: "gateway_error",
            blame: Blame::Gateway,
            phase: "credential",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The gateway could not prepare the call to the backend.",
        },
    ),
    (
        Fault::NodeOutdated,
        Description {
            code: "node_outdated",
            public_code: "gateway_unavailable",
            blame: Blame::Gateway,
            phase: "authorize",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway can't serve this operation at the moment.",
        },
    ),
    (
        Fault::NodeNotReady,
        Description {
            code: "node_not_ready",
            public_code: "gateway_unavailable",
            blame: Blame::Gateway,
            phase: "route",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway is starting.",
        },
    ),
    (
        Fault::NodeStale,
        Description {
            code: "node_stale",
            public_code: "gateway_unavailable",
            blame: Blame::Gateway,
            phase: "route",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway can't serve calls at the moment.",
        },
    ),
    (
        Fault::DnsFailure,
        Description {
            code: "dns_failure",
            public_code: "backend_unreachable",
            blame: Blame::BackendNetwork,
            phase: "dns",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::ConnectRefused,
        Description {
            code: "connect_refused",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "connect",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::ConnectTimeout,
        Description {
            code: "connect_timeout",
            public_code: "backend_unreachable",
            blame: Blame::BackendNetwork,
            phase: "connect",
            status: 504,
            retryable: true,
            billable: false,
            partner: "The backend could not be reached in time.",
        },
    ),
    (
        Fault::ConnectFailed,
        Description {
            code: "connect_failed",
            public_code: "backend_unreachable",
            blame: Blame::BackendNetwork,
            phase: "connect",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::BackendResetBeforeHeaders,
        Description {
            code: "backend_reset_before_headers",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "wait_headers",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend broke the connection before it answered.",
        },
    ),
    (
        Fault::BackendFirstByteTimeout,
        Description {
            code: "backend_first_byte_timeout",
            public_code: "backend_timeout",
            blame: Blame::Backend,
            phase: "wait_headers",
            status: 504,
            retryable: true,
            billable: false,
            partner: "The backend did not answer in time.",
        },
    ),
    (
        Fault::BackendBadResponse,
        Description {
            code: "backend_bad_response",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "wait_headers",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend's answer is not valid HTTP.",
        },
    ),
    (
        Fault::BackendTruncated,
        Description {
            code: "backend_truncated",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "read_body",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend's answer ended early.",
        },
    ),
    (
        Fault::BackendIdleTimeout,
        Description {
            code: "backend_idle_timeout",
            public_code: "backend_timeout",
            blame: Blame::Backend,
            phase: "read_body",
            status: 504,
            retryable: true,
            billable: false,
            partner: "The backend stopped sending in the middle of its answer.",
        },
    ),
    (
        Fault::BackendTotalTimeout,
        Description {
            code: "backend_total_timeout",
            public_code: "backend_timeout",
            blame: Blame::Backend,
            phase: "read_body",
            status: 504,
            retryable: true,
            billable: false,
            partner: "The call took longer than the gateway allows.",
        },
    ),
    (
        Fault::BackendResponseTooLarge,
        Description {
            code: "backend_response_too_large",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "read_body",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend's answer is larger than this operation allows.",
        },
    ),
    (
        Fault::Backend5xx,
        Description {
            code: "backend_5xx",
            public_code: "backend_error",
            blame: Blame::Backend,
            phase: "wait_headers",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend failed.",
        },
    ),
    (
        Fault::Backend4xxOurs,
        Description {
            code: "backend_4xx_ours",
            public_code: "backend_refused_gateway",
            blame: Blame::Gateway,
            phase: "credential",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend did not accept the gateway's credential.",
        },
    ),
    (
        Fault::ClientAborted,
        Description {
            code: "client_aborted",
            public_code: "client_aborted",
            blame: Blame::PartnerNetwork,
            phase: "respond",
            status: 499,
            retryable: true,
            billable: true,
            partner: "The client left before the answer was complete.",
        },
    ),
    (
        Fault::SlowReader,
        Description {
            code: "slow_reader",
            public_code: "client_aborted",
            blame: Blame::PartnerNetwork,
            phase: "respond",
            status: 499,
            retryable: true,
            billable: true,
            partner: "The client read its answer too slowly.",
        },
    ),
    (
        Fault::GatewayOverloaded,
        Description {
            code: "gateway_overloaded",
            public_code: "gateway_unavailable",
            blame: Blame::Gateway,
            phase: "accept",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway is at its limit.",
        },
    ),
    (
        Fault::GatewayDraining,
        Description {
            code: "gateway_draining",
            public_code: "gateway_unavailable",
            blame: Blame::Gateway,
            phase: "accept",
            status: 503,
            retryable: true,
            billable: false,
            partner: "This gateway node is shutting down.",
        },
    ),
    (
        Fault::GatewayPanic,
        Description {
            code: "gateway_panic",
            public_code: "gateway_error",
            blame: Blame::Gateway,
            phase: "forward",
            status: 500,
            retryable: true,
            billable: false,
            partner: "The gateway failed.",
        },
    ),
    (
        Fault::Interrupted,
        Description {
            code: "interrupted",
            public_code: "unknown",
            blame: Blame::Gateway,
            phase: "record",
            status: 500,
            retryable: true,
            billable: false,
            partner: "What became of this call is not known.",
        },
    ),
    (
        Fault::HeadTransferEncodingInvalid,
        Description {
            code: "head_transfer_encoding_invalid",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request's Transfer-Encoding is not accepted.",
        },
    ),
    (
        Fault::HeadLineEndInvalid,
        Description {
            code: "head_line_end_invalid",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "A line of the request's head does not end with CR LF.",
        },
    ),
    (
        Fault::HeadFieldForbidden,
        Description {
            code: "head_field_forbidden",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request carries a header that the gateway sets itself.",
        },
    ),
    (
        Fault::HeadTooManyLines,
        Description {
            code: "head_too_many_lines",
            public_code: "request_head_too_large",
            blame: Blame::Partner,
            phase: "framing",
            status: 431,
            retryable: false,
            billable: false,
            partner: "The request's head is larger than the gateway accepts.",
        },
    ),
    (
        Fault::ProtocolVersionUnsupported,
        Description {
            code: "protocol_version_unsupported",
            public_code: "protocol_version_unsupported",
            blame: Blame::Partner,
            phase: "framing",
            status: 505,
            retryable: false,
            billable: false,
            partner: "The gateway does not speak this version of HTTP.",
        },
    ),
    (
        Fault::Http2ProtocolError,
        Description {
            code: "http2_protocol_error",
            public_code: "request_malformed",
            blame: Blame::Partner,
            phase: "framing",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The HTTP/2 connection broke the protocol.",
        },
    ),
    (
        Fault::Http2ResetFlood,
        Description {
            code: "http2_reset_flood",
            public_code: "connection_abused",
            blame: Blame::Partner,
            phase: "framing",
            status: 429,
            retryable: false,
            billable: false,
            partner: "The connection cancelled too many requests.",
        },
    ),
    (
        Fault::ClientIdle,
        Description {
            code: "client_idle",
            public_code: "request_timeout",
            blame: Blame::PartnerNetwork,
            phase: "accept",
            status: 408,
            retryable: true,
            billable: false,
            partner: "The connection stayed silent.",
        },
    ),
    (
        Fault::ProxyProtocolInvalid,
        Description {
            code: "proxy_protocol_invalid",
            public_code: "request_malformed",
            blame: Blame::Platform,
            phase: "accept",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The connection could not be accepted.",
        },
    ),
    (
        Fault::TlsHandshakeFailed,
        Description {
            code: "tls_handshake_failed",
            public_code: "tls_failed",
            blame: Blame::Partner,
            phase: "tls",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The TLS handshake failed.",
        },
    ),
    (
        Fault::TlsHandshakeTimeout,
        Description {
            code: "tls_handshake_timeout",
            public_code: "tls_failed",
            blame: Blame::PartnerNetwork,
            phase: "tls",
            status: 408,
            retryable: true,
            billable: false,
            partner: "The TLS handshake took too long.",
        },
    ),
    (
        Fault::TlsHandshakeAborted,
        Description {
            code: "tls_handshake_aborted",
            public_code: "tls_failed",
            blame: Blame::PartnerNetwork,
            phase: "tls",
            status: 400,
            retryable: true,
            billable: false,
            partner: "The connection ended during the TLS handshake.",
        },
    ),
    (
        Fault::TlsVersionUnsupported,
        Description {
            code: "tls_version_unsupported",
            public_code: "tls_failed",
            blame: Blame::Partner,
            phase: "tls",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The client's TLS version is too old.",
        },
    ),
    (
        Fault::TlsParametersUnsupported,
        Description {
            code: "tls_parameters_unsupported",
            public_code: "tls_failed",
            blame: Blame::Partner,
            phase: "tls",
            status: 400,
            retryable: false,
            billable: false,
            partner: "Client and gateway share no TLS parameters.",
        },
    ),
    (
        Fault::TlsServerNameUnknown,
        Description {
            code: "tls_server_name_unknown",
            public_code: "tls_failed",
            blame: Blame::Partner,
            phase: "tls",
            status: 421,
            retryable: false,
            billable: false,
            partner: "The gateway has no certificate for the requested name.",
        },
    ),
    (
        Fault::TlsClientRejectedCertificate,
        Description {
            code: "tls_client_rejected_certificate",
            public_code: "tls_failed",
            blame: Blame::Partner,
            phase: "tls",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The client did not accept the gateway's certificate.",
        },
    ),
    (
        Fault::TlsClientCertificateMissing,
        Description {
            code: "tls_client_certificate_missing",
            public_code: "client_certificate_required",
            blame: Blame::Partner,
            phase: "tls",
            status: 401,
            retryable: false,
            billable: false,
            partner: "This listener needs a client certificate.",
        },
    ),
    (
        Fault::TlsClientCertificateExpired,
        Description {
            code: "tls_client_certificate_expired",
            public_code: "client_certificate_invalid",
            blame: Blame::Partner,
            phase: "tls",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The client certificate is not valid.",
        },
    ),
    (
        Fault::TlsClientCertificateUntrusted,
        Description {
            code: "tls_client_certificate_untrusted",
            public_code: "client_certificate_invalid",
            blame: Blame::Partner,
            phase: "tls",
            status: 401,
            retryable: false,
            billable: false,
            partner: "The client certificate is not valid.",
        },
    ),
    (
        Fault::TlsPlaintext,
        Description {
            code: "tls_plaintext",
            public_code: "tls_failed",
            blame: Blame::Partner,
            phase: "tls",
            status: 400,
            retryable: false,
            billable: false,
            partner: "Plain HTTP was sent where TLS is spoken.",
        },
    ),
    (
        Fault::HostUnknown,
        Description {
            code: "host_unknown",
            public_code: "route_unknown",
            blame: Blame::Partner,
            phase: "route",
            status: 404,
            retryable: false,
            billable: false,
            partner: "There is no such operation.",
        },
    ),
    (
        Fault::QuotaExhausted,
        Description {
            code: "quota_exhausted",
            public_code: "quota_exceeded",
            blame: Blame::Policy,
            phase: "limit",
            status: 429,
            retryable: false,
            billable: false,
            partner: "The allowance of this billing period is used up.",
        },
    ),
    (
        Fault::SpendCapReached,
        Description {
            code: "spend_cap_reached",
            public_code: "quota_exceeded",
            blame: Blame::Policy,
            phase: "limit",
            status: 429,
            retryable: false,
            billable: false,
            partner: "The spending cap of this billing period is reached.",
        },
    ),
    (
        Fault::LeaseUnavailable,
        Description {
            code: "lease_unavailable",
            public_code: "quota_exceeded",
            blame: Blame::Gateway,
            phase: "limit",
            status: 429,
            retryable: true,
            billable: false,
            partner: "The allowance could not be confirmed just now.",
        },
    ),
    (
        Fault::BodyInvalid,
        Description {
            code: "body_invalid",
            public_code: "body_invalid",
            blame: Blame::Partner,
            phase: "transform_request",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request's body is not well-formed.",
        },
    ),
    (
        Fault::BodyTypeUnsupported,
        Description {
            code: "body_type_unsupported",
            public_code: "body_type_unsupported",
            blame: Blame::Partner,
            phase: "transform_request",
            status: 415,
            retryable: false,
            billable: false,
            partner: "The operation does not accept this type or encoding of body.",
        },
    ),
    (
        Fault::FieldsInvalid,
        Description {
            code: "fields_invalid",
            public_code: "fields_invalid",
            blame: Blame::Partner,
            phase: "transform_request",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The selection in `fields` can't be used.",
        },
    ),
    (
        Fault::ContractViolationRequest,
        Description {
            code: "contract_violation_request",
            public_code: "contract_violation",
            blame: Blame::Partner,
            phase: "transform_request",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The request does not fit the operation's contract.",
        },
    ),
    (
        Fault::ContractViolationResponse,
        Description {
            code: "contract_violation_response",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "transform_response",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend's answer does not fit the operation's contract.",
        },
    ),
    (
        Fault::BackendEncodingInvalid,
        Description {
            code: "backend_encoding_invalid",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "transform_response",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend's answer could not be decoded.",
        },
    ),
    (
        Fault::GraphqlInvalid,
        Description {
            code: "graphql_invalid",
            public_code: "graphql_invalid",
            blame: Blame::Partner,
            phase: "transform_request",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The GraphQL document is not valid for this schema.",
        },
    ),
    (
        Fault::GraphqlCostExceeded,
        Description {
            code: "graphql_cost_exceeded",
            public_code: "graphql_cost_exceeded",
            blame: Blame::Policy,
            phase: "limit",
            status: 400,
            retryable: false,
            billable: false,
            partner: "The GraphQL document costs more than one call may.",
        },
    ),
    (
        Fault::GraphqlDocumentUnknown,
        Description {
            code: "graphql_document_unknown",
            public_code: "graphql_document_unknown",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "This GraphQL document is not one of the trusted ones.",
        },
    ),
    (
        Fault::TokenExchangeFailed,
        Description {
            code: "token_exchange_failed",
            public_code: "gateway_unavailable",
            blame: Blame::Gateway,
            phase: "credential",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway could not prepare the call to the backend.",
        },
    ),
    (
        Fault::TokenExchangeTimeout,
        Description {
            code: "token_exchange_timeout",
            public_code: "gateway_unavailable",
            blame: Blame::Backend,
            phase: "credential",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway could not prepare the call to the backend in time.",
        },
    ),
    (
        Fault::KmsUnavailable,
        Description {
            code: "kms_unavailable",
            public_code: "gateway_unavailable",
            blame: Blame::Platform,
            phase: "credential",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway can't serve calls at the moment.",
        },
    ),
    (
        Fault::CircuitOpen,
        Description {
            code: "circuit_open",
            public_code: "backend_unavailable",
            blame: Blame::Backend,
            phase: "forward",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The backend is failing, so it was not called.",
        },
    ),
    (
        Fault::NoHealthyTarget,
        Description {
            code: "no_healthy_target",
            public_code: "backend_unavailable",
            blame: Blame::Backend,
            phase: "forward",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The backend is not available.",
        },
    ),
    (
        Fault::BackendConnectionsExhausted,
        Description {
            code: "backend_connections_exhausted",
            public_code: "backend_unavailable",
            blame: Blame::Gateway,
            phase: "forward",
            status: 503,
            retryable: true,
            billable: false,
            partner: "Too many calls to the backend are under way.",
        },
    ),
    (
        Fault::BackendSendFailed,
        Description {
            code: "backend_send_failed",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "send",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend stopped taking the request.",
        },
    ),
    (
        Fault::BackendSendTimeout,
        Description {
            code: "backend_send_timeout",
            public_code: "backend_timeout",
            blame: Blame::Backend,
            phase: "send",
            status: 504,
            retryable: true,
            billable: false,
            partner: "The backend took the request too slowly.",
        },
    ),
    (
        Fault::BackendHeadTooLarge,
        Description {
            code: "backend_head_too_large",
            public_code: "backend_failed",
            blame: Blame::Backend,
            phase: "wait_headers",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend's answer has too large a head.",
        },
    ),
    (
        Fault::TlsCertificateExpired,
        Description {
            code: "tls_certificate_expired",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsHostnameMismatch,
        Description {
            code: "tls_hostname_mismatch",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsCertificateUntrusted,
        Description {
            code: "tls_certificate_untrusted",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsBackendHandshakeFailed,
        Description {
            code: "tls_backend_handshake_failed",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: true,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsBackendHandshakeTimeout,
        Description {
            code: "tls_backend_handshake_timeout",
            public_code: "backend_unreachable",
            blame: Blame::BackendNetwork,
            phase: "tls_out",
            status: 504,
            retryable: true,
            billable: false,
            partner: "The backend could not be reached in time.",
        },
    ),
    (
        Fault::AccessEnded,
        Description {
            code: "access_ended",
            public_code: "key_invalid_midstream",
            blame: Blame::Policy,
            phase: "respond",
            status: 403,
            retryable: false,
            billable: false,
            partner: "Access ended while the call was under way.",
        },
    ),
    (
        Fault::JournalUnavailable,
        Description {
            code: "journal_unavailable",
            public_code: "gateway_unavailable",
            blame: Blame::Platform,
            phase: "record",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway can't serve calls at the moment.",
        },
    ),
    (
        Fault::ClockUnreliable,
        Description {
            code: "clock_unreliable",
            public_code: "gateway_unavailable",
            blame: Blame::Platform,
            phase: "authenticate",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway can't serve calls at the moment.",
        },
    ),
    (
        Fault::FileDescriptorsExhausted,
        Description {
            code: "file_descriptors_exhausted",
            public_code: "gateway_unavailable",
            blame: Blame::Platform,
            phase: "accept",
            status: 503,
            retryable: true,
            billable: false,
            partner: "The gateway is at its limit.",
        },
    ),
    (
        Fault::TlsCertificateNotYetValid,
        Description {
            code: "tls_certificate_not_yet_valid",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsCertificateSelfSigned,
        Description {
            code: "tls_certificate_self_signed",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsCertificateRevoked,
        Description {
            code: "tls_certificate_revoked",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsCertificatePinMismatch,
        Description {
            code: "tls_certificate_pin_mismatch",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsBackendAlert,
        Description {
            code: "tls_backend_alert",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsBackendParametersUnsupported,
        Description {
            code: "tls_backend_parameters_unsupported",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::TlsBackendPlaintext,
        Description {
            code: "tls_backend_plaintext",
            public_code: "backend_unreachable",
            blame: Blame::Backend,
            phase: "tls_out",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The backend could not be reached.",
        },
    ),
    (
        Fault::KeyCertificateDenied,
        Description {
            code: "key_certificate_denied",
            public_code: "certificate_denied",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The API key may only be used over TLS with the client certificate that it is bound to.",
        },
    ),
    (
        Fault::KeyRouteDenied,
        Description {
            code: "key_route_denied",
            public_code: "scope_missing",
            blame: Blame::Policy,
            phase: "authorize",
            status: 403,
            retryable: false,
            billable: false,
            partner: "The API key does not reach this operation.",
        },
    ),
    (
        Fault::RequestFillFailed,
        Description {
            code: "request_fill_failed",
            public_code: "gateway_error",
            blame: Blame::Gateway,
            phase: "transform_request",
            status: 502,
            retryable: false,
            billable: false,
            partner: "The gateway could not prepare the call to the backend.",
        },
    ),
];
