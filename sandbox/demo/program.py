"""The main job, end to end, on this machine: every sample is sent through SQS or EventBridge until all is settled.

The demo makes two kinds of trouble on purpose: the API refuses the first attempt at one message, and a producer sends
one message twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sandbox.demo.accounting import Account, Sent, recipient_of, settle
from sandbox.demo.report import show
from sandbox.demo.samples import Sample, read_samples
from sandbox.sandbox import Sandbox, SandboxOptions
from sandbox.steps import Steps, showing_steps

FUNCTIONS = 2
# The first wait after a failed attempt is 15 to 30 s. Divided by this it is about one second.
TIME_SCALE = 30.0
SETTLE_TIMEOUT_SECONDS = 90.0
_CHECK_SECONDS = 0.2


@dataclass(frozen=True)
class Demonstration:
    """The demo's result.

    seconds: from the first message sent until all had settled
    on_purpose: the trouble that the demo made
    """

    account: Account
    settled: bool
    seconds: float
    on_purpose: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether nothing was lost, sent twice or left over."""
        return self.settled and not self.account.lost and not self.account.duplicated


def main(*, as_json: bool) -> int:
    """Run the demo, print its result, and return 0 when it succeeded, else 1."""
    with showing_steps() as steps:
        demonstration = run(read_samples(), steps)
    if as_json:
        result = asdict(demonstration)
        print(json.dumps({**result.pop("account"), **result}, indent=2, ensure_ascii=False))
    else:
        show(demonstration.account, f"On purpose: {'; '.join(demonstration.on_purpose)}.")
    return 0 if demonstration.succeeded else 1


def run(samples: Sequence[Sample], steps: Steps) -> Demonstration:
    """Send the samples through a sandbox of their own and account for each."""
    options = SandboxOptions(functions=FUNCTIONS, time_scale=TIME_SCALE)
    with Sandbox.start(options, steps) as sandbox:
        began = time.monotonic()
        valid = [sample for sample in samples if "invalid" not in sample.name]
        repeated = next(sample for sample in valid if sample.body and sample.producer_key)
        refused_once = next(sample for sample in valid if sample is not repeated and recipient_of(sample))
        sandbox.sociocs.rule(to=recipient_of(refused_once), nth=1, status=503)

        steps(f"Sending {len(samples)} messages to SQS and EventBridge")
        again = Sample(f"{repeated.name}, sent again", repeated.body, repeated.attributes)
        sent = [_send(sandbox, sample) for sample in (*samples, again)]
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
    on_purpose = (
        f"Sociocs answered the first attempt at {refused_once.name} with 503",
        f"{repeated.name} was sent twice",
    )
    return Demonstration(account, settled, seconds, on_purpose)


def _wait(sandbox: Sandbox, total: int, steps: Steps) -> bool:
    """Wait until all has settled, and show the progress; False when it takes too long."""
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
