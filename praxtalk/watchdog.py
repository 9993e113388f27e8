"""End the processes of a node if their parent was killed. praxtalk/supervisor.py starts this script.

It imports only the standard library. On each change, the parent writes one line to standard input: the PIDs of all processes
that must end with the parent. Each of them leads a process group. However the parent dies, the kernel then closes the pipe.
"""

import os
import signal
import sys
import time

STOP_SECONDS = 10.0


def signal_groups(leaders: list[int], number: int) -> list[int]:
    """Send signal `number` to the process groups and return the leaders of those groups that still have processes."""
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
