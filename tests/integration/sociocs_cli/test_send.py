"""`sociocs send`: onto the queue as they stand in the file, each once, whatever happens on the way."""

import io
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from sociocs_cli.messages import Valid
from sociocs_cli.runs import Run, name_of
from tests.support import ROOT
from tests.support.builders import message
from tests.support.cli_shell import Result, Shell
from tests.support.mapping import Mapping


def lines(tmp_path: Path, *messages: Any) -> str:
    """A file of JSON Lines."""
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(f"{json.dumps(m, ensure_ascii=False)}\n" for m in messages), encoding="utf-8")
    return str(path)


def keys_on(shell: Shell) -> dict[str, str | None]:
    """What is on the queue: body -> the key in its attribute."""
    return {
        found["Body"]: found.get("MessageAttributes", {}).get("IDEMPOTENCY_KEY", {}).get("StringValue")
        for found in shell.world.receive()
    }


def test_messages_are_queued_as_they_stand_in_the_file(shell: Shell, tmp_path: Path) -> None:
    """The very text, with a key of this run unless it has its own; keys are printed."""
    own = message(text="zwei ü", metadata={"idempotency_key": "order-2"})
    first = '{"provider":"twlo", "channel_key":"ck","to":"16175550123","text":"\\u00fc"}'
    path = tmp_path / "m.jsonl"
    path.write_bytes(f"{first}\r\n\r\n{json.dumps(own)}".encode())

    done = shell("send", str(path), "--run", "r1")

    assert done.code == 0
    key = done.out.split()[1]
    assert re.fullmatch(r"r1-[0-9a-f]{20}-1", key)
    assert done.out == f"queued  {key}  message 1 (line 1)\nqueued  order-2  message 2 (line 3)\n"
    assert keys_on(shell) == {first: key, json.dumps(own): None}


def test_a_message_from_standard_input_is_sent(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads it, and the function sends it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(message(), indent=1).encode())))

    assert shell("send", "-").code == 0

    Mapping(shell.world).turn()
    assert [found.body for found in shell.world.sociocs.accepted()] == [message()]


def test_when_one_is_refused_none_is_queued(shell: Shell, tmp_path: Path) -> None:
    """Every problem stands there with its line, without a value of the message."""
    path = lines(tmp_path, message(), message(to="nobody", text=None), message(txet="x"))

    for extra in ([], ["--dry-run"]):
        done = shell("send", path, *extra)
        assert done.code == 1
        assert [":".join(line.split(":")[:2]) for line in done.out.splitlines()] == [
            "message 2 (line 2): to",
            "message 2 (line 2): text",
            "message 3 (line 3): txet",
        ]
        assert "nobody" not in done.out
        assert "2 messages of 3 cannot be sent; nothing was queued" in done.err
    assert shell.world.receive() == []


def test_messages_of_one_line_are_told_apart(shell: Shell, tmp_path: Path) -> None:
    """In an array that a program wrote all of them are on line 1."""
    path = tmp_path / "m.json"
    path.write_text(json.dumps([message(to="nobody"), message(), message(txet="x")]))

    done = shell.bare("send", str(path), "--json")

    assert done.code == 1
    assert (done.json["valid"], done.json["invalid"]) == (1, 2)
    assert [(problem["message"], problem["line"]) for problem in done.json["problems"]] == [(1, 1), (3, 1)]
    assert "2 messages of 3 cannot be sent" in done.err


def test_an_empty_file_is_no_success(shell: Shell, tmp_path: Path) -> None:
    """Somebody meant to send something."""
    path = tmp_path / "m.json"
    path.touch()

    for extra in ([], ["--dry-run"]):
        done = shell.bare("send", str(path), "--json", *extra)
        assert (done.code, done.err) == (1, "Error: no message in it; nothing was queued\n")
        assert done.json == {"valid": 0, "invalid": 0, "queued": 0, "problems": []}


def test_a_dry_run_queues_nothing(shell: Shell, tmp_path: Path) -> None:
    """It needs no stack either."""
    done = shell.bare("send", lines(tmp_path, message(), message()), "--dry-run", "--stack", "none-such")

    assert (done.code, done.out) == (0, "2 valid messages; nothing was queued (--dry-run)\n")


def test_large_and_many_messages_go_in_batches(shell: Shell, tmp_path: Path) -> None:
    """Cut to ten entries and to 1 MiB for a call, all of them arrive."""
    many = [message(text=f"{n} {'x' * (300_000 if n % 10 == 0 else 10)}") for n in range(35)]

    done = shell("send", lines(tmp_path, *many), "--json").json

    assert (done["queued"], len(done["messages"])) == (35, 35)
    assert set(keys_on(shell)) == {json.dumps(m) for m in many}


