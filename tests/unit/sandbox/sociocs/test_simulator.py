"""The simulator keeps a limited number of entries, counts all, and forgets them on a reset."""

import json
import threading

from sandbox.sociocs.simulator import Arrival, RateLimit, Reply, Simulator

MESSAGE = {"provider": "twlo", "channel_key": "ck", "to": "16175551212", "text": "Shipped"}


def arrival(text: str = "Shipped") -> Arrival:
    """A valid request."""
    body = json.dumps({**MESSAGE, "text": text}).encode()
    headers = {"apikey": "k", "content-type": "application/json"}
    return Arrival(method="POST", path="/message", headers=headers, body=body, connection=1)


def test_the_oldest_requests_and_messages_are_forgotten_first() -> None:
    """The newest entries within the limit stay, and the counts include the others."""
    simulator = Simulator(most_bytes=3 * 1200)  # each takes 1 KiB and its body
    for number in range(5):
        reply = simulator.receive(arrival(f"number {number}"))
        simulator.finish(reply, "sent")

    assert [message.body["text"] for message in simulator.accepted] == ["number 2", "number 3", "number 4"]
    assert [request.number for request in simulator.requests] == [3, 4, 5]
    assert simulator.counts() == {"requests": 5, "accepted": 5, "refused": 0, "waiting": 0}


def test_an_answer_from_before_a_reset_changes_nothing_after_it() -> None:
    """A request from before a reset and the first request after it have the same number, and are kept apart."""
    simulator = Simulator()
    before = simulator.receive(arrival())
    simulator.reset()
    simulator.receive(arrival())
    simulator.finish(before, "unsendable")

    (request,) = simulator.requests
    assert request.fate == "waiting"


def test_a_request_from_before_a_reset_does_not_count_as_waiting_after_it() -> None:
    """It waits on, and its end does not change the count either."""
    simulator = Simulator()
    request = simulator.receive(arrival()).request
    gate = threading.Event()
    waiting = threading.Thread(target=simulator.wait_turn, args=(Reply(request, None, 0, gate),), daemon=True)
    waiting.start()
    assert simulator.wait_for("waiting", 1, timeout=10)
    simulator.reset()
    assert simulator.counts()["waiting"] == 0
    gate.set()
    waiting.join(10)
    assert simulator.counts()["waiting"] == 0


def test_the_rate_limit_has_room_again_when_its_time_has_passed() -> None:
    """The window slides: each accepted request counts for so many seconds."""
    now = 100.0
    simulator = Simulator(clock=lambda: now)
    simulator.set_rate_limit(RateLimit(requests=2, seconds=10))

    def status() -> int | None:
        answer = simulator.receive(arrival()).answer
        return answer.status if answer else None

    at_once = [status(), status(), status()]
    now = 109.9
    still = status()
    now = 110.0
    assert (at_once, still, [status(), status(), status()]) == ([200, 200, 429], 429, [200, 200, 429])
