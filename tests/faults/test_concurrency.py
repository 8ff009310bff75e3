"""Many deliveries of the same messages at once, over threads and processes, against real conditional writes."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.builders import message, sqs_event, sqs_record
from tests.support.world import FakeContext, World

KEYS, DELIVERIES, THREADS = 100, 400, 16


def test_400_deliveries_of_100_keys_over_2_processes_of_16_threads(
    world: World, start_invocation: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """Each key is sent once; each delivery is acknowledged, or back in the queue because another is under way."""
    records = [
        sqs_record(message(text=f"message {number}", metadata={"idempotency_key": f"order-{number}"}))
        for number in [*range(KEYS)] * (DELIVERIES // KEYS)
    ]
    random.shuffle(records)
    processes = [start_invocation(world, send_concurrency=str(THREADS)) for _ in range(2)]
    # Each key twice in each process: threads and processes compete for all of them.
    events = [sqs_event(*records[number::2]) for number in range(2)]

    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(lambda process, event: process.communicate(json.dumps(event))[0], processes, events))

    sent = Counter(accepted.body["text"] for accepted in world.sociocs.accepted())
    assert sent == Counter({f"message {number}": 1 for number in range(KEYS)})
    assert world.sociocs.count == KEYS
    lines = [json.loads(line) for output in outputs for line in output.splitlines()]
    routes = Counter((line.get("route"), line.get("code")) for line in lines if "route" in line)
    assert set(routes) <= {("acknowledged", None), ("returned", "IN_PROGRESS")}
    assert routes.total() == DELIVERIES
    failures = [failure for line in lines for failure in line.get("batchItemFailures", [])]
    assert len(failures) == routes["returned", "IN_PROGRESS"]


def test_duplicates_in_one_batch_are_sent_once(world: World) -> None:
    """Ten deliveries of one message side by side: one request, the others are acknowledged or wait in the queue."""
    record = sqs_record(message(metadata={"idempotency_key": "order-1001-shipped"}))
    records = [{**record, "messageId": f"m-{number}"} for number in range(10)]
    application = world.application()

    response = application.handle(sqs_event(*records), FakeContext())

    assert world.sociocs.count == 1
    assert len(response["batchItemFailures"]) < 10
    assert application.handle(sqs_event(*records), FakeContext()) == {"batchItemFailures": []}
    assert world.sociocs.count == 1