def failing(shell: Shell, fails: Callable[[int], BaseException | None]) -> Shell:
    """The command with batch calls that fail: `fails` gets the number of the call."""
    client, number = boto3.client("sqs", endpoint_url=shell.world.endpoint_url), itertools.count()

    def fail(**_: Any) -> None:
        if error := fails(next(number)):
            raise error

    client.meta.events.register("before-call.sqs.SendMessageBatch", fail)
    return shell.with_sqs(client)


def interrupted(shell: Shell, path: str, call: int) -> Result:
    """Send a file, interrupted at a call."""
    return failing(shell, lambda number: KeyboardInterrupt() if number == call else None)("send", path)


def settle(shell: Shell) -> None:
    """Let the function send all that is on the queue."""
    mapping = Mapping(shell.world)
    while mapping.depth():
        mapping.turn()
        mapping.end_waits()


def test_an_interrupted_run_is_taken_up_with_the_same_keys(shell: Shell, tmp_path: Path) -> None:
    """What was queued before the interruption is queued again with its key, and sent once."""
    path = lines(tmp_path, *(message(text="the same") for _ in range(25)))

    first = interrupted(shell, path, 2)
    second = shell("send", path)

    assert first.code == 130
    assert "20 of 25 queued. Run it again with the same input" in first.err
    assert second.code == 0
    assert "which did not end" in second.err
    assert second.out.splitlines()[:20] == first.out.splitlines()[:20]
    assert len(first.out.splitlines()) == 25
    for line in first.out.splitlines()[20:]:
        assert line.startswith("UNKNOWN")
        assert line.endswith("SQS did not answer; it may be queued")
    settle(shell)
    assert shell.world.sociocs.accepted_count == 25


def test_the_same_file_again_is_the_same_run(shell: Shell, tmp_path: Path) -> None:
    """Nothing is sent twice, and the command says so and how to send it once more; a name does."""
    path = lines(tmp_path, *(message(text=f"m {n}") for n in range(3)))

    first = shell("send", path)
    second = shell("send", path)
    named = shell("send", path, "--run", "once-more")

    assert (first.code, first.err) == (0, "")
    assert (second.code, second.out) == (0, first.out)
    assert "what it queued then is not sent twice. To send it once more: --run NAME" in second.err
    assert not set(named.out.splitlines()) & set(first.out.splitlines())
    settle(shell)
    assert Counter(found.body["text"] for found in shell.world.sociocs.accepted()) == {"m 0": 2, "m 1": 2, "m 2": 2}


@pytest.mark.parametrize(
    "mend",
    [
        pytest.param(lambda text: f"{text}\n", id="a-line-end-more"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="line-ends-of-windows"),
        pytest.param(lambda text: text.partition("\n")[2], id="one-taken-out"),
        pytest.param(lambda text: json.dumps(message(text="new")) + "\n" + text, id="one-added-before-all"),
        pytest.param(
            lambda text: json.dumps([json.loads(line) for line in text.splitlines()], indent=1), id="an-array"
        ),
    ],
)
def test_a_mended_file_goes_on_with_the_run_that_is_named(
    mend: Callable[[str], str], shell: Shell, tmp_path: Path
) -> None:
    """A changed file is another run, in which messages would be sent twice: it is refused with the run's name."""
    path = lines(tmp_path, *(message(text=f"m {n % 13}") for n in range(25)))
    assert interrupted(shell, path, 2).code == 130
    before = Path(path).read_text()
    Path(path).write_bytes(mend(before).encode())

    refused = shell("send", path)
    [name] = re.findall(r"^To go on with that run: --run (\w+)$", refused.err, re.MULTILINE)
    second = shell("send", path, "--run", name)

    assert (refused.code, refused.out) == (1, "")
    assert "of this input may be on the queue already" in refused.err
    assert "this is another run" in refused.err
    assert second.code == 0
    assert f"Continues run {name}" in second.err
    settle(shell)
    sent = Counter(json.loads(line)["text"] for line in before.splitlines())
    assert (
        Counter(found.body["text"] for found in shell.world.sociocs.accepted() if found.body["text"] != "new") == sent
    )
    assert shell("send", path).code == 0  # the run has ended


