"""What a small backend says of itself."""

from __future__ import annotations

from typing import Any

SMALL_DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/api/things/{id}/": {
            "get": {
                "operationId": "showThing",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "The thing.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id", "name", "secret"],
                "properties": {
                    "id": {"type": "integer"},
                    "name": {"type": "string"},
                    "secret": {"type": "string"},
                    "weight": {"type": "number"},
                },
            }
        }
    },
}
"""What a backend says of itself: one operation, an object of four members."""
