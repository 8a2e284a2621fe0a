"""A refused request, in the form that its sender gets (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from ..errors import ComfyflowError
from .served_workflow import ParameterProblem

MEDIA_TYPE: Final = "application/problem+json"


class Refusal(ComfyflowError):
    """A request that is refused.

    Args:
        status: The HTTP status.
        code: A code for programs.
        detail: What is wrong, and what to do.
        problems: The problems of each parameter.
        retry: After how many seconds to try again.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        problems: Sequence[ParameterProblem] = (),
        retry: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status: int = status
        self.code: str = code
        self.detail: str = detail
        self.problems: tuple[ParameterProblem, ...] = tuple(problems)
        self.retry: float | None = retry

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        made: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.problems:
            made["problems"] = [
                {
                    "parameter": each.parameter,
                    "message": each.message,
                    "value": each.value,
                    "limit": dict(each.limit),
                }
                for each in self.problems
            ]
        return made

    def headers(self) -> Mapping[str, str]:
        """The headers of the answer."""
        found = {"Content-Type": MEDIA_TYPE}
        if self.retry is not None:
            found["Retry-After"] = str(max(1, round(self.retry)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            found["WWW-Authenticate"] = "Bearer"
        return found
