"""A small backend behind JWT: a list of parcels. It stands for a backend of your own; docs/your-backend.md walks through it.

    python server.py --port 8090 --issuer http://127.0.0.1:8081 --audience parcels

It knows three things about who signs its tokens: issuer, audience, and where the issuer's keys are.
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

PARCELS = {
    "1": {"id": "1", "weight_grams": 1200, "state": "on its way", "warehouse_note": "shelf 7"},
    "2": {"id": "2", "weight_grams": 310, "state": "delivered", "warehouse_note": "signed by the neighbour"},
}
PARCEL = {
    "type": "object",
    "required": ["id", "weight_grams", "state", "warehouse_note"],
    "properties": {
        "id": {"type": "string"},
        "weight_grams": {"type": "integer"},
        "state": {"type": "string"},
        "warehouse_note": {"type": "string"},
    },
}
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "Parcels", "version": "1"},
    "paths": {
        "/parcels": {
            "get": {"operationId": "list_parcels", "tags": ["parcels"], "responses": {"200": {"description": "All."}}}
        },
        "/parcels/{id}": {
            "get": {
                "operationId": "show_parcel",
                "tags": ["parcels"],
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"description": "One.", "content": {"application/json": {"schema": PARCEL}}},
                    "404": {"description": "No such parcel."},
                },
            }
        },
    },
}


class Parcels(BaseHTTPRequestHandler):
    """Answers with JSON; everything but the description of the API wants a token."""

    protocol_version = "HTTP/1.1"
    trusted_keys: jwt.PyJWKClient
    issuer: str
    audience: str

    def do_GET(self):
        if self.path == "/openapi.json":
            return self.answer(200, OPENAPI)
        refusal = self.refusal()
        if refusal:
            return self.answer(401, {"detail": refusal})
        if self.path == "/parcels":
            return self.answer(200, {"results": list(PARCELS.values())})
        parcel = PARCELS.get(self.path.removeprefix("/parcels/"))
        return self.answer(200, parcel) if parcel else self.answer(404, {"detail": "no such parcel"})

    def refusal(self):
        """Say why the caller is refused; None: the token is good."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return "a bearer token is needed"
        try:
            key = self.trusted_keys.get_signing_key_from_jwt(token)
            required = {"require": ["iss", "aud", "sub", "exp"]}
            jwt.decode(token, key, ["ES256"], required, issuer=self.issuer, audience=self.audience)
        except jwt.PyJWTError as problem:
            return str(problem)
        return None

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing: the gateway keeps the records."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--issuer", default="http://127.0.0.1:8081")
    parser.add_argument("--audience", default="parcels")
    options = parser.parse_args()
    Parcels.issuer, Parcels.audience = options.issuer, options.audience
    Parcels.trusted_keys = jwt.PyJWKClient(f"{options.issuer}/.well-known/jwks.json")
    ThreadingHTTPServer(("127.0.0.1", options.port), Parcels).serve_forever()


if __name__ == "__main__":
    main()
