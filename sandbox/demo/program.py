"""The main job, end to end, on this machine: every sample through the real front doors, until all is settled.

On purpose, the API is down for the first attempt at one message, and a producer sends one message twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.demo.accounting import Account, Sent, settle
from sandbox.demo.report import show
from sandbox.demo.samples import EVENTS, Sample, read_samples
from sandbox.sandbox import Sandbox, SandboxOptions
from sandbox.steps import Steps, showing_steps

FUNCTIONS = 2
# The first wait after a failed attempt is 15 to 30 s: here about one.
TIME_SCALE = 30.0
SETTLE_TIMEOUT_SECONDS = 90.0
_CHECK_SECONDS = 0.2


@dataclass(frozen=True)
class Demonstration:
    """The demo's result.

    seconds: from the first message sent until all had settled
    on_purpose: the trouble that the demo made itself
    """

    account: Account
    settled: bool
    seconds: float
    on_purpose: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether nothing was lost, sent twice or left over."""
        return self.settled and not self.account.lost and not self.account.duplicated


def main(*, as_json: bool = False, directory: Path = EVENTS) -> int:
    """Run the demo, print its result, and return 0 when nothing was lost, duplicated or left over, else 1."""
    with showing_steps() as steps:
        demonstration = run(read_samples(directory), steps)
    if as_json:
        account = demonstration.account
        result = {
            **asdict(account),
            "settled": demonstration.settled,
            "seconds": demonstration.seconds,
            "on_purpose": demonstration.on_purpose,
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        on_purpose = demonstration.on_purpose
        show(demonstration.account, f"On purpose: {'; '.join(on_purpose)}." if on_purpose else "")
    return 0 if demonstration.succeeded else 1


def run(samples: Sequence[Sample], steps: Steps) -> Demonstration:
    """Send the samples through a sandbox of their own and find out what became of each."""
    options = SandboxOptions(functions=FUNCTIONS, time_scale=TIME_SCALE)
    with Sandbox.start(options, steps) as sandbox:
        began = time.monotonic()
        valid = [sample for sample in samples if "invalid" not in sample.name]
        repeated = next((sample for sample in valid if sample.body and sample.producer_key), None)
        refused_once = next((sample for sample in valid if sample is not repeated and _to(sample)), None)
        on_purpose = []
        if refused_once is not None:
            sandbox.sociocs.rule(to=_to(refused_once), nth=1, status=503)
            on_purpose.append(f"Sociocs answered the first attempt at {refused_once.name} with 503")

        steps(f"Sending {len(samples)} messages to SQS and EventBridge")
        sent = [_send(sandbox, sample) for sample in samples]
        if repeated is not None:
            on_purpose.append(f"{repeated.name} was sent twice")
            again = Sample(f"{repeated.name}, sent again", repeated.body, repeated.attributes)
            sent.append(_send(sandbox, again))

        settled = _wait(sandbox, len(sent), steps)
        account = settle(
            sent,
            sandbox.sociocs.requests(),
            sandbox.sociocs.accepted(),
            sandbox.dead_letters(),
            still_queued=sandbox.depth(),
        )
        seconds = round(time.monotonic() - began, 1)
        steps("Stopping")
    return Demonstration(account, settled, seconds, tuple(on_purpose))


def _wait(sandbox: Sandbox, total: int, steps: Steps) -> bool:
    """Wait until all has settled, showing how far it is."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
    steps("Waiting until every message is accepted or dead-lettered")
    while not sandbox.settled:
        if time.monotonic() > deadline:
            return False
        waiting = sandbox.depth()
        steps(f"{waiting} of {total} messages are still in the queue", max(0, total - waiting), total)
        time.sleep(_CHECK_SECONDS)
    return True


def _send(sandbox: Sandbox, sample: Sample) -> Sent:
    if sample.event is None:
        answer = sandbox.client("sqs").send_message(
            QueueUrl=sandbox.outputs["MessageQueueUrl"],
            MessageBody=sample.body,
            MessageAttributes=sample.attributes,
        )
        return Sent(sample, answer["MessageId"])
    entry = {
        "Source": sample.event["source"],
        "DetailType": sample.event["detail-type"],
        "Detail": json.dumps(sample.event["detail"]),
        "EventBusName": sandbox.outputs["EventBusName"],
    }
    answer = sandbox.client("events").put_events(Entries=[entry])
    return Sent(sample, answer["Entries"][0]["EventId"])


def _to(sample: Sample) -> str | None:
    content = sample.content
    return content.get("to") if isinstance(content, dict) else None
