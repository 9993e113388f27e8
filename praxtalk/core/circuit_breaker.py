"""A circuit breaker for Valkey: after a failure it pauses, so that an outage costs one timeout and not one per request."""

import time

import structlog

PAUSE_SECONDS = 5.0
LOG_INTERVAL_SECONDS = 60.0

log = structlog.get_logger("praxtalk.valkey")


class CircuitBreaker:
    """Decide whether to try Valkey. Each part of PraxTalk that uses Valkey has its own instance in each process.

    It has no lock: a race between two threads costs only one more attempt.
    """

    def __init__(self, use: str) -> None:
        """use: what Valkey is used for, for the log."""
        self.use = use
        self._paused_until = 0.0
        self._logged_at = float("-inf")

    def allows(self) -> bool:
        """Return False for five seconds after a failure, and True otherwise."""
        return time.monotonic() >= self._paused_until

    def record_failure(self, error: Exception) -> None:
        """Start a pause, and log it at most once a minute."""
        now = time.monotonic()
        self._paused_until = now + PAUSE_SECONDS
        if now - self._logged_at >= LOG_INTERVAL_SECONDS:
            self._logged_at = now
            log.warning("valkey is unavailable; continuing without it", use=self.use, error=type(error).__name__)
