"""The Date header (RFC 9110, section 6.6.1) on every HTTP answer.

Daphne sets none, and sends some answers without asking the application: its own error pages, Twisted's answer to what is no
HTTP, Autobahn's refusal of a WebSocket. So the header is added where each of them writes.
"""

from typing import Any

from daphne import http_protocol, ws_protocol
from django.utils.http import http_date
from twisted.web import http


class DatedRequest(http_protocol.WebRequest):  # type: ignore[misc]
    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and not self.responseHeaders.hasHeader(b"date"):
            self.setHeader(b"date", http_date().encode())
        super().handle_reply(message)


class DatedWebSocket(ws_protocol.WebSocketProtocol):  # type: ignore[misc]
    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:  # noqa: N802, N803
        headers = [("Date", http_date()), *(responseHeaders or [])]
        super().sendHttpErrorResponse(code, reason, headers)


def _send_bad_request(channel: Any) -> None:
    channel.transport.write(b"HTTP/1.1 400 Bad Request\r\nDate: %s\r\n\r\n" % http_date().encode())
    channel.loseConnection()


def date_every_answer() -> None:
    """Patch Daphne and Twisted so that all later connections send a Date header. WebSockets get it from PromptWebSocket."""
    http_protocol.WebRequest = DatedRequest
    http.HTTPChannel._respondToBadRequestAndDisconnect = _send_bad_request  # type: ignore[method-assign]
