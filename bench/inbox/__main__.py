"""Measure the inbox: its page in a real Chromium under load, and its search over 1,000,000 messages.

Each part has its own process, development services and seeded database. The databases are kept for the next run.
"""

import subprocess
import sys


def main() -> int:
    """Return the exit status: 1 if a measurement is not valid."""
    parts = [
        subprocess.run([sys.executable, "-m", f"bench.inbox.{part}", *sys.argv[1:]], check=False)
        for part in ("page", "search")
    ]
    return max(part.returncode for part in parts)


if __name__ == "__main__":
    raise SystemExit(main())
