"""Minutes of faults under a steady load, and then the account: was a message lost, or sent twice?

Producers put messages on the queue and on the bus while one fault follows another (`sandbox.soak.faults`). Some
messages go twice, and some cannot succeed. In the end an operator corrects the cause and redrives. The seed decides
what is sent and which fault comes when. The machine decides which message meets which fault.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.sandbox import Sandbox, SandboxOptions
from sandbox.soak.faults import FAULTS, READ_TIMEOUT_SECONDS
from sandbox.steps import Steps, showing_steps

MOST_MESSAGES = 15_000
"""moto needs time in proportion to the depth of a queue, and the simulator keeps 128 MiB of messages."""
FUNCTIONS = 2
# The first wait after a failed attempt, 15 to 30 s, is half a second at most here.
_TIME_SCALE = 60.0
# The function keeps time in reserve for each batch, and one attempt takes 3 s at most.
_FUNCTION_SECONDS = 20.0
# This is longer than the function's timeout: a killed process's messages come back when it has certainly ended.
_VISIBILITY_SECONDS = 25
_SETTLE_SECONDS = 180.0
_CHANNEL_KEY, _NEW_CHANNEL_KEY = "ck_main", "ck_new"
_DEAD_LETTER_QUEUES = ("MessageDeadLetterQueueUrl", "EventDeadLetterQueueUrl")
# A message of unknown outcome may have been accepted. A refusal was true when the letter was written: if a message was
# sent twice, the redrive may have sent back one letter while its FIFO group hid the other.
_MAY_BE_ACCEPTED = {"OUTCOME_UNKNOWN", "API_REJECTED"}
_NUMBER = re.compile(r"soak message (\d+)")


@dataclass(frozen=True)
class Outcome:
    """The account of a soak. Each message is counted once, however often it was sent.

    accepted: number of messages in Sociocs's inbox
    dead_lettered: number of letters in the dead-letter queue, by code
    lost: messages in neither
    duplicated: messages that are in the inbox more than once
    misreported: messages in the inbox with a dead letter whose code says that they are not
    """

    sent: int
    accepted: int
    dead_lettered: Mapping[str, int]
    lost: tuple[int, ...] = ()
    duplicated: tuple[int, ...] = ()
    misreported: tuple[int, ...] = ()

    @property
    def kept_its_promises(self) -> bool:
        """Whether each message is in the right place, once."""
        return not (self.lost or self.duplicated or self.misreported)

    @property
    def closing_line(self) -> str:
        """The sums in one line."""
        dead = sum(self.dead_lettered.values())
        return (
            f"sent {self.sent}, accepted {self.accepted}, dead-lettered {dead}, "
            f"lost {len(self.lost)}, duplicated {len(self.duplicated)}, misreported {len(self.misreported)}"
        )


def judge(sent: Iterable[int], inbox: Iterable[str], dead_letters: Iterable[tuple[str, str]]) -> Outcome:
    """Compare the messages sent with those that there are.

    sent: the numbers of the messages
    inbox: the texts that Sociocs accepted
    dead_letters: the code and the body of each
    """
    numbers = sorted(set(sent))
    copies = Counter(map(_number, inbox))
    codes: dict[int, set[str]] = {}
    by_code: Counter[str] = Counter()
    for code, body in dead_letters:
        codes.setdefault(_number(body), set()).add(code)
        by_code[code] += 1
    return Outcome(
        sent=len(numbers),
        accepted=sum(copies[number] > 0 for number in numbers),
        dead_lettered=dict(by_code.most_common()),
        lost=tuple(n for n in numbers if not copies[n] and n not in codes),
        duplicated=tuple(n for n in numbers if copies[n] > 1),
        misreported=tuple(n for n in numbers if copies[n] and codes.get(n, set()) - _MAY_BE_ACCEPTED),
    )


def _number(text: str) -> int:
    found = _NUMBER.search(text)
    return int(found.group(1)) if found else -1


@dataclass
class Producers:
    """All producers. Of ten messages one is sent twice and one has no key. Some cannot succeed at first."""

    sandbox: Sandbox
    chance: random.Random
    sent: list[int] = field(default_factory=list)

    def run(self, rate: float, ends: threading.Event) -> None:
        """Send `rate` messages a second until the end."""
        began = time.monotonic()
        again: list[str] = []
        while not ends.wait(max(0.0, began + len(self.sent) / rate - time.monotonic())):
            number = len(self.sent)
            body = self._body(number)
            self.sent.append(number)  # noted before it is sent, so that a message that was not sent shows as lost
            self._put(body)
            if "idempotency_key" in body and self.chance.random() < 0.1:
                again.append(body)
            if again and self.chance.random() < 0.1:
                self._put(again.pop(self.chance.randrange(len(again))))
        for body in again:
            self._put(body)

    def _body(self, number: int) -> str:
        message: dict[str, Any] = {
            "provider": "twlo",
            "channel_key": _CHANNEL_KEY if self.chance.random() < 0.95 else _NEW_CHANNEL_KEY,
            "to": f"+1617555{self.chance.randrange(10_000):04d}",
            "text": f"soak message {number}.",
        }
        if self.chance.random() < 0.03:
            message["shedule"] = "2006-01-02T15:04:05-04:00"
        if self.chance.random() < 0.9:
            message["metadata"] = {"idempotency_key": f"soak-{number}"}
        return json.dumps(message)

    def _put(self, body: str) -> None:
        if self.chance.random() < 0.3:
            entry = {
                "Source": "com.example.soak",
                "DetailType": "Send Message",
                "Detail": body,
                "EventBusName": self.sandbox.outputs["EventBusName"],
            }
            self.sandbox.client("events").put_events(Entries=[entry])
            return
        queue = self.sandbox.outputs["MessageQueueUrl"]
        group = {"MessageGroupId": json.loads(body)["to"][1:]} if queue.endswith(".fifo") else {}
        self.sandbox.client("sqs").send_message(QueueUrl=queue, MessageBody=body, **group)


def main(
    *, minutes: float, rate: float, seed: int, parameters: Mapping[str, str], log_directory: Path | None, as_json: bool
) -> int:
    """Run a soak, print its account, and return 0 when it kept its promises, else 1."""
    with showing_steps() as steps:
        outcome = run(minutes * 60, rate, seed, steps, parameters=parameters, log_directory=log_directory)
    if as_json:
        print(json.dumps({**asdict(outcome), "seed": seed}, indent=2))
    else:
        for code, number in outcome.dead_lettered.items():
            print(f"dead-lettered {code}: {number}")
        for kind in ("lost", "duplicated", "misreported"):
            if numbers := getattr(outcome, kind):
                print(f"{kind}: messages {', '.join(map(str, numbers))} (their keys are soak-NUMBER)")
        print(f"seed {seed}")
        print(outcome.closing_line)
    return 0 if outcome.kept_its_promises else 1


def run(
    seconds: float,
    rate: float,
    seed: int,
    steps: Steps,
    *,
    parameters: Mapping[str, str] | None = None,
    log_directory: Path | None = None,
) -> Outcome:
    """Soak a sandbox of its own for so many seconds, with `rate` messages a second."""
    options = SandboxOptions(
        parameters=parameters or {},
        functions=FUNCTIONS,
        channel_keys=[_CHANNEL_KEY],
        environment_overrides={
            "CONNECT_TIMEOUT_SECONDS": "0.5",
            "READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS),
        },
        timeout_seconds=_FUNCTION_SECONDS,
        visibility_timeout_seconds=_VISIBILITY_SECONDS,
        time_scale=_TIME_SCALE,
        log_directory=log_directory,
    )
    with Sandbox.start(options, steps) as sandbox:
        sending, trouble = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - to be the same again
        producers = Producers(sandbox, sending)
        ends = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            producing = pool.submit(producers.run, rate, ends)
            try:
                _trouble(sandbox, trouble, time.monotonic() + seconds, steps)
            finally:
                ends.set()
            producing.result()
        steps("The faults are over: waiting until every message is accepted or dead-lettered")
        sandbox.wait_until_settled(_SETTLE_SECONDS)
        steps("The channel key is known now: redriving what can succeed")
        sandbox.sociocs.set_channel_keys([_CHANNEL_KEY, _NEW_CHANNEL_KEY])
        _redrive(sandbox)
        sandbox.wait_until_settled(_SETTLE_SECONDS)
        return judge(
            producers.sent,
            (message.body["text"] for message in sandbox.sociocs.accepted()),
            _dead_letters(sandbox),
        )


def _trouble(sandbox: Sandbox, chance: random.Random, until: float, steps: Steps) -> None:
    """Cause one fault after another, with a short pause between them."""
    names = list(FAULTS)
    chance.shuffle(names)  # each fault comes once before one comes again, also in a short run
    turn = 0
    while time.monotonic() < until:
        name = names[turn % len(names)]
        turn += 1
        steps(f"{time.strftime('%H:%M:%S')} {name}")
        with FAULTS[name](sandbox, chance):
            time.sleep(min(chance.uniform(1, 4), max(0.0, until - time.monotonic())))
        time.sleep(chance.uniform(0.2, 1))


def _redrive(sandbox: Sandbox) -> None:
    """Send back all letters except unknown outcomes, with the operator's own command."""
    command = [sys.executable, str(Path(sys.executable).with_name("sociocs")), "dead-letters", "redrive", "--json"]
    environment = {**os.environ, **sandbox.environment, "SOCIOCS_STACK": sandbox.stack_name}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    found = json.loads(done.stdout or "{}")
    # Only the first ten letters of a FIFO group can be read, and some of those stay. That is no failure here.
    if not found.get("finished") or found["failed"] or found["undeleted"]:
        raise RuntimeError(f"the redrive failed: {done.stderr.strip()}")


def _dead_letters(sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    """The code and the body of each dead letter."""
    for queue in (name for name in _DEAD_LETTER_QUEUES if name in sandbox.outputs):
        for letter in sandbox.dead_letters(queue):
            code = letter["MessageAttributes"].get("ERROR_CODE")
            yield code["StringValue"] if code else "WITHOUT_CODE", letter["Body"]
