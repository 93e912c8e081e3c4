//! Where backends are, and how TLS to them is verified.

use crate::forward::Http2;
use crate::snapshot::wire::BackendTlsBody;
use crate::snapshot::{BackendTls, Place, Target};
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use std::fmt::Write as _;
use std::sync::Arc;

const CERTIFICATE: &str = "CERTIFICATE";
const REVOCATION_LIST: &str = "X509 CRL";

/// The rules, and how the public authorities alone would be written.
pub(super) fn backend_tls(body: Option<&BackendTlsBody>) -> Result<Arc<BackendTls>, (&'static str, String)> {
    let of_nothing = BackendTlsBody::default();
    let body = body.unwrap_or(&of_nothing);
    let blocks = |text: Option<&String>, label, member| {
        text.map_or(Ok(Vec::new()), |text| pem(text, label)).map_err(|why| (member, why))
    };
    if let Some(name) = &body.server_name
        && (name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte)))
    {
        return Err(("tls.server_name", format!("{name:?} is no name that a certificate can be for")));
    }
    let pins = body.pins_sha256.iter().map(|text| pin(text)).collect::<Result<_, _>>();
    Ok(Arc::new(BackendTls {
        authorities: blocks(body.ca.as_ref(), CERTIFICATE, "tls.ca")?,
        revocation_lists: blocks(body.crl.as_ref(), REVOCATION_LIST, "tls.crl")?,
        pins: pins.map_err(|why| ("tls.pins_sha256", why))?,
        server_name: body.server_name.clone(),
        identity: identity(body),
    }))
}

fn pin(text: &str) -> Result<[u8; 32], String> {
    let refuse = || format!("{text:?} is no SHA-256 of a public key in Base64");
    STANDARD.decode(text).map_err(|_| refuse())?.try_into().map_err(|_| refuse())
}

/// The same content has the same identity, in whatever resource it stands.
fn identity(body: &BackendTlsBody) -> String {
    let mut context = Context::new(&SHA256);
    let mut add = |part: &str| {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    };
    for part in [&body.ca, &body.server_name, &body.crl] {
        add(if part.is_some() { "some" } else { "none" });
        add(part.as_deref().unwrap_or_default());
    }
    body.pins_sha256.iter().for_each(|one| add(one));
    context.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bodies of PEM blocks with this label (RFC 7468), at least one. What stands between blocks is explanation.
fn pem(text: &str, label: &str) -> Result<Vec<Vec<u8>>, String> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(&begin) {
        let after = &rest[start + begin.len()..];
        let length = after.find(&end).ok_or_else(|| format!("a {label} block has no end"))?;
        let body: String = after[..length].split_ascii_whitespace().collect();
        blocks.push(STANDARD.decode(body).map_err(|_| format!("a {label} block is not Base64"))?);
        rest = &after[length + end.len()..];
    }
    if blocks.is_empty() { Err(format!("it holds no {label} in PEM form")) } else { Ok(blocks) }
}

/// `http://host[:port]`, `https://host[:port]` or `unix:/absolute/path`. Whether it speaks HTTP/2, how long its
/// connections are kept and its addresses believed is for the caller to say.
pub(super) fn target(text: &str, tls: &Arc<BackendTls>) -> Result<Target, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix_target(text, path);
    }
    let (secure, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(format!("{text:?} does not begin with http://, https:// or unix:/")),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let usual = if secure { "443" } else { "80" };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, usual),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let number = port.parse().ok().filter(|_| !host.is_empty() && host.bytes().all(is_plain));
    let Some(number) = number else {
        return Err(format!("{text:?} is not http://host:port or https://host:port"));
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let place = Place::Tcp(bare.to_owned(), number);
    let address = format!("{host}:{port}");
    // Some servers know themselves without the usual port only.
    let named = if secure && port == usual { host } else { &address };
    let header = HeaderValue::from_str(named).map_err(|_| format!("{named:?} can't stand in a Host header"))?;
    Ok(Target {
        place,
        url: text.to_owned(),
        host: header,
        key: if secure { format!("{address} {}", tls.identity) } else { address.clone() },
        address,
        tls: secure.then(|| Arc::clone(tls)),
        http2: Http2::Off,
        idle_ms: 0,
        name_seconds: 0,
        state: Arc::default(),
    })
}

