"""Run the simulator: `python -m sandbox.sociocs [--port N] [--ready-file PATH] [--apikey KEY] [--channel-key KEY …]`.

It ends on SIGTERM or Ctrl-C, and, when its standard input is a pipe, as soon as that closes: with its parent.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import threading
from pathlib import Path

from sandbox.sociocs.server import SociocsServer
from sandbox.sociocs.simulator import Simulator


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.sociocs", description="A stand-in for the Sociocs API.")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--ready-file", type=Path, help="gets the base URL once requests are answered")
    parser.add_argument("--apikey", action="append", help="a valid apikey; without one any is valid")
    parser.add_argument("--channel-key", action="append", help="a known channel key; without one all are known")
    arguments = parser.parse_args()

    stdin = 0
    server = SociocsServer(Simulator(arguments.apikey, arguments.channel_key), arguments.port)

    def stop(*_: object) -> None:
        # shutdown() waits for the loop of the main thread, in which signal handlers run: ask from another thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    def stop_with_parent() -> None:
        # Not sys.stdin.read(): a thread that waits in there makes the interpreter abort at its end.
        while os.read(stdin, 4096):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if stat.S_ISFIFO(os.fstat(stdin).st_mode):
        threading.Thread(target=stop_with_parent, daemon=True).start()

    print(f"Sociocs simulator: {server.base_url}", flush=True)
    if arguments.ready_file:
        unfinished = arguments.ready_file.with_name(f"{arguments.ready_file.name}.{os.getpid()}")
        unfinished.write_text(f"{server.base_url}\n")
        unfinished.rename(arguments.ready_file)  # whoever sees the file sees all of it
    with server:
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
