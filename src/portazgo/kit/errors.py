"""The one tree of errors that reach a caller; problem+json (RFC 9457) is made of them at the edge only.

Each class is a kind of answer (`category`, HTTP status); each raise names its own stable `code`. What a caller may know
is in `title`, `detail` and `remedy`; what only the operator may know goes to the log beside it.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict


class FieldError(TypedDict):
    """What is wrong with one member of a payload; `pointer` is a JSON pointer (RFC 6901), "" for the whole."""

    pointer: str
    message: str


class Problem(Exception):
    """What went wrong, in words for the caller.

    `code` is stable and for programs, `title` says what the code means, `detail` what happened here, `remedy` what to do.
    `members` are further members of the problem document.
    """

    status: ClassVar[int] = 500
    category: ClassVar[str] = "internal"
    default_code: ClassVar[str] = "internal_error"
    default_title: ClassVar[str] = "Something failed on our side"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        title: str | None = None,
        remedy: str | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.title = title or self.default_title
        self.remedy = remedy
        self.members = members

    def document(self, instance: str | None = None) -> dict[str, Any]:
        """Give the members of the problem document; `instance` is the id of the request."""
        document: dict[str, Any] = {
            "type": f"urn:portazgo:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "category": self.category,
        }
        if self.remedy:
            document["remedy"] = self.remedy
        if instance:
            document["instance"] = instance
        return document | self.members


class NotFound(Problem):
    """There is no such thing, or the caller may not know of it."""

    status = 404
    category = "not_found"
    default_code = "not_found"
    default_title = "There is no such thing"


class Conflict(Problem):
    """The payload is fine, the state of things is against it."""

    status = 409
    category = "conflict"
    default_code = "conflict"
    default_title = "It conflicts with what is there"


class Refused(Problem):
    """A guard stands before it: it would expose, destroy or break something, and wants to be told that this is meant."""

    status = 409
    category = "refused"
    default_code = "refused"
    default_title = "A guard refused it"


class Invalid(Problem):
    """The payload is wrong; `errors` names every place, not the first only."""

    status = 422
    category = "invalid"
    default_code = "invalid"
    default_title = "The request is not valid"

    def __init__(
        self, detail: str, errors: list[FieldError] | None = None, *, code: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(detail, code=code, remedy=remedy, errors=errors or [])
        self.errors = errors or []

    @classmethod
    def at(cls, pointer: str, message: str, *, code: str | None = None) -> Invalid:
        """Make the error of one place."""
        return cls(message, [{"pointer": pointer, "message": message}], code=code)


class TooLarge(Problem):
    """The payload is larger than what is read."""

    status = 413
    category = "invalid"
    default_code = "body_too_large"
    default_title = "The body is too large"


class WrongType(Problem):
    """The payload is of a type that is not read here."""

    status = 415
    category = "invalid"
    default_code = "body_type_unsupported"
    default_title = "The body is of a type that is not read here"


class Unauthenticated(Problem):
    """We don't know who is calling."""

    status = 401
    category = "unauthenticated"
    default_code = "unauthenticated"
    default_title = "We don't know who you are"


class Forbidden(Problem):
    """We know who is calling, and they may not."""

    status = 403
    category = "forbidden"
    default_code = "forbidden"
    default_title = "You may not do that"


class Gone(Problem):
    """It was there once and can't be given any more."""

    status = 410
    category = "gone"
    default_code = "gone"
    default_title = "It is gone"


class TooMany(Problem):
    """More was asked for than is done in a time; the same call succeeds later."""

    status = 429
    category = "too_many"
    default_code = "too_many"
    default_title = "Too much at once"


class Unavailable(Problem):
    """Something we need is away; the same call may succeed later."""

    status = 503
    category = "unavailable"
    default_code = "unavailable"
    default_title = "Not now"


class StartRefused(Exception):
    """A role can't start here: a sentence and what to do. For the person at the terminal, never for HTTP."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence}; {remedy}")
        self.sentence = sentence
        self.remedy = remedy
