"""What django-ninja's OpenAPI document does not say by itself: the errors, and of what kind they are."""

from __future__ import annotations

from typing import Any

from gallery.core.problems import PLAIN_PROBLEMS, PROBLEM_TYPE

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` stays as it is; `detail` is for people, in the asked language.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}
ERRORS = (400, 401, 403, 404, 422, 429, 500, 503)
ERRORS_OF_BODIES = (408, 409, 413, 507)


def complete_document(document: Any) -> Any:
    document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for calls in document["paths"].values():
        for method, call in calls.items():
            statuses = ERRORS if method == "get" else (*ERRORS, *ERRORS_OF_BODIES)
            call["responses"] |= {status: _describe_error(status) for status in statuses}
    return document


def _describe_error(status: int) -> dict[str, Any]:
    code, sentence = PLAIN_PROBLEMS[status]
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    content["example"] = {
        "type": "about:blank",
        "title": "",
        "status": status,
        "code": code,
        "detail": str(sentence),
    }
    return {"description": str(sentence), "content": {PROBLEM_TYPE: content}}


def describe_face_search() -> dict[str, Any]:
    """For `openapi_extra` of a call that takes a face's number as JSON, or a file."""
    face = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
    file = {"type": "string", "format": "binary"}
    content = {
        kind: {"schema": {"type": "object", "required": [name], "properties": {name: schema}}}
        for kind, name, schema in (("application/json", "face", face), ("multipart/form-data", "file", file))
    }
    return {"requestBody": {"required": True, "content": content}}


def describe_file(media_type: str) -> dict[str, Any]:
    """For `openapi_extra` of a call that answers with a file, and with 304 to whoever has it already."""
    schema = {"type": "string", "format": "binary"}
    return {
        "parameters": [
            {"in": "header", "name": "If-None-Match", "schema": {"type": "string"}, "required": False}
        ],
        "responses": {
            200: {
                "content": {media_type: {"schema": schema}},
                "headers": {"ETag": {"schema": {"type": "string"}}},
            },
            304: {"description": "Not changed since"},
        },
    }
