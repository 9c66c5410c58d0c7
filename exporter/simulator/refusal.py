"""Everything but a page: the vendor's error envelope, and the redirect to a login page."""

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response


class Refusal(Exception):  # noqa: N818 - an answer to a client, nothing that went wrong here
    """Answers a request with an error.

    Of the codes only the two about tokens are documented; the others are made up in their manner.

    Args:
        status: the HTTP status.
        code: for machines.
        message: for people.
        field: the query parameter that is refused, if it is one.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the documented envelope."""
        return json_response(
            {
                "success": False,
                "message": self.message,
                "error": {"code": self.code, "details": self.message, "field": self.field},
            },
            status=self.status,
            headers=self.headers,
        )


def unauthenticated(request: Request, refusal: Refusal) -> Response:
    """Answer a request without a valid token as Laravel does.

    One that does not say that it accepts JSON is taken for a browser and sent to the login page.
    """
    accepted = ",".join(request.headers.getlist("accept")).split(",")
    media_types = {part.split(";")[0].strip().lower() for part in accepted}
    if "application/json" in media_types:
        return refusal.response()
    return RedirectResponse("/login", status_code=302)


def json_response(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with this content as JSON."""
    return Response(msgspec.json.encode(content), status_code=status, headers=headers, media_type="application/json")
