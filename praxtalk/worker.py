"""A Celery worker: `python -m praxtalk.worker default` takes the tasks of the queue `default`.

Does what `celery worker` does without importing Celery's command line, which would cost 5 MB per process.
"""

import logging
import sys
from typing import Any

from praxtalk.celery import app

THREADS = 2


def main() -> None:
    """Never returns: the exit status is Celery's."""
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