def test_a_changed_file_can_be_sent_anew(shell: Shell, tmp_path: Path) -> None:
    """On demand, under a name, all of it is sent, also what the unfinished run has queued."""
    path = lines(tmp_path, *(message(text=f"m {n}") for n in range(15)))
    interrupted(shell, path, 1)
    path = lines(tmp_path, *(message(text=f"m {n}") for n in range(16)))

    second = shell("send", path, "--run", "anew")

    assert second.code == 0
    settle(shell)
    assert shell.world.sociocs.accepted_count == 10 + 16


def test_a_run_that_was_killed_is_taken_up_too(shell: Shell, tmp_path: Path) -> None:
    """The note is there before the first message is queued."""
    path = lines(tmp_path, message())
    content = Valid(1, 1, json.dumps(message()), "").content
    killed = Run(shell.world.environment["MESSAGE_QUEUE_URL"], name_of(Path(path).read_bytes()), [content])
    killed.begin()

    done = shell("send", path)

    assert done.out == f"queued  {killed.keys[0]}  message 1 (line 1)\n"
    assert "which did not end" in done.err


def test_without_a_place_for_notes_the_keys_are_the_same(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command works all the same: no key depends on a note."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    path = lines(tmp_path, *(message() for _ in range(15)))

    first = interrupted(shell, path, 1)
    second = shell("send", path)

    assert second.out.splitlines()[:10] == first.out.splitlines()[:10]
    run = first.out.split()[1].partition("-")[0]
    assert f"With a changed input add --run {run}." in first.err
    assert shell("send", path, "--run", run).out == second.out


def test_what_is_known_of_each_message_is_said(shell: Shell, tmp_path: Path) -> None:
    """Queued, in an unanswered batch, or not tried."""
    path = lines(tmp_path, *(message(text=f"m {n}") for n in range(25)))
    silent = failing(shell, lambda call: ReadTimeoutError(endpoint_url="sqs") if call == 1 else None)

    done = silent("send", path, "--json")

    assert done.code == 1
    assert done.json["queued"] == 10
    assert Counter(row["error"] for row in done.json["messages"]) == {
        None: 10,
        "SQS did not answer; it may be queued": 10,
        "not tried": 5,
    }


def test_fifo_messages_are_grouped_by_recipient(make_shell: Callable[..., Shell], tmp_path: Path) -> None:
    """The order is kept for each recipient, or for the group that is named."""
    shell = make_shell(fifo=True)
    path = lines(tmp_path, message(to="+16175550101"), message(to="16175550101", text="2"), message(to="+16175550102"))

    assert shell("send", path).code == 0
    groups = [found["Attributes"]["MessageGroupId"] for found in shell.world.receive()]
    assert sorted(map(groups.count, set(groups))) == [1, 2]

    assert shell("send", path, "--group", "all", "--run", "all").code == 0
    assert {found["Attributes"]["MessageGroupId"] for found in shell.world.receive()} == {"all"}


LATE = {"expires_at": "2020-01-01T00:00:00Z", "idempotency_key": "late"}


def test_a_dry_run_judges_expiry_and_warns_of_numbers(shell: Shell, tmp_path: Path) -> None:
    """A message that has expired would not be sent. A number that nobody has may be what somebody meant."""
    path = lines(tmp_path, message(), message(to="6175551212"), message(metadata=LATE))

    done = shell.bare("send", path, "--dry-run", "--json")

    assert done.code == 1
    assert (done.json["valid"], done.json["invalid"]) == (2, 1)
    assert [problem["message"] for problem in done.json["problems"]] == [3]
    assert done.json["problems"][0]["problem"].startswith("metadata.expires_at: is past")
    numbers = shell.bare("send", lines(tmp_path, message(), message(to="6175551212")), "--dry-run")
    assert numbers.code == 0
    assert "Is the country code missing? message 2 (line 2)\n" in numbers.err
    assert "6175551212" not in numbers.err + numbers.out


def test_an_expired_message_stops_no_run(shell: Shell, tmp_path: Path) -> None:
    """A run that is continued may hold messages that were sent before they expired: that is a warning."""
    done = shell("send", lines(tmp_path, message(), message(metadata=LATE)))

    assert done.code == 0
    assert "1 message will not be sent, because expires_at is past: message 2 (line 2)" in done.err
    assert len(shell.world.receive()) == 2


def test_an_envelope_is_named(shell: Shell) -> None:
    """One line instead of one for each field that a message does not have."""
    done = shell.bare("send", str(ROOT / "events" / "sqs-text.json"))

    assert done.code == 1
    assert done.out == "message 1 (line 1): this is an SQS event: its messages are in Records[].body\n"
