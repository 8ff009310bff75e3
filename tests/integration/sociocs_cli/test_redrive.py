"""`sociocs dead-letters redrive`: back with those that can succeed, nothing lost, nothing sent twice."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from message_sender.contract.message import forwarded
from message_sender.ledger import Entry, Ledger
from message_sender.sqs_limits import MAXIMUM_MESSAGE_BYTES
from sociocs_cli.choice import Choice
from sociocs_cli.redrive import Redrive
from tests.support.aws_clients import until_next_second
from tests.support.builders import message
from tests.support.cli_shell import Letters, Shell
from tests.support.mapping import Mapping
from tests.support.mapping import letters as said
from tests.support.world import World


class Killed(BaseException):
    """The command is gone: nothing of it runs any more."""


REJECTED = Choice(codes=frozenset({"API_REJECTED"}))


def redrive_on(shell: Shell, choice: Choice, client: Any = None) -> Redrive:
    """A run of the command's inside, that hides letters for a second only."""
    until_next_second()
    return Redrive(shell.with_sqs(client).stack, choice, hidden_seconds=1)


def killed_at(world: World, moment: int) -> tuple[Any, list[str]]:
    """A client of a command that is killed at a moment: before its first call, after it, before its second, and so on.

    Also the calls that it made.
    """
    client = boto3.client("sqs", endpoint_url=world.endpoint_url)
    moments, calls = itertools.count(), []

    def pass_moment(**_: Any) -> None:
        if next(moments) >= moment:
            raise Killed

    def note(model: Any, **_: Any) -> None:
        calls.append(model.name)

    client.meta.events.register("before-call.sqs", pass_moment)
    client.meta.events.register("before-call.sqs", note)
    client.meta.events.register("after-call.sqs", pass_moment)
    return client, calls


def depth(world: World, *, dead: bool) -> int:
    """Messages in a queue, visible or not."""
    url = world.environment["DEAD_LETTER_QUEUE_URL" if dead else "MESSAGE_QUEUE_URL"]
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    found = world.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def accepted(world: World) -> Counter[str]:
    """How often each text was accepted."""
    return Counter(found.body["text"] for found in world.sociocs.accepted())


def only_key(shell: Shell) -> frozenset[str]:
    """The key of the only dead letter."""
    [letter] = shell("dead-letters", "list", "--ids", "--json").json["letters"]
    return frozenset({letter["key"]})


def settle(mapping: Mapping) -> None:
    """Let the function have its turns until the queue is empty; the waits that it asks for are over at once."""
    for _ in range(20):
        mapping.turn()
        mapping.end_waits()
        if mapping.depth() == 0:
            return
    raise AssertionError("the queue does not become empty")


AT = {"ATTEMPTED_AT": "2026-11-20T11:00:00.000Z", "FIRST_SEEN": "2026-11-20T10:00:00.000Z"}


@pytest.mark.parametrize(
    ("code", "by_name", "kept"),
    [
        ("API_REJECTED", False, {"UNKNOWN_ATTEMPT": "a", **AT}),
        ("OUTCOME_UNKNOWN", True, {"RESEND_ATTEMPT": "a", "FIRST_SEEN": AT["FIRST_SEEN"]}),
    ],
    ids=["undecided", "decided"],
)
def test_what_goes_back_is_the_message_without_the_error(
    code: str, kept: dict[str, str], shell: Shell, letters: Letters, *, by_name: bool
) -> None:
    """Body, key, first sight and the producer's attributes stay. An attempt is named; a person decides about it."""
    body = '{ "text" : "as it \\u00e4 came" }'
    attributes = {"IDEMPOTENCY_KEY": "k", "UNKNOWN_ATTEMPT": "a", "trace": "t-1", "ERROR_CODE": code, **AT}
    letter = letters.put(body, {**attributes, "ERROR_MESSAGE": "no", "RETRY_ATTEMPTS": "1"})

    done = shell("dead-letters", "redrive", *([letter] if by_name else ["--code", code]))

    assert (done.code, done.out) == (0, f"1 dead letter sent back: 1 {code}\n")
    [back] = shell.world.receive()
    assert back["Body"] == body
    assert {name: value["StringValue"] for name, value in back["MessageAttributes"].items()} == {
        "IDEMPOTENCY_KEY": "k",
        "trace": "t-1",
        **kept,
    }
    assert depth(shell.world, dead=True) == 0


