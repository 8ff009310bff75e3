"""Hours of outage and throttling, played on a simulated clock against the real code but for SQS, DynamoDB and HTTP."""

import heapq
import io
import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from urllib3.response import HTTPResponse

from message_sender.batch import Batch
from message_sender.connections import Limits
from message_sender.envelope import open_event
from message_sender.ledger import AlreadyAccepted, Begun, EarlierUnknown, Entry, Found
from message_sender.observability import Observer
from message_sender.routing import Router, response
from message_sender.sending import Sender
from message_sender.sociocs.api_key import ApiKeySource
from message_sender.sociocs.client import SociocsClient
from tests.support.builders import message, sqs_record
from tests.support.clock import START, FakeClock
from tests.support.function_settings import function_settings

HOUR = 3600.0
VISIBILITY_TIMEOUT = 420.0
FUNCTION_SECONDS = 60.0
WAIT_AFTER_RECOVERY = 15 * 60

Api = Callable[[float], tuple[int, dict[str, str]]]
"""Hours since the start -> status and headers."""


class Clock(FakeClock):
    """The only clock of a simulation."""

    @property
    def hours(self) -> float:
        """Since the start."""
        return (self.now - START) / HOUR


@dataclass
class FakeMessage:
    """A message in the fake queue."""

    id: str
    body: str
    sent_at: float
    visible_at: float
    receives: int = 0
    first_received_at: float = 0
    group: str | None = None
    accepted_at: float | None = None


@dataclass
class FakeSqs:
    """SQS's visibility semantics: a received message is invisible for the timeout, or for as long as it is told."""

    clock: Clock
    messages: dict[str, FakeMessage] = field(default_factory=dict)
    dead: list[dict[str, Any]] = field(default_factory=list)

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Hide messages from now on for as long as asked, up to SQS's 12 h."""
        assert QueueUrl == "queue"
        for entry in Entries:
            assert 0 <= entry["VisibilityTimeout"] <= 43_200
            self.messages[entry["ReceiptHandle"]].visible_at = self.clock.now + entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Take dead letters."""
        assert QueueUrl == "dead"
        self.dead += Entries
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


@dataclass
class FakeLedger:
    """What the table remembers, without the table: nobody else is at work here."""

    accepted: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    tried_since: dict[str, float] = field(default_factory=dict)
    is_clogged: bool = False

    def begin(self, entry: Entry, now: float, until: float) -> Begun | Found:
        """See `Ledger.begin`."""
        assert now < until
        if entry.pk in self.accepted:
            return AlreadyAccepted(self.accepted[entry.pk])
        if entry.pk in self.unknown:
            return EarlierUnknown("an earlier attempt", None)
        return Begun(self.tried_since.get(entry.pk, now))

    def finish_accepted(self, entry: Entry, message_id: str) -> None:
        """See `Ledger.finish_accepted`."""
        self.accepted[entry.pk] = message_id

    def finish_unknown(self, entry: Entry) -> None:
        """See `Ledger.finish_unknown`."""
        self.unknown.add(entry.pk)

    def postpone(self, entry: Entry, begun: Begun) -> None:
        """See `Ledger.postpone`."""
        self.tried_since[entry.pk] = begun.tried_since

    def release(self, entry: Entry, begun: Begun) -> None:
        """See `Ledger.release`."""

    def free_left_over(self) -> int:
        """See `Ledger.free_left_over`."""
        return 0


class FixedSecret:
    """A secret that never changes."""

    def get(self, name: str, max_age: int, *, force_fetch: bool) -> str:  # noqa: ARG002 - the signature of SecretReader
        """Give it."""
        return "e047nbp2UnWuHD9m:test"

    def clear_cache(self) -> None:
        """There is none."""


@dataclass
class FakeApi:
    """A requests session whose answers depend on the simulated hour."""

    clock: Clock
    api: Api
    limits: Limits
    seconds: float = 0.2
    attempts: dict[str, int] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=itertools.count)

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer as of this hour."""
        name = json.loads(request.body or b"{}")["text"]
        self.attempts[name] = self.attempts.get(name, 0) + 1
        self.clock.now += self.seconds
        response = requests.Response()
        response.status_code, headers = self.api(self.clock.hours)
        self.limits.was_sent = response.status_code != 0
        if response.status_code == 0:
            raise requests.ConnectionError("refused")
        response.headers.update(headers)
        success = {"status": "success", "data": {"message_id": f"M{next(self._ids)}"}}
        failure = {"status": "error", "errors": [{"msg": "try again later"}]}
        foreign = response.status_code in (404, 502, 504)  # what stands before the API answers so
        body = b"<html>" if foreign else json.dumps(success if response.status_code == 200 else failure).encode()
        response.raw = HTTPResponse(io.BytesIO(body), status=response.status_code, preload_content=False)
        return response


