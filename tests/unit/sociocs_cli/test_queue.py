"""Batches: cut to SQS's limits, tried again in part, and done whole when a signal comes."""

import os
import signal
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from sociocs_cli.options import duration
from sociocs_cli.queue import TRIES, Sent, give_back, send_batch, undisturbed
from sociocs_cli.stack import Stack


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_what_is_to_be_done_whole(number: signal.Signals) -> None:
    """It interrupts after the block, once, and the handlers are as they were."""
    before, done = signal.getsignal(number), mock.Mock()

    with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012 - a block is what it is about
        os.kill(os.getpid(), number)
        done()

    done.assert_called_once()
    assert signal.getsignal(number) is before


def test_the_first_signal_says_that_it_waits_and_the_second_stops_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """SQS may not answer for half a minute: nobody has to reach for kill -9."""
    before, first, second = signal.getsignal(signal.SIGINT), mock.Mock(), mock.Mock()

    with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012 - a block is what it is about
        os.kill(os.getpid(), signal.SIGINT)
        first()
        assert capsys.readouterr().err == "Finishing this batch; press again to stop at once.\n"
        os.kill(os.getpid(), signal.SIGINT)
        second()

    first.assert_called_once()
    second.assert_not_called()
    assert signal.getsignal(signal.SIGINT) is before


class Returning:
    """An SQS that takes letters back, while something happens at the second batch."""

    def __init__(self, happens: Callable[[], object] = lambda: None) -> None:
        self.batches: list[int] = []
        self.happens = happens

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: ARG002, N803 - as boto3 has it
        """Note how many come back."""
        self.batches.append(len(Entries))
        if len(self.batches) == 2:
            self.happens()


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


def test_an_endpoint_that_does_not_answer_is_not_waited_for_long() -> None:
    """Three tries of ten seconds, instead of five of a minute; a long poll of a second is well within."""
    found: Any = Stack("stack").config

    assert (found.connect_timeout, found.read_timeout, found.retries["total_max_attempts"]) == (5, 10, 3)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (61, "1 min 1 s"), (3600, "1 h"), (187_200, "2 d 4 h")])
def test_lengths_of_time_are_written_for_people(seconds: int, words: str) -> None:
    """In the two largest units."""
    assert duration(seconds) == words