def test_a_decision_that_sqs_moved_is_no_decision_any_more(shell: Shell, letters: Letters) -> None:
    """A message that killed the function carries it still. Whether it was sent nobody knows: somebody decides anew."""
    resend = {"RESEND_ATTEMPT": {"DataType": "String", "StringValue": "a"}}
    letters.moved_by_sqs(MessageAttributes=resend)

    assert shell("dead-letters", "redrive").code == 0

    [back] = shell.world.receive()
    assert "RESEND_ATTEMPT" not in back["MessageAttributes"]
    assert back["MessageAttributes"]["UNKNOWN_ATTEMPT"]["StringValue"] == "a"


def test_the_named_letters_go_back_and_no_others(shell: Shell, letters: Letters) -> None:
    """By id or by key, whatever their code; what is not there is said, and no failure of the others."""
    by_id = letters.ours("INVALID_MESSAGE", key="one")
    for key in ("two", "twofold", "four"):
        letters.ours("OUTCOME_UNKNOWN", key=key, UNKNOWN_ATTEMPT="a")

    done = shell("dead-letters", "redrive", by_id, "two", "fou", "--json")

    assert done.code == 1
    assert "Error: not found: fou" in done.err
    assert done.json["codes"] == {"INVALID_MESSAGE": 1, "OUTCOME_UNKNOWN": 1}
    assert done.json["not_found"] == ["fou"]
    assert {letter["IDEMPOTENCY_KEY"] for letter in said(shell.world)} == {"twofold", "four"}


def test_what_would_fail_again_stays_unless_it_is_named(shell: Shell, letters: Letters) -> None:
    """A redrive of everything is one of what can succeed now."""
    for code in ("INVALID_MESSAGE", "EXPIRED", "IDEMPOTENCY_CONFLICT", "API_REJECTED"):
        letters.ours(code)

    first = shell("dead-letters", "redrive", "--json").json
    second = shell("dead-letters", "redrive", "--code", "EXPIRED", "--json").json

    assert first["codes"] == {"API_REJECTED": 1}
    assert {row["code"] for row in first["stayed"]} == {"INVALID_MESSAGE", "EXPIRED", "IDEMPOTENCY_CONFLICT"}
    assert all("it would fail again" in row["reason"] for row in first["stayed"])
    assert second["codes"] == {"EXPIRED": 1}


def test_only_the_chosen_codes_go_back_and_the_others_can_be_seen_at_once(shell: Shell, letters: Letters) -> None:
    """`--code` may be repeated and written in any case; nothing else moves or stays hidden."""
    for code in ("API_REJECTED",) * 13 + ("INVALID_MESSAGE",) * 12 + ("EXPIRED",) * 2:
        letters.ours(code)

    done = shell("dead-letters", "redrive", "--code", "api_rejected", "--code", "EXPIRED", "--json").json

    assert done["codes"] == {"API_REJECTED": 13, "EXPIRED": 2}
    assert done["not_chosen"] == {"INVALID_MESSAGE": 12}
    assert [letter["ERROR_CODE"] for letter in said(shell.world)] == ["INVALID_MESSAGE"] * 12
    assert depth(shell.world, dead=False) == 15


def test_a_limit_is_kept(shell: Shell, letters: Letters) -> None:
    """Of 14 the three that may go go, whatever came in one batch with them."""
    for _ in range(14):
        letters.ours()

    assert shell("dead-letters", "redrive", "--limit", "3", "--json").json["returned"] == 3
    assert len(said(shell.world)) == 11


@pytest.mark.parametrize("choice", [[], ["--code", "API_REJECTED"], ["--limit", "5"]])
def test_a_dry_run_changes_nothing(choice: list[str], shell: Shell, letters: Letters) -> None:
    """It counts what would go back, and leaves every letter visible."""
    for _ in range(3):
        letters.ours()

    done = shell("dead-letters", "redrive", "--dry-run", *choice)

    assert (done.code, done.out) == (0, "3 dead letters would go back: 3 API_REJECTED\n")
    assert depth(shell.world, dead=False) == 0
    assert len(said(shell.world)) == 3