class Simulation:
    """The event source mapping and the function, as fast as the machine can play them."""

    def __init__(self, api: Api, **settings: str) -> None:
        self.clock = Clock()
        # One at a time: with threads the order of attempts, and so their number, would differ from run to run.
        self.settings = function_settings(**{"send_concurrency": "1"} | settings)
        limits = Limits(self.clock)
        self.sqs, self.api = FakeSqs(self.clock), FakeApi(self.clock, api, limits)
        observer = Observer(namespace="simulation", service=f"simulation-{uuid.uuid4().hex}")
        observer.logger.setLevel("CRITICAL")
        keys = ApiKeySource("secret", FixedSecret(), 300, clock=self.clock)
        fakes: Any = SimpleNamespace(sqs=self.sqs, ledger=FakeLedger(), api=self.api)
        client = SociocsClient(
            self.settings.message_url,
            keys,
            fakes.api,
            limits,
            connect_timeout=3,
            read_timeout=20,
            clock=self.clock,
        )
        sender = Sender(client, fakes.ledger, self.settings, observer, self.clock)
        router = Router(fakes.sqs, self.settings, observer, self.clock)
        self._batch = Batch(sender, router, self.settings, observer, self.clock)
        self.messages: list[FakeMessage] = []

    def send(self, at_hours: float, group: str | None = None) -> None:
        """A producer puts a message on the queue."""
        at = START + at_hours * HOUR
        name = f"message {len(self.messages)}"
        body = json.dumps(message(text=name))
        sent = FakeMessage(str(uuid.uuid5(uuid.NAMESPACE_OID, name)), body, at, at, group=group)
        self.messages.append(sent)
        self.sqs.messages[sent.id] = sent

    def play(self, hours: float) -> None:
        """Run until this hour, or until the queue is empty."""
        end = START + hours * HOUR
        waiting = [(m.visible_at, m.id) for m in self.sqs.messages.values()]
        heapq.heapify(waiting)
        while waiting and waiting[0][0] <= end:
            self.clock.now = max(self.clock.now, waiting[0][0])
            taken = self._receive(waiting)
            self._invoke(taken)
            for one in taken:
                if one.id in self.sqs.messages:
                    heapq.heappush(waiting, (one.visible_at, one.id))

    def _receive(self, waiting: list[tuple[float, str]]) -> list[FakeMessage]:
        taken: list[FakeMessage] = []
        # A batching window of one second: what becomes visible within it comes together.
        while waiting and len(taken) < 10 and waiting[0][0] <= self.clock.now + 1:
            one = self.sqs.messages[heapq.heappop(waiting)[1]]
            one.receives += 1
            # The redrive policy: SQS moves a message that was received too often, and nobody says why.
            assert one.receives <= self.settings.maximum_receive_count
            one.first_received_at = one.first_received_at or self.clock.now
            one.visible_at = self.clock.now + VISIBILITY_TIMEOUT
            taken.append(one)
        return taken

    def _invoke(self, taken: list[FakeMessage]) -> None:
        records = [
            sqs_record(
                one.body,
                receives=one.receives,
                sent_at=one.sent_at,
                first_received_at=one.first_received_at,
                group=one.group,
                receipt_handle=one.id,
                message_id=one.id,
            )
            for one in taken
        ]
        routed = self._batch.run(open_event({"Records": records}), FUNCTION_SECONDS)
        results = [result for some in routed for result in some]
        stay = {failure["itemIdentifier"] for failure in response(results)["batchItemFailures"]}
        for one in taken:
            if one.id not in stay:
                del self.sqs.messages[one.id]
                one.accepted_at = self.clock.now

    @property
    def attempts(self) -> list[int]:
        """Requests to the API, for each message."""
        return [self.api.attempts.get(f"message {number}", 0) for number in range(len(self.messages))]

    @property
    def dead_codes(self) -> list[str]:
        """Why messages were dead-lettered."""
        return [letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] for letter in self.sqs.dead]

    def waits_after(self, recovery_hours: float) -> list[float]:
        """Seconds from the recovery, or from being sent when that was later, until each message was accepted."""
        recovery = START + recovery_hours * HOUR
        assert all(one.accepted_at for one in self.messages)
        return [(one.accepted_at or 0) - max(recovery, one.sent_at) for one in self.messages]


def down_for(hours: float, status: int = 503) -> Api:
    """Down until this hour, then up; a status of 0 is a refused connection."""
    return lambda now: (status, {}) if now < hours else (200, {})


def spread(simulation: Simulation, count: int, hours: float, groups: int = 0) -> None:
    """Producers send this many messages, evenly over so many hours."""
    for number in range(count):
        simulation.send(number * hours / count, f"group-{number % groups}" if groups else None)


