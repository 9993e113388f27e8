"""A pause after a failure, so that a Valkey that is gone costs one time-out and not one for each request."""

import time

import structlog

PAUSE_SECONDS = 5.0
LOG_EVERY_SECONDS = 60.0

log = structlog.get_logger("praxtalk.valkey")


class Breaker:
    """Whether to try Valkey at all. One per use in a process; two threads that race only try once more."""

    def __init__(self, use: str) -> None:
        self.use = use
        self._paused_until = 0.0
        self._logged_at = float("-inf")

    def allows(self) -> bool:
        """False for five seconds after a failure."""
        return time.monotonic() >= self._paused_until

    def failed(self, error: Exception) -> None:
        """Begin a pause; say so at most once a minute."""
        now = time.monotonic()
        self._paused_until = now + PAUSE_SECONDS
        if now - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = now
            log.warning("valkey does not answer; going on without it", use=self.use, error=type(error).__name__)
