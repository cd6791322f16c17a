"""Every error of the service: one tree, one sentence each, one status table."""

from __future__ import annotations

from typing import ClassVar

STATUS = {
    "malformed_http": 400,
    "content_filter": 400,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "superseded": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "misdirected_request": 421,
    "invalid_request": 422,
    "overloaded": 429,
    "head_too_large": 431,
    "internal_error": 500,
    "engine_failed": 500,
    "not_ready": 503,
    "deadline_exceeded": 504,
}

OPENAI_STATUS = STATUS | {"invalid_request": 400}
"""Under /v1, where OpenAI's clients look for 400."""


class ServiceError(Exception):
    """An answer that is not the one asked for.

    The message never repeats what the client sent, but for words of a constraint that cannot be honoured.
    """

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of this error, except under /v1."""
        return STATUS[self.code]

    @property
    def openai_status(self) -> int:
        """The HTTP status of this error under /v1."""
        return OPENAI_STATUS[self.code]


class ContentFilterError(ServiceError):
    """The guard rejected the prompt."""

    code = "content_filter"

    def __init__(self, message: str = "the prompt was rejected by the content filter") -> None:
        super().__init__(message)


class UnauthorizedError(ServiceError):
    """API keys are configured and the request carries none of them."""

    code = "unauthorized"

    def __init__(self, message: str = "a valid API key is required: Authorization: Bearer KEY") -> None:
        super().__init__(message)


class NotFoundError(ServiceError):
    """No such route, or no such model."""

    code = "not_found"


class MethodNotAllowedError(ServiceError):
    """The route exists, but not for this method."""

    code = "method_not_allowed"


class RequestTimeoutError(ServiceError):
    """The body took longer to arrive than the server waits."""

    code = "request_timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the body took longer than {seconds:g} seconds")


class SupersededError(ServiceError):
    """A newer request of the same session came before this one was answered."""

    code = "superseded"

    def __init__(self, message: str = "a newer request of the same session came") -> None:
        super().__init__(message)


class BodyTooLargeError(ServiceError):
    """The body is larger than the server accepts."""

    code = "body_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(f"the body is larger than {most} bytes")


class UnsupportedMediaTypeError(ServiceError):
    """The body is compressed."""

    code = "unsupported_media_type"

    def __init__(self, message: str = "a body must not be compressed") -> None:
        super().__init__(message)


class MisdirectedRequestError(ServiceError):
    """The request is for a host that is not this service."""

    code = "misdirected_request"

    def __init__(
        self,
        message: str = "this is not the host that was asked for; AUTOCOMPLETE_ALLOWED_HOSTS names others",
    ) -> None:
        super().__init__(message)


class InvalidRequestError(ServiceError):
    """The request cannot be honoured as written.

    Attributes:
        field: Dotted path of the field at fault; None for the body as a whole.
        reason: What is wrong with it, without the value.
    """

    code = "invalid_request"

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class RetryableError(ServiceError):
    """The same request may succeed later.

    Attributes:
        retry_after: Seconds after which a retry is worth it.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OverloadedError(RetryableError):
    """The queue is full."""

    code = "overloaded"

    def __init__(self, message: str = "the queue is full", retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after)


class NotReadyError(RetryableError):
    """The model is loading, the server is draining, or the engine is dead and not yet back."""

    code = "not_ready"

    def __init__(self, message: str = "the model is not ready", retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after)


class EndingError(NotReadyError):
    """The server ends, and its grace period is over before this request is."""

    def __init__(self, message: str = "the server is ending", retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after)


class DeadlineExceededError(ServiceError):
    """The deadline passed before anything was generated."""

    code = "deadline_exceeded"

    def __init__(self, message: str = "the deadline passed before a completion was ready") -> None:
        super().__init__(message)


class EngineFailedError(ServiceError):
    """One generation failed inside the engine; the next one works."""

    code = "engine_failed"

    def __init__(self, message: str = "the engine failed on this request") -> None:
        super().__init__(message)


class GrammarFailedError(EngineFailedError):
    """One generation failed because its grammar cannot be followed; the message says why."""


class InternalError(ServiceError):
    """A fault of the service itself."""

    code = "internal_error"

    def __init__(self, message: str = "an internal error; the log knows more under the request id") -> None:
        super().__init__(message)


class ModelRefusedError(Exception):
    """The model file cannot be served; ends start-up with its one line. Not an HTTP error."""