def test_everything_goes_back_that_can(shell: Shell, letters: Letters) -> None:
    """Of every kind, letter by letter; the function overlooks the error that is still on what SQS moved."""
    for code in ("API_REJECTED", "RETRIES_EXHAUSTED"):
        letters.ours(code)
    letters.moved_by_sqs()
    letters.of_eventbridge()

    done = shell("dead-letters", "redrive", "--json").json

    assert (done["returned"], done["codes"]["MOVED_BY_SQS"]) == (4, 1)
    assert depth(shell.world, dead=True) == 0
    shell.world.sociocs.rule(text_contains="letter 1", status=400)
    mapping = Mapping(shell.world)
    settle(mapping)
    assert accepted(shell.world) == dict.fromkeys(letters.texts[1:], 1)
    assert [(letter["IDEMPOTENCY_KEY"], letter["ERROR_CODE"]) for letter in said(shell.world)] == [
        ("key-1", "API_REJECTED")
    ]


def test_unknown_outcomes_go_back_only_when_somebody_has_seen_them(shell: Shell, letters: Letters) -> None:
    """Those that come between the look and the redrive are not decided about, though they have the same code."""
    letters.ours()
    letters.ours("OUTCOME_UNKNOWN", key="seen", UNKNOWN_ATTEMPT="a")

    first = shell("dead-letters", "redrive")
    until_next_second()
    listed = shell("dead-letters", "list", "--code", "OUTCOME_UNKNOWN", "--json")
    letters.ours("OUTCOME_UNKNOWN", key="new", UNKNOWN_ATTEMPT="b")
    by_code = shell("dead-letters", "redrive", "--code", "OUTCOME_UNKNOWN")
    seen = ["--code", "OUTCOME_UNKNOWN", "--seen-before", listed.json["read_at"]]
    second = shell("dead-letters", "redrive", *seen, "--json")

    assert first.code == 0
    assert "1 dead letter sent back: 1 API_REJECTED" in first.out
    assert "1 OUTCOME_UNKNOWN stayed: it may have been sent already: look in Sociocs first" in first.out
    assert by_code.code == 2
    assert "--seen-before TIME" in by_code.err
    assert (second.json["codes"], second.json["not_chosen"]) == ({"OUTCOME_UNKNOWN": 1}, {"OUTCOME_UNKNOWN": 1})
    assert [letter["IDEMPOTENCY_KEY"] for letter in said(shell.world)] == ["new"]
    backs = [back["MessageAttributes"] for back in shell.world.receive()]
    assert [back["RESEND_ATTEMPT"]["StringValue"] for back in backs if "RESEND_ATTEMPT" in back] == ["a"]


def test_an_unknown_outcome_is_sent_once_more_and_once_only(shell: Shell, letters: Letters) -> None:
    """A named unknown outcome that goes back twice, since the first run died, is one more request."""
    world = shell.world
    world.send(letters.new())
    rule = world.sociocs.rule(drop="after-reading")
    mapping = Mapping(world)
    settle(mapping)
    assert world.sociocs.applied(rule) == 1
    world.sociocs.clear_rules()

    client, _ = killed_at(world, moment=6)  # before its fourth call: it is sent back, and not deleted
    by_name = Choice(names=only_key(shell))
    with pytest.raises(Killed):
        redrive_on(shell, by_name, client).run()
    redrive_on(shell, by_name).run()

    assert depth(world, dead=False) == 2
    settle(mapping)
    assert world.sociocs.count == 2
    assert accepted(world) == {letters.texts[0]: 1}
    assert depth(world, dead=True) == 0


def test_a_message_that_died_in_mid_send_is_not_sent_again(shell: Shell, letters: Letters) -> None:
    """SQS moved it, its key was its id: it goes back with that key, and the ledger knows the attempt that died."""
    world, body = shell.world, letters.new()
    key = letters.moved_by_sqs(body)
    ledger = Ledger(world.client("dynamodb"), world.name, 15, resend_unknown=False)
    ledger.begin(Entry.of(key, forwarded(body, None), "died"), time.time() - 120, time.time() - 60)

    assert shell("dead-letters", "redrive").code == 0

    settle(Mapping(world))
    assert world.sociocs.count == 0
    [letter] = said(world)
    assert (letter["ERROR_CODE"], letter["UNKNOWN_ATTEMPT"], letter["IDEMPOTENCY_KEY"]) == (
        "OUTCOME_UNKNOWN",
        "died",
        key,
    )


def test_events_of_a_failed_function_go_back_one_by_one(shell: Shell, letters: Letters) -> None:
    """Lambda's record holds an event, or an array of them: each is a message of its own again."""
    letters.of_lambda()
    letters.of_lambda(events=12)

    done = shell("dead-letters", "redrive", "--code", "FUNCTION_FAILED", "--json").json

    assert done["codes"] == {"FUNCTION_FAILED": 2}
    assert depth(shell.world, dead=False) == 13
    settle(Mapping(shell.world))
    assert accepted(shell.world) == dict.fromkeys(letters.texts, 1)


