"""Run a command that ends with the process that started it: `python bound_to_parent.py PARENT_PID COMMAND…`.

A sandbox that is ended with kill -9 cannot stop its children. On Linux the kernel can: PR_SET_PDEATHSIG survives the
exec below. It is set in a process of its own, because code between fork and exec of a process with threads is unsafe.
On other systems the command ends when its Runtime API is gone.

It is started by its path with `python -I -S`, so it imports only the standard library and costs a few milliseconds.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the death signal, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - elsewhere it is not needed

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - its arguments are ours


if __name__ == "__main__":
    main()