@pytest.mark.parametrize(("status", "count"), [(503, 60), (500, 10), (502, 10), (404, 10), (401, 10), (0, 10)])
def test_24_hours_of_outage_dead_letter_nothing(status: int, count: int) -> None:
    """Whatever the outage looks like: no dead letter, no wasted receive, all sent within 15 minutes of its end."""
    simulation = Simulation(down_for(24, status))
    spread(simulation, count, 24)

    simulation.play(30)

    assert simulation.sqs.dead == []
    assert not simulation.sqs.messages
    assert max(simulation.waits_after(24)) <= WAIT_AFTER_RECOVERY
    assert max(one.receives for one in simulation.messages) < simulation.settings.maximum_receive_count
    # 24 h of waits of 450 to 900 s: at most 192 attempts, if every jitter fell on its lowest; a refused apikey costs
    # two requests.
    requests_each = 2 if status == 401 else 1
    assert simulation.attempts[0] <= requests_each * 192


def test_30_hours_of_outage_end_in_dead_letters_that_say_so() -> None:
    """What was tried for 24 h is dead-lettered with its reason; what came later waits on and is sent."""
    simulation = Simulation(down_for(30))
    spread(simulation, 30, 1)
    for _ in range(10):
        simulation.send(20)

    simulation.play(40)

    assert simulation.dead_codes == ["RETRIES_EXHAUSTED"] * 30
    assert not simulation.sqs.messages
    assert {letter["MessageBody"] for letter in simulation.sqs.dead} == {one.body for one in simulation.messages[:30]}
    waits = [(one.accepted_at or 0) - START - 30 * HOUR for one in simulation.messages[30:]]
    assert min(waits) >= 0
    assert max(waits) <= WAIT_AFTER_RECOVERY


def test_6_hours_of_throttling_are_not_hammered() -> None:
    """Everything gets 429 with Retry-After for 6 h: few requests, none before Retry-After is over, no dead letter."""
    simulation = Simulation(lambda now: (429, {"Retry-After": "60"}) if now < 6 else (200, {}))
    spread(simulation, 100, 6)

    simulation.play(8)

    assert simulation.sqs.dead == []
    assert not simulation.sqs.messages
    assert max(simulation.waits_after(6)) <= WAIT_AFTER_RECOVERY
    assert max(simulation.attempts) <= 45  # 6 h of 450 to 900 s, and the first minutes: 60 s and more apart


def test_6_hours_at_a_trickle_lose_nobody() -> None:
    """The API takes one message in 20 s for 6 h, and 429 goes to the rest: those that wait keep their chance."""
    taken = [-1.0]

    def trickle(now: float) -> tuple[int, dict[str, str]]:
        if now < 6 and now - taken[-1] < 20 / HOUR:
            return 429, {"Retry-After": "20"}
        taken.append(now)
        return 200, {}

    simulation = Simulation(trickle)
    spread(simulation, 500, 0.5)

    simulation.play(8)

    assert simulation.sqs.dead == []
    assert not simulation.sqs.messages
    assert max(simulation.waits_after(6)) <= WAIT_AFTER_RECOVERY
    refused = sum(simulation.attempts) - len(simulation.messages)
    receives = sum(one.receives for one in simulation.messages)
    # The breaker: most of those handed back never met the API.
    assert refused < receives / 2, (refused, receives)


def test_an_outage_of_the_function_itself_costs_no_retries() -> None:
    """Time before the first receive, behind a paused mapping, does not count: each message gets its whole 24 h."""
    simulation = Simulation(down_for(60))
    for _ in range(5):
        simulation.send(0)
    simulation.clock.now = START + 40 * HOUR  # the mapping was off until then

    simulation.play(70)

    assert simulation.sqs.dead == []
    assert max(simulation.waits_after(60)) <= WAIT_AFTER_RECOVERY


def test_an_outage_that_ends_in_gateway_timeouts_leaves_few_unknown() -> None:
    """A day of 502, then ten minutes of 504: each of those may have sent, so the breaker keeps them few."""

    def api(now: float) -> tuple[int, dict[str, str]]:
        if now < 24:
            return 502, {}
        return (504, {}) if now < 24 + 1 / 6 else (200, {})

    simulation = Simulation(api)
    spread(simulation, 60, 24)

    simulation.play(30)

    unknown = [code for code in simulation.dead_codes if code == "OUTCOME_UNKNOWN"]
    assert simulation.dead_codes == unknown
    assert 1 <= len(unknown) <= 12  # the breaker lets one through after 5, 10, 20, 40 and then each 60 s
    assert not simulation.sqs.messages
