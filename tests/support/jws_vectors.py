"""Tokens that no verifier may take, by name: our own vectors, after the kinds of Wycheproof's JWS tests and RFC 8725.

Each is either not signed by the issuer's key, or says by the issuer's own hand what must be refused. Built by hand, so that
no library has a say in what comes out.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import get_default_algorithms

Sign = Callable[[bytes], bytes]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
# The orders of P-256 (SEC 2, section 2.4.2) and of Ed25519 (RFC 8032, section 5.1).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@dataclass(frozen=True)
class Issuing:
    """An issuer's key, and claims that a verifier takes. `mine`: a key of the attacker, of the same kind."""

    algorithm: str
    kid: str
    theirs: PrivateKey
    mine: PrivateKey
    claims: Mapping[str, Any]
    elsewhere: str
    """An address of the attacker: its key set holds `mine` under the issuer's kid."""

    def header(self, **changed: Any) -> dict[str, Any]:
        """Give a good header, changed as asked for; None takes a member away."""
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **changed}
        return {name: value for name, value in header.items() if value is not None}

    def by_them(self, header: Mapping[str, Any] | None = None, claims: Any = None) -> str:
        """Sign as the issuer does."""
        return token(header or self.header(), self.claims if claims is None else claims, self.sign(self.theirs))

    def by_me(self, **header: Any) -> str:
        """Sign as somebody does who has another key of the same kind."""
        return token(self.header(**header), self.claims, self.sign(self.mine))

    def sign(self, key: PrivateKey) -> Sign:
        """Give what signs with a key."""
        return lambda text: bytes(get_default_algorithms()[self.algorithm].sign(text, key))

    def jwk(self, key: PrivateKey) -> dict[str, Any]:
        """Give the public half of a key, as it is published."""
        public = get_default_algorithms()[self.algorithm].to_jwk(key.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


def encoded(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    """Undo that."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def raw(header: bytes, claims: bytes, sign: Sign | bytes) -> str:
    """Put a token together of any bytes."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(sign if isinstance(sign, bytes) else sign(text.encode()))}"


def token(header: Mapping[str, Any], claims: Any, sign: Sign | bytes) -> str:
    """Put a token together of JSON."""
    return raw(_json(header), claims if isinstance(claims, bytes) else _json(claims), sign)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def vectors(issuing: Issuing) -> dict[str, str]:
    """Give every token that must be refused, by its name."""
    found = [*_unsigned(issuing), *_confused(issuing), *_kids(issuing), *_own_keys(issuing), *_critical(issuing)]
    found += [*_claims(issuing), *_payloads(issuing), *_tampered(issuing), *_shapes(issuing)]
    found += _SIGNATURES[issuing.algorithm](issuing)
    named = dict(found)
    assert len(named) == len(found), "two vectors have one name"
    return named


def strict_vectors(issuing: Issuing) -> dict[str, str]:
    """Give tokens of the issuer's own hand that RFC 7515 lets a verifier take, and that ours doesn't."""
    head, body, signature = issuing.by_them().split(".")
    claims = json.dumps(dict(issuing.claims))
    twice = {
        "header with a member twice": (f'{{"kid":"other",{json.dumps(issuing.header())[1:]}', claims),
        "claims with a member twice": (json.dumps(issuing.header()), f'{{"sub":"admin",{claims[1:]}'),
        "claims with a member of a member twice": (json.dumps(issuing.header()), f'{{"x":{{"a":1,"a":2}},{claims[1:]}'),
    }
    return {
        **{name: raw(one.encode(), two.encode(), issuing.sign(issuing.theirs)) for name, (one, two) in twice.items()},
        "signature with padding": f"{head}.{body}.{signature}{'=' * (-len(signature) % 4) or '===='}",
        "header with padding": f"{head}=.{body}.{signature}",
        "claims of 20 kB": issuing.by_them(claims={**issuing.claims, "x": "x" * 20_000}),
        "another type": issuing.by_them(issuing.header(typ="secevent+jwt")),
    }


def _unsigned(issuing: Issuing) -> Iterator[tuple[str, str]]:
    signature = decoded(issuing.by_them().split(".")[2])
    for alg in ("none", "None", "NONE", "nOnE", "none ", "", "null", "HS0"):
        yield f"alg {alg!r}, no signature", token(issuing.header(alg=alg), issuing.claims, b"")
        yield f"alg {alg!r}, another token's signature", token(issuing.header(alg=alg), issuing.claims, signature)
    yield "no alg", token(issuing.header(alg=None), issuing.claims, b"")
    for odd in (["none"], [issuing.algorithm], {"alg": issuing.algorithm}, 0, True):
        yield f"alg as {json.dumps(odd)}", token(issuing.header(alg=odd), issuing.claims, b"")
    yield "alg in other letters", issuing.by_them(issuing.header(alg=issuing.algorithm.swapcase()))


def _confused(issuing: Issuing) -> Iterator[tuple[str, str]]:
    public = issuing.theirs.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = issuing.jwk(issuing.theirs)
    secrets = {
        "the PEM": pem,
        "the PEM without its last newline": pem.rstrip(b"\n"),
        "the DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "the JWK": _json(jwk),
        "the key's number": decoded(jwk.get("x") or jwk["n"]),
        "the kid": issuing.kid.encode(),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        for bits in (256, 384, 512):
            header = issuing.header(alg=f"HS{bits}")
            yield f"HS{bits} with {name}", token(header, issuing.claims, _hmac(secret, bits))
    for alg in {"ES256", "ES384", "ES512", "EdDSA", "RS256", "RS512", "PS256"} - {issuing.algorithm}:
        yield f"{alg} in the header, the issuer's signature", issuing.by_them(issuing.header(alg=alg))
        yield f"{alg} in the header, somebody else's signature", issuing.by_me(alg=alg)
    for other in {"ES256", "EdDSA", "RS256"} - {issuing.algorithm}:
        yield f"a key of {other} of somebody else", token(issuing.header(alg=other), issuing.claims, _stranger(other))


def _hmac(secret: bytes, bits: int) -> Sign:
    return lambda text: hmac.digest(secret, text, f"sha{bits}")


def _stranger(algorithm: str) -> Sign:
    key: PrivateKey
    if algorithm == "RS256":
        key = rsa.generate_private_key(65537, 2048)
    elif algorithm == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return lambda text: bytes(get_default_algorithms()[algorithm].sign(text, key))


def _kids(issuing: Issuing) -> Iterator[tuple[str, str]]:
    names = {
        "a path": "../../../../../../dev/null",
        "an absolute path": "/dev/null",
        "a file's URL": "file:///dev/null",
        "SQL": "' UNION SELECT 'secret' -- ",
        "a command": "$(id)|id",
        "unknown": "never",
        "empty": "",
        "the right one with a blank": f"{issuing.kid} ",
        "the right one with NUL": f"{issuing.kid}\x00",
        "long": "k" * 5_000,
        "a number": 1,
        "true": True,
        "a list": [issuing.kid],
        "an object": {"kid": issuing.kid},
    }
    for name, kid in names.items():
        yield f"kid: {name}", issuing.by_me(kid=kid)
        header = issuing.header(alg="HS256", kid=kid)
        yield f"kid: {name}, HS256 with nothing", token(header, issuing.claims, _hmac(b"", 256))
    yield "kid: missing", issuing.by_me(kid=None)
    yield "kid: null", raw(json.dumps({**issuing.header(), "kid": None}).encode(), _json(issuing.claims), b"x" * 64)
    yield "somebody else's key", issuing.by_me()


def _own_keys(issuing: Issuing) -> Iterator[tuple[str, str]]:
    own = issuing.jwk(issuing.mine)
    for name, kid in (("", issuing.kid), (", unknown kid", "mine")):
        yield f"jwk{name}", issuing.by_me(kid=kid, jwk={**own, "kid": kid})
        yield f"jku{name}", issuing.by_me(kid=kid, jku=f"{issuing.elsewhere}/jwks.json")
        yield f"x5u{name}", issuing.by_me(kid=kid, x5u=f"{issuing.elsewhere}/chain.pem")
        yield f"x5c{name}", issuing.by_me(kid=kid, x5c=[_certificate(issuing.mine)])
    yield "jwk, no kid", issuing.by_me(kid=None, jwk=own)
    yield "kid: a URL", issuing.by_me(kid=f"{issuing.elsewhere}/jwks.json")
    secret = {"kty": "oct", "k": encoded(b"mine"), "kid": issuing.kid, "alg": "HS256"}
    header = issuing.header(alg="HS256", jwk=secret)
    yield "jwk of a secret", token(header, issuing.claims, _hmac(b"mine", 256))


def _certificate(key: PrivateKey) -> str:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    made = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def _critical(issuing: Issuing) -> Iterator[tuple[str, str]]:
    """RFC 7515, section 4.1.11; RFC 7797: the issuer's own hand, and still refused."""
    yield "crit: unknown", issuing.by_them(issuing.header(crit=["x"], x=True))
    yield "crit: of a claim", issuing.by_them(issuing.header(crit=["exp"]))
    yield "crit: empty", issuing.by_them(issuing.header(crit=[]))
    yield "crit: a text", issuing.by_them(issuing.header(crit="exp"))
    yield "b64 false", issuing.by_them(issuing.header(b64=False, crit=["b64"]))
    yield "b64 false, not critical", issuing.by_them(issuing.header(b64=False))
    head = encoded(_json(issuing.header(b64=False, crit=["b64"])))
    plain = f"{head}.{_json(issuing.claims).decode()}"
    signature = encoded(issuing.sign(issuing.theirs)(plain.encode()))
    yield "b64 false, as it is", f"{plain}.{signature}"
    yield "b64 false, detached", f"{head}..{signature}"
    packed = zlib.compress(_json(issuing.claims))
    yield "zip", issuing.by_them(issuing.header(zip="DEF"), packed)


def _claims(issuing: Issuing) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    wrong: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 60},
        "expired long ago": {"exp": 0},
        "expiry before time": {"exp": -1},
        "expiry as a text": {"exp": "tomorrow"},
        "expiry as a list": {"exp": [now + 60]},
        "expiry without end": {"exp": float("inf")},
        "expiry that is no number": {"exp": float("nan")},
        "no expiry": {"exp": None},
        "not yet": {"nbf": now + 600},
        "not before a text": {"nbf": "yesterday"},
        "issued in the future": {"iat": now + 600},
        "wrong issuer": {"iss": "https://other.example"},
        "the issuer with a slash": {"iss": f"{issuing.claims['iss']}/"},
        "the issuer in capitals": {"iss": issuing.claims["iss"].upper()},
        "the issuer in a list": {"iss": [issuing.claims["iss"]]},
        "no issuer": {"iss": None},
        "wrong audience": {"aud": "other-api"},
        "other audiences": {"aud": ["a", "b"]},
        "no audience in a list": {"aud": []},
        "the audience and a bit": {"aud": f"{issuing.claims['aud']}x"},
        "audience as an object": {"aud": {issuing.claims["aud"]: True}},
        "no audience": {"aud": None},
        "no subject": {"sub": None},
        "a number as subject": {"sub": 7},
    }
    for name, changed in wrong.items():
        claims = {one: value for one, value in {**issuing.claims, **changed}.items() if value is not None}
        yield f"claims: {name}", issuing.by_them(claims=claims)


def _payloads(issuing: Issuing) -> Iterator[tuple[str, str]]:
    payloads = {
        "a list": b"[]",
        "a text": b'"x"',
        "null": b"null",
        "nothing": b"",
        "no JSON": b"{",
        "no UTF-8": b"\xff",
    }
    for name, payload in payloads.items():
        yield f"payload: {name}", issuing.by_them(claims=payload)


def _tampered(issuing: Issuing) -> Iterator[tuple[str, str]]:
    head, body, signature = issuing.by_them().split(".")
    bits = decoded(signature)
    other = encoded(_json({**issuing.claims, "sub": "admin"}))
    yield "other claims", f"{head}.{other}.{signature}"
    yield "other header", f"{encoded(_json(issuing.header(x=1)))}.{body}.{signature}"
    yield "another header before it", f"{encoded(_json(issuing.header(alg='none')))}.{body}.{signature}"
    none = f'{{"alg":"none",{json.dumps(issuing.header())[1:]}'.encode()
    yield "alg twice, none first", raw(none, _json(issuing.claims), b"")
    last = f'{json.dumps(issuing.header())[:-1]},"alg":"none"}}'.encode()
    yield "alg twice, none last", raw(last, _json(issuing.claims), b"")
    changes = {
        "left out": b"",
        "of nought": bytes(len(bits)),
        "of ones": b"\xff" * len(bits),
        "cut": bits[:-1],
        "cut to a half": bits[: len(bits) // 2],
        "of one byte": b"\x00",
        "longer": bits + b"\x00",
        "with nought before": b"\x00" + bits,
        "twice": bits + bits,
        "backwards": bits[::-1],
        "first bit": bytes([bits[0] ^ 0x80]) + bits[1:],
        "last bit": bits[:-1] + bytes([bits[-1] ^ 1]),
    }
    for name, changed in changes.items():
        yield f"signature {name}", f"{head}.{body}.{encoded(changed)}"


def _shapes(issuing: Issuing) -> Iterator[tuple[str, str]]:
    whole = issuing.by_them()
    head, body, signature = whole.split(".")
    flattened = _json({"protected": head, "payload": body, "signature": signature}).decode()
    shapes = {
        "one part": head,
        "two parts": f"{head}.{body}",
        "four parts": f"{whole}.x",
        "five parts": f"{whole}.x.x",
        "a dot before": f".{whole}",
        "a dot behind": f"{whole}.",
        "only dots": "..",
        "as JSON": flattened,
        "no base64": f"!{head[1:]}.{body}.{signature}",
        "junk in the signature": f"{head}.{body}.{signature[:8]}!{signature[8:]}",
        "the other alphabet": f"{head}.{body}.+/{signature[2:]}",
        "no JSON": "aaaa.bbbb.cccc",
        "long": "a" * 20_000,
        "long, in three parts": f"{head}.{'a' * 20_000}.{signature}",
        "header: deep": raw(b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", _json(issuing.claims), b"x" * 64),
        "header: a list": raw(b"[]", _json(issuing.claims), b"x" * 64),
        "header: empty": raw(b"{}", _json(issuing.claims), b"x" * 64),
    }
    yield from shapes.items()


def _of_es256(issuing: Issuing) -> Iterator[tuple[str, str]]:
    head, body, signature = issuing.by_them().split(".")
    bits = decoded(signature)
    r, s = int.from_bytes(bits[:32], "big"), int.from_bytes(bits[32:], "big")
    pairs = {
        "r = 0": (0, s),
        "s = 0": (r, 0),
        "r = s = 1": (1, 1),
        "r = n": (P256_ORDER, s),
        "s = n": (r, P256_ORDER),
        "r = n, s = 0": (P256_ORDER, 0),
        "r and s changed over": (s, r),
        "r + 1": (r + 1, s),
    }
    for name, (one, two) in pairs.items():
        yield f"ES256: {name}", f"{head}.{body}.{encoded(one.to_bytes(32, 'big') + two.to_bytes(32, 'big'))}"
    yield "ES256: in DER", f"{head}.{body}.{encoded(encode_dss_signature(r, s))}"
    assert isinstance(issuing.theirs, ec.EllipticCurvePrivateKey)
    wide = issuing.theirs.sign(f"{head}.{body}".encode(), ec.ECDSA(SHA512()))
    numbers = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(wide))
    yield "ES256: with another hash", f"{head}.{body}.{encoded(numbers)}"


def _of_eddsa(issuing: Issuing) -> Iterator[tuple[str, str]]:
    head, body, signature = issuing.by_them().split(".")
    bits = decoded(signature)
    beyond = int.from_bytes(bits[32:], "little") + ED25519_ORDER
    changes = {
        "63 bytes": bits[:63],
        "65 bytes": bits + b"\x00",
        "32 bytes": bits[:32],
        "114 bytes, as Ed448": bits + bytes(50),
        "s beyond the order": bits[:32] + beyond.to_bytes(32, "little"),
        "the point of nought": b"\x01" + bytes(63),
    }
    for name, changed in changes.items():
        yield f"EdDSA: {name}", f"{head}.{body}.{encoded(changed)}"


def _of_rs256(issuing: Issuing) -> Iterator[tuple[str, str]]:
    assert isinstance(issuing.theirs, rsa.RSAPrivateKey)
    head, body, signature = issuing.by_them().split(".")
    text, bits = f"{head}.{body}".encode(), decoded(signature)
    modulus = issuing.theirs.public_key().public_numbers().n
    changes = {
        "one": (1).to_bytes(256, "big"),
        "plus the modulus": (int.from_bytes(bits, "big") + modulus).to_bytes(257, "big"),
        "PSS": issuing.theirs.sign(text, padding.PSS(padding.MGF1(SHA256()), 32), SHA256()),
        "SHA-1": issuing.theirs.sign(text, padding.PKCS1v15(), SHA1()),  # noqa: S303 - it must be refused
        "SHA-512": issuing.theirs.sign(text, padding.PKCS1v15(), SHA512()),
    }
    for name, changed in changes.items():
        yield f"RS256: {name}", f"{head}.{body}.{encoded(changed)}"


_SIGNATURES = {"ES256": _of_es256, "EdDSA": _of_eddsa, "RS256": _of_rs256}
