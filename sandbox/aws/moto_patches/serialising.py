"""One lock around all of moto. A long poll releases it while it waits."""

from __future__ import annotations

import threading

# It is held while moto serves a request. moto's backends are plain dictionaries: without the lock a conditional write
# can succeed twice and a message can be received twice. `wait` lets other requests in.
MOTO = threading.Condition(threading.RLock())
