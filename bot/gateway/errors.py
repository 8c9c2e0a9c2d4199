"""Errors of the API, as the client sees them."""

from __future__ import annotations

import math


class ApiError(Exception):
    """Something the client can act on: a status, a code for programs and a sentence for people."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @classmethod
    def session_expired(cls) -> ApiError:
        """The token is unknown, expired or erased."""
        return cls(401, "session_expired", "This conversation has ended. Open a new one.")

    @classmethod
    def rate_limited(cls, wait: float) -> ApiError:
        """Too many requests; `wait` is in seconds."""
        seconds = str(math.ceil(wait))
        message = f"That was a lot at once. Please wait {seconds} seconds and try again."
        return cls(429, "rate_limited", message, {"Retry-After": seconds})
