"""A backend that answers with what the token says that it got, and verifies nothing."""

from __future__ import annotations

import json
from typing import Any

import jwt
from support.loopback import LoopbackServer, QuietHandler


class TellingBackend(LoopbackServer):
    """Answers `{"header", "claims"}` of the token that came; both null where none did."""

    def __init__(self) -> None:
        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                scheme, _, token = self.headers.get("Authorization", "").partition(" ")
                told: dict[str, Any] = {"header": None, "claims": None}
                if scheme == "Bearer":
                    claims = jwt.decode(token, options={"verify_signature": False})
                    told = {"header": jwt.get_unverified_header(token), "claims": claims}
                body = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)