def test_a_record_without_an_event_stays(shell: Shell, letters: Letters) -> None:
    """What invoked the function was no event: sending it back cannot help, and it is not dropped."""
    letters.put({"requestContext": {}, "requestPayload": {"some": "thing"}})

    done = shell("dead-letters", "redrive")

    assert "1 FUNCTION_FAILED stayed: the event that it holds is neither" in done.out
    assert depth(shell.world, dead=True) == 1


@pytest.mark.parametrize("full", ["attributes", "bytes"])
def test_without_room_for_its_key_a_letter_stays(full: str, shell: Shell, letters: Letters) -> None:
    """Interrupted, it could be sent twice: it goes only when somebody says so; one with a key in its body goes."""
    ten = {"MessageAttributes": {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(10)}}
    options = ten if full == "attributes" else {}

    def exact(body: dict[str, Any]) -> str:
        return json.dumps(body).ljust(MAXIMUM_MESSAGE_BYTES if full == "bytes" else 0)

    letters.moved_by_sqs(exact(letters.new()), **options)
    letters.moved_by_sqs(exact(letters.new(metadata={"idempotency_key": "own"})), **options)

    first = shell("dead-letters", "redrive")
    second = shell("dead-letters", "redrive", "--without-key")

    assert "1 dead letter sent back: 1 MOVED_BY_SQS" in first.out
    assert "1 MOVED_BY_SQS stayed: no room for its key" in first.out
    assert "--without-key" in first.out
    assert second.out == "1 dead letter sent back: 1 MOVED_BY_SQS\n"
    settle(Mapping(shell.world))
    assert accepted(shell.world) == dict.fromkeys(letters.texts, 1)


def test_an_api_that_always_resets_is_asked_once_for_a_decision(shell: Shell, letters: Letters) -> None:
    """The function fails as quickly as the redrive reads: the letter of the new attempt is left for the next run."""
    world = shell.world
    world.send(letters.new())
    world.sociocs.rule(drop="after-reading")
    mapping = Mapping(world)
    settle(mapping)
    client = boto3.client("sqs", endpoint_url=world.endpoint_url)
    client.meta.events.register("after-call.sqs.DeleteMessageBatch", lambda **_: settle(mapping))
    redrive = redrive_on(shell, Choice(names=only_key(shell)), client)

    redrive.run()

    assert world.sociocs.count == 2
    assert redrive.report.returned == {"OUTCOME_UNKNOWN": 1}
    assert redrive.report.newer + redrive.report.stayed.total() == 1
    assert [found["ERROR_CODE"] for found in said(world)] == ["OUTCOME_UNKNOWN"]


