"""Put the messages of a run on the queue, and note what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from message_sender.sqs_limits import chunks
from sociocs_cli.messages import Valid
from sociocs_cli.output import progress
from sociocs_cli.queue import UNANSWERED, Sent, send_batch
from sociocs_cli.runs import Run
from sociocs_cli.stack import Stack


@dataclass(slots=True)
class Line:
    """One message, its key, and what became of it."""

    message: Valid
    key: str
    sent: Sent | None = None
    """None: not tried."""

    @property
    def is_queued(self) -> bool:
        """Whether SQS took it."""
        return self.sent is not None and self.sent.message_id is not None

    @property
    def state(self) -> str:
        """What is known of it, in one word."""
        return "queued" if self.is_queued else "UNKNOWN" if self.sent and self.sent.is_unknown else "FAILED"

    def row(self) -> dict[str, str | int | bool | None]:
        """Write it for programs."""
        return {
            "message": self.message.number,
            "line": self.message.line,
            "idempotency_key": self.key,
            "queued": self.is_queued,
            "message_id": self.sent.message_id if self.sent else None,
            "error": self.sent.error if self.sent else "not tried",
        }


class Queueing:
    """One `send`."""

    def __init__(self, stack: Stack, run: Run, messages: Sequence[Valid], group: str | None) -> None:
        """Give each message its key. `group` is the message group for all on a FIFO queue."""
        self._stack, self._run, self._group = stack, run, group
        of_run = iter(run.keys)
        self.lines = [Line(message, message.own_key or next(of_run)) for message in messages]

    @property
    def name(self) -> str:
        """The name of the run."""
        return self._run.name

    @property
    def queued(self) -> int:
        """How many messages SQS took."""
        return sum(line.is_queued for line in self.lines)

    @property
    def is_done(self) -> bool:
        """Whether SQS took all of them."""
        return self.queued == len(self.lines)

    def run(self) -> None:
        """Queue all messages. The run is noted before the first and after the last, whatever is printed later.

        Raises:
            ClientError: SQS refused a call; nothing of that batch was queued.
            BotoCoreError: SQS did not answer; some of that batch may be queued.
        """
        self._run.begin()
        fifo = self._stack.queue_url.endswith(".fifo")
        entries = [line.message.entry(line.key, fifo=fifo, group=self._group) for line in self.lines]
        bar, task = progress("Queueing", len(entries))
        start = 0
        with bar:
            for chunk in chunks(entries):
                lines = self.lines[start : start + len(chunk)]
                try:
                    sent = send_batch(self._stack.sqs, self._stack.queue_url, chunk)
                except ClientError:  # an answer: SQS took nothing of the batch
                    raise
                except BaseException:
                    for line in lines:
                        line.sent = UNANSWERED
                    raise
                for line, answer in zip(lines, sent, strict=True):
                    line.sent = answer
                start += len(chunk)
                bar.update(task, completed=start)
        if self.is_done:
            self._run.end()
