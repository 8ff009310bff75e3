"""One lock around all of moto, which a long poll gives up while it waits."""

from __future__ import annotations

import threading

# Held while moto serves a request. moto's backends are plain dictionaries: without it a conditional write
# can succeed twice and a message can be received twice. `wait` on it lets other requests in.
MOTO = threading.Condition(threading.RLock())
