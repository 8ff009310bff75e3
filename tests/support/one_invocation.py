"""One invocation in a process of its own, which a test may kill: event on standard input, response on standard output.

It writes `ready` first, when everything is wired: processes that are given their events then run at the same time.
"""

import json
import os
import sys

from message_sender.handler import Application
from message_sender.settings import Settings
from tests.support.world import FakeContext


def main() -> None:
    """Serve one event with as many seconds as the first argument says."""
    application = Application(Settings.from_environment(os.environ))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    response = application.handle(json.load(sys.stdin), FakeContext(seconds=float(sys.argv[1])))
    sys.stdout.write(f"{json.dumps(response)}\n")


if __name__ == "__main__":
    main()