/// Longest path that fits into an address (Linux: 108 bytes with the closing NUL).
const MOST_PATH_BYTES: usize = 107;

/// A server on this host. There is no name to verify, so there is no TLS.
fn unix_target(text: &str, path: &str) -> Result<Target, String> {
    if !path.starts_with('/') || path.len() > MOST_PATH_BYTES || path.contains('\0') {
        return Err(format!("{text:?} is not unix:/absolute/path of at most {MOST_PATH_BYTES} bytes"));
    }
    Ok(Target {
        place: Place::Unix(path.into()),
        url: text.to_owned(),
        host: HeaderValue::from_static("localhost"),
        key: text.to_owned(),
        address: text.to_owned(),
        tls: None,
        http2: Http2::Off,
        idle_ms: 0,
        name_seconds: 0,
        state: Arc::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(change: impl FnOnce(&mut BackendTlsBody)) -> BackendTlsBody {
        let mut body = BackendTlsBody::default();
        change(&mut body);
        body
    }

    fn rules(change: impl FnOnce(&mut BackendTlsBody)) -> Result<Arc<BackendTls>, (&'static str, String)> {
        backend_tls(Some(&body(change)))
    }

    #[test]
    fn a_target_says_where_how_and_under_what_name_its_connections_are_kept() {
        let public = backend_tls(None).unwrap();
        let own = rules(|body| body.server_name = Some("inner.example".to_owned())).unwrap();
        let plain = target("http://10.0.0.1:8000", &public).unwrap();
        assert_eq!(
            (plain.address.as_str(), plain.url.as_str(), plain.host.as_bytes(), plain.tls.is_none()),
            ("10.0.0.1:8000", "http://10.0.0.1:8000", &b"10.0.0.1:8000"[..], true)
        );
        let usual = target("https://api.example/", &public).unwrap();
        assert_eq!((usual.address.as_str(), usual.host.as_bytes()), ("api.example:443", &b"api.example"[..]));
        let sixth = target("https://[2001:db8::1]:8443", &public).unwrap();
        assert_eq!(
            (sixth.host.as_bytes(), sixth.place),
            (&b"[2001:db8::1]:8443"[..], Place::Tcp("2001:db8::1".to_owned(), 8443))
        );
        let unix = target("unix:/run/app/web.sock", &public).unwrap();
        assert_eq!(
            (unix.place, unix.host.as_bytes(), unix.url.as_str(), unix.tls.is_none()),
            (Place::Unix("/run/app/web.sock".into()), &b"localhost"[..], "unix:/run/app/web.sock", true)
        );
        assert_ne!(usual.key, target("https://api.example", &own).unwrap().key);
        assert_ne!(usual.key, target("http://api.example:443", &public).unwrap().key);
        assert_eq!(usual.key, target("https://api.example", &rules(|_| ()).unwrap()).unwrap().key);
        for text in [
            "ftp://a",
            "https://",
            "https://a b",
            "https://user@a",
            "https://a/path",
            "https://a:99999",
            "unix:run",
            "unix:/\0",
        ] {
            assert!(target(text, &public).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_list_pin_or_name_is_refused_with_its_member() {
        let member = |change: fn(&mut BackendTlsBody)| rules(change).err().map(|(member, _)| member);
        assert_eq!(member(|body| body.ca = Some("none".to_owned())), Some("tls.ca"));
        assert_eq!(member(|body| body.ca = Some("-----BEGIN CERTIFICATE-----\nAA".to_owned())), Some("tls.ca"));
        assert_eq!(
            member(|body| body.crl = Some("-----BEGIN X509 CRL-----\n*\n-----END X509 CRL-----".to_owned())),
            Some("tls.crl")
        );
        assert_eq!(member(|body| body.pins_sha256 = vec!["AAAA".to_owned()]), Some("tls.pins_sha256"));
        assert_eq!(member(|body| body.server_name = Some("a b".to_owned())), Some("tls.server_name"));
        let two = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\nand\n-----BEGIN CERTIFICATE-----\nAwQF\n-----END CERTIFICATE-----\n";
        assert_eq!(rules(|body| body.ca = Some(two.to_owned())).unwrap().authorities, [[0, 1, 2], [3, 4, 5]]);
    }
}
