"""The inbox: its page in a real Chromium while much happens, and its search over 1,000,000 messages.

Each part has private servers and a seeded database of its own, which are kept for the next time.
"""

from pathlib import Path

from bench.inbox import page, search
from bench.run import FOLDER, QUICK_FOLDER, is_quick, run, say
from bench.widget.__main__ import CHROMIUM


def main() -> int:
    """The exit status: 1 if something was not measured as it was meant to be."""
    quick = is_quick("bench.inbox", __doc__.splitlines()[0], "small databases and little traffic, for a test")
    folder = QUICK_FOLDER if quick else FOLDER
    status = 0
    if Path(CHROMIUM).exists():
        extent = page.QUICK if quick else page.FULL
        status = run(folder, lambda: page.measured(folder, extent))
    else:
        say("The page is not measured: there is no Chromium (apt-get install chromium).")
    of_search = folder.with_name(f"{folder.name}-search")
    conversations = search.QUICK if quick else search.FULL
    return status or run(of_search, lambda: search.measured(of_search, conversations))


if __name__ == "__main__":
    raise SystemExit(main())
