"""Ends the processes of a node whose parent was killed. Started by praxtalk/supervisor.py; uses only the standard library.

Standard input: on each change, one line with the PIDs of all processes that must end with the parent. Each of them leads
a process group. When the parent dies, however it does, the kernel closes the pipe.
"""

import os
import signal
import sys
import time

STOP_SECONDS = 10.0


def signal_groups(leaders: list[int], number: int) -> list[int]:
    """The leaders of those groups that still hold a process."""
    left = []
    for leader in leaders:
        try:
            os.killpg(leader, number)
        except OSError:
            continue
        left.append(leader)
    return left


def main() -> None:
    leaders: list[int] = []
    for line in sys.stdin:
        leaders = [int(pid) for pid in line.split()]
    deadline = time.monotonic() + STOP_SECONDS
    left = signal_groups(leaders, signal.SIGTERM)
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = signal_groups(left, 0)
    signal_groups(left, signal.SIGKILL)


if __name__ == "__main__":
    main()
