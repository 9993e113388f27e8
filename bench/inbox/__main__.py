"""The inbox: its page in a real Chromium while much happens, and its search over 1,000,000 messages.

Each part has a process, development services and a seeded database of its own; the databases are kept for the next time.
"""

import subprocess
import sys


def main() -> int:
    """The exit status: 1 if something was not measured as it was meant to be."""
    parts = [
        subprocess.run([sys.executable, "-m", f"bench.inbox.{part}", *sys.argv[1:]], check=False)
        for part in ("page", "search")
    ]
    return max(part.returncode for part in parts)


if __name__ == "__main__":
    raise SystemExit(main())
