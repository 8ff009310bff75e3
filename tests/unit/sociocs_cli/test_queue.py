"""Batches: tried again in part, and given back until the letters are visible anyway."""

import os
import signal
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from message_sender.aws import succeeded
from sociocs_cli.queue import TRIES, UNNAMED, Sent, delete_batch, give_back, send_batch, set_visibility


def entry(size: int) -> dict[str, Any]:
    """An entry of so many bytes."""
    return {"MessageBody": "x" * size}


class Refusing:
    """An SQS that refuses some entries, some of the time."""

    def __init__(self, **refusals: tuple[int, bool]) -> None:
        """How often each body is refused, and whether that is the sender's fault."""
        self.refusals = dict(refusals)
        self.calls: list[list[str]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803 - as boto3 has it
        """Answer as SQS does."""
        self.calls.append([e["MessageBody"] for e in Entries])
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for e in Entries:
            times, fault = self.refusals.get(e["MessageBody"], (0, False))
            if times:
                self.refusals[e["MessageBody"]] = (times - 1, fault)
                answer["Failed"].append({"Id": e["Id"], "Code": "Code", "Message": "why", "SenderFault": fault})
            else:
                answer["Successful"].append({"Id": e["Id"], "MessageId": f"id-{e['MessageBody']}"})
        return answer


def test_what_is_refused_is_tried_again_and_nothing_else() -> None:
    """With growing waits, a bounded number of times; the sender's own faults not at all."""
    sqs, waits = Refusing(b=(2, False), c=(1, True), d=(99, False)), list[float]()
    entries = [{"MessageBody": body} for body in "abcd"]

    answers = send_batch(sqs, "url", entries, waits.append)  # type: ignore[arg-type]

    assert answers == [Sent("id-a"), Sent("id-b"), Sent(None, "Code: why"), Sent(None, "Code: why")]
    assert sqs.calls == [["a", "b", "c", "d"], ["b", "d"], ["b", "d"], ["d"], ["d"]]
    assert len(waits) == TRIES - 1
    assert all(0.5 * 0.2 * 2**n <= wait <= 0.2 * 2**n for n, wait in enumerate(waits))


def test_a_call_that_is_refused_after_a_part_was_taken_loses_nothing_of_that() -> None:
    """What was taken is on the queue, and is said to be."""
    sqs = Refusing(b=(2, False))
    error = ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessageBatch")
    first = sqs.send_message_batch(QueueUrl="url", Entries=[{"Id": str(n), "MessageBody": "ab"[n]} for n in range(2)])
    sqs.send_message_batch = mock.Mock(side_effect=[first, error])  # type: ignore[method-assign]

    sent = send_batch(sqs, "url", [{"MessageBody": body} for body in "ab"], lambda _: None)  # type: ignore[arg-type]

    assert sent == [Sent("id-a"), Sent(None, str(error))]


class Returning:
    """An SQS that takes letters back, while something happens at the second batch."""

    def __init__(self, happens: Callable[[], object] = lambda: None) -> None:
        self.batches: list[int] = []
        self.happens = happens

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803 - as boto3 has it
        """Note how many come back."""
        self.batches.append(len(Entries))
        if len(self.batches) == 2:
            self.happens()
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


def test_giving_back_can_be_stopped_after_each_batch() -> None:
    """Thousands of letters are hundreds of calls; those that are left become visible by themselves."""
    sqs = Returning(lambda: os.kill(os.getpid(), signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        give_back(sqs, "url", ["receipt"] * 45, 60)  # type: ignore[arg-type]

    assert sqs.batches == [10, 10]


@pytest.mark.parametrize(("within_seconds", "batches"), [(60, [10, 10, 10, 5]), (-1, [10])])
def test_giving_back_ends_when_the_letters_are_visible_anyway(within_seconds: float, batches: list[int]) -> None:
    """After their visibility timeout there is nothing left to give back."""
    sqs = Returning()

    give_back(sqs, "url", ["receipt"] * 35, within_seconds)  # type: ignore[arg-type]

    assert sqs.batches == batches


NO_ANSWERS: list[dict[str, Any]] = [
    {},
    {"Failed": []},
    {"Successful": []},
    {"Successful": None},
    {"Successful": [{}]},
    {"Successful": [{"Id": "7"}]},
    {"message": "<html>egress proxy</html>"},
]
"""What botocore makes of a 200 whose body says nothing about any entry."""


class SayingNothing:
    """An SQS that answers every batch call in the same way."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.calls = answer, 0

    def __getattr__(self, _name: str) -> Callable[..., dict[str, Any]]:
        def call(**_: Any) -> dict[str, Any]:
            self.calls += 1
            return self.answer

        return call


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=str)
def test_what_is_not_named_as_done_is_not_done(answer: dict[str, Any]) -> None:
    """Sent, deleted and hidden is only what SQS says is so: the absence of a failure says nothing."""
    sqs: Any = SayingNothing(answer)

    assert succeeded(answer, 2) == set()
    assert send_batch(sqs, "url", [{"MessageBody": "a"}, {"MessageBody": "b"}], lambda _: None) == [UNNAMED, UNNAMED]
    assert sqs.calls == TRIES
    assert delete_batch(sqs, "url", ["one", "two"]) == {0, 1}
    if not answer.get("Successful"):
        assert not set_visibility(sqs, "url", ["one"], 0)


def test_what_is_named_is_done_and_the_rest_is_not() -> None:
    """Of two entries the second: tried again is the first alone."""
    sqs: Any = SayingNothing({"Successful": [{"Id": "1", "MessageId": "m"}]})

    assert succeeded(sqs.answer, 2) == {1}
    assert send_batch(sqs, "url", [{"MessageBody": "a"}, {"MessageBody": "b"}], lambda _: None) == [UNNAMED, Sent("m")]
    assert delete_batch(sqs, "url", ["one", "two"]) == {0}
