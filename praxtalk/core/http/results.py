"""What praxtalk/core/http/transport.py returns. It imports aiohttp, which only the processes that send requests need to load."""

from dataclasses import dataclass

DEADLINE_SECONDS = 15.0  # for one request with its response


@dataclass(frozen=True)
class PostResult:
    """The result of one POST. Without a response, `status_code` is None and `error` gives the reason."""

    status_code: int | None
    duration_ms: int
    body: str = ""
    address: str = ""
    error: str = ""
    retry_after: float | None = None  # seconds to wait, if the receiver sent Retry-After

    @property
    def is_success(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True)
class FetchedPage:
    """The result of one GET. Without a response, `status_code` is None and `error` gives the reason.

    headers: (name in lower case, value) pairs.
    """

    status_code: int | None
    headers: list[tuple[str, str]]
    text: str
    error: str = ""
