"""Run the simulator: `python -m sandbox.sociocs [--port N] [--apikey KEY] [--channel-key KEY …]`.

It ends on SIGTERM and on Ctrl-C. When its standard input is a pipe, it also ends when that closes, with its parent.
"""

from __future__ import annotations

import argparse
import signal
import threading

from sandbox.server_process import end_with_parent
from sandbox.sociocs.server import SociocsServer
from sandbox.sociocs.simulator import Simulator


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.sociocs", description="A stand-in for the Sociocs API.")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--apikey", action="append", help="a valid apikey; without one any is valid")
    parser.add_argument("--channel-key", action="append", help="a known channel key; without one all are known")
    arguments = parser.parse_args()

    end_with_parent()
    try:
        server = SociocsServer(Simulator(arguments.apikey, arguments.channel_key), arguments.port)
    except OSError as error:
        parser.exit(1, f"{error.strerror}: port {arguments.port}\n")

    def stop(*_: object) -> None:
        # shutdown() waits for the loop of the main thread. Signal handlers run in that thread, so another one asks.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Sociocs simulator: {server.base_url}", flush=True)
    with server:
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
