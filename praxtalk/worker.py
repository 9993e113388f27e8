"""A Celery worker: `python -m praxtalk.worker default` runs the tasks of the queue `default`.

It replaces `celery worker`, whose command-line interface would cost 5 MB of memory per process.
"""

import logging
import sys
from typing import Any

from praxtalk.celery import app

THREADS = 2


def main() -> None:
    """Run the worker, then exit with Celery's exit status. Never returns."""
    worker: Any = app.Worker(
        queues=sys.argv[1],
        pool_cls="threads",
        concurrency=THREADS,
        loglevel=logging.WARNING,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
