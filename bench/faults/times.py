"""Scaled times, and names that the harness, the workers and the writers share."""

from pathlib import Path

STEPS = (0.3, 0.5, 0.8, 1.2, 2.0)  # instead of 30 s, 2 min, 10 min, 1 h, 6 h
ATTEMPTS = len(STEPS) + 1
MAX_JITTER = 0.05
DEADLINE = 1.5
LEASE = 4.0
RUN_SECONDS = 6.0
DISPATCH_INTERVAL = 1.0
DISPATCH_EXPIRES = 3.0
RETRY_AFTER = 1  # seconds: what a busy receiver asks for, and the longest wait that is obeyed
MAX_INTERRUPTIONS = 5
MAX_IN_FLIGHT = 8

RECEIVER_ADDRESS = "127.0.0.1"
FORBIDDEN_ADDRESS = "127.0.0.66"  # a local address for a trap, not in WEBHOOK_ALLOW_CIDRS
REBINDING_HOST = "rebinding.faults.example"

WRITER = "faults-writer"  # application_name of the connections in PostgreSQL
WORKER = "faults-worker"

STOP_POINT = "stopped before storing results"
KILL_POINTS = (
    "after the claim",
    "after the 2xx",
    "before storing results",
    "inside the transaction that stores results",
    "after the results are committed",
    "inside the release of leases",
)


def ready_mark(folder: Path, name: str) -> Path:
    """Return the path of the file that a process creates when it is ready."""
    return folder / f"{name}.ready"


def start_mark(folder: Path) -> Path:
    """Return the path of the file for which the writers wait."""
    return folder / "start_mark"