MOMENTS = range(2, 18)
"""Before and after each call of a redrive of the letters below, from the first that receives some."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_and_run_again_it_loses_and_doubles_nothing(
    moment: int, shell: Shell, letters: Letters
) -> None:
    """Whatever call it dies before or after, without a chance to tidy up, the next run ends it well."""
    world = shell.world
    for _ in range(9):
        letters.ours()
    letters.moved_by_sqs()
    letters.of_eventbridge()
    letters.of_lambda(events=2)
    codes = frozenset({"API_REJECTED", "MOVED_BY_SQS", "NO_PERMISSIONS", "FUNCTION_FAILED"})
    choice = Choice(codes=codes) if moment % 2 else Choice()
    client, calls = killed_at(world, moment)

    killed = True
    try:
        redrive_on(shell, choice, client).run()
        killed = False
    except Killed:
        pass
    mapping = Mapping(world)
    settle(mapping)  # the function takes what came back, before the second run sends it once more
    redrive_on(shell, choice).run()

    assert killed or moment >= 16, calls
    settle(mapping)
    assert accepted(world) == dict.fromkeys(letters.texts, 1)
    assert depth(world, dead=True) == 0


def test_what_another_reader_keeps_is_told_and_no_success(shell: Shell, letters: Letters) -> None:
    """It waited for as long as another redrive may hold a letter; then exit code 1 says that this is not the end."""
    letters.ours()
    [held] = shell.world.receive(dead=True)
    letters.ours()

    done = shell("dead-letters", "redrive", "--visibility-timeout", "1")

    assert done.code == 1
    assert done.out.startswith("1 dead letter sent back: 1 API_REJECTED\n1 could not be read")
    assert "not everything could be read: run it again" in done.err
    assert held["Body"] not in {found["Body"] for found in shell.world.receive()}


def test_two_at_the_same_time_send_nothing_twice(shell: Shell, letters: Letters) -> None:
    """Two operators with the same idea share the letters; what both sent the function sends once."""
    world = shell.world
    for _ in range(30):
        letters.ours()
    runs = [redrive_on(shell, REJECTED) for _ in range(2)]
    threads = [threading.Thread(target=redrive.run) for redrive in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(redrive.report.returned.total() for redrive in runs) == 30
    settle(Mapping(world))
    assert accepted(world) == dict.fromkeys(letters.texts, 1)


def test_what_sqs_refuses_stays_a_dead_letter(shell: Shell, letters: Letters) -> None:
    """A letter that cannot be sent is tried again, stays, is named, and the command says that it failed."""
    letters.ours()
    letters.ours()
    client = boto3.client("sqs", endpoint_url=shell.world.endpoint_url)  # its own, since it is changed
    redrive = redrive_on(shell, REJECTED, client)
    send, tries = client.send_message_batch, []

    def refuses_the_first(**call: Any) -> Any:
        tries.append(len(call["Entries"]))
        kept = [entry for entry in call["Entries"] if "letter 1" not in entry["MessageBody"]]
        failed = [
            {"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in call["Entries"] if e not in kept
        ]
        return {**(send(**{**call, "Entries": kept}) if kept else {}), "Failed": failed}

    client.send_message_batch = refuses_the_first  # type: ignore[method-assign]
    redrive.run()

    assert tries == [2, 1, 1, 1, 1]
    assert redrive.report.returned == {"API_REJECTED": 1}
    assert redrive.report.failed == {("API_REJECTED", "InternalError"): 1}
    assert [letter["IDEMPOTENCY_KEY"] for letter in said(shell.world)] == ["key-1"]


def test_without_a_queue_to_go_to_nothing_is_removed(shell: Shell, letters: Letters) -> None:
    """A refused call ends the command with exit code 1, and every letter is where it was."""
    letters.ours()
    shell.world.client("sqs").delete_queue(QueueUrl=shell.world.environment["MESSAGE_QUEUE_URL"])

    done = shell("dead-letters", "redrive", "--code", "API_REJECTED")

    assert done.code == 1
    assert "a queue of the stack does not exist any more" in done.err
    assert len(said(shell.world)) == 1


def test_fifo_letters_go_back_in_their_group(make_shell: Callable[..., Shell]) -> None:
    """Each keeps its group, also within the five minutes in which SQS drops what it takes for a duplicate."""
    shell = make_shell(fifo=True)
    world = shell.world
    body = message(channel_key="wrong")
    world.sociocs.rule(channel_key="wrong", status=400)
    for number, group in enumerate(["a", "b", "a"]):
        world.send({**body, "text": f"m {number}"}, MessageGroupId=group)
    mapping = Mapping(world)
    settle(mapping)
    assert depth(world, dead=True) == 3

    assert shell("dead-letters", "redrive", "--code", "API_REJECTED", "--json").json["returned"] == 3
    settle(mapping)
    world.sociocs.clear_rules()
    assert depth(world, dead=True) == 3  # refused again
    assert shell("dead-letters", "redrive", "--json").json["returned"] == 3

    back = world.receive()
    assert sorted(letter["Attributes"]["MessageGroupId"] for letter in back) == ["a", "a", "b"]
    assert depth(world, dead=True) == 0


def test_events_of_a_fifo_stack_go_back_to_the_group_of_events(make_shell: Callable[..., Shell]) -> None:
    """They lie in a queue of their own, which is no FIFO queue: the command reads both."""
    shell = make_shell(fifo=True)
    letters = Letters(shell.world)
    letters.put("bad", {"ERROR_CODE": "API_REJECTED"}, MessageGroupId="a")
    letters.of_eventbridge()
    letters.of_lambda()

    assert shell("dead-letters", "list", "--json").json["total"] == 3
    assert shell("dead-letters", "redrive", "--json").json["returned"] == 3

    back = shell.world.receive()
    assert sorted(found["Attributes"]["MessageGroupId"] for found in back) == ["a", "eventbridge", "eventbridge"]
