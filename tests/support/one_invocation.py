"""One invocation in a separate process, which a test may kill.

The event is on standard input, and the response on standard output.

It first writes `ready`, when the application is made. A test can then start several invocations at the same time.
"""

import json
import os
import sys

from message_sender.handler import Application
from message_sender.settings import Settings
from tests.support.world import FakeContext


def main() -> None:
    """Handle one event. The first argument is the remaining time in seconds."""
    application = Application(Settings.from_environment(os.environ))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    response = application.handle(json.load(sys.stdin), FakeContext(seconds=float(sys.argv[1])))
    sys.stdout.write(f"{json.dumps(response)}\n")


if __name__ == "__main__":
    main()
