"""The apikey: where it is read from, how it is renewed, and that nobody ever sees it."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.parameters import GetParameterError

from message_sender.handler import Application
from message_sender.sociocs.api_key import ApiKey, ApiKeySource, ApiKeyUnavailableError
from tests.support.builders import message, sqs_event, sqs_record
from tests.support.mapping import Mapping
from tests.support.world import FakeContext, World

OLD, NEW = "e047nbp2UnWuHD9m:Xqc37DHPGMyF0Z4hWX3Afn1Iyj6j7dPc", "f158ocq3VoXvIE0n:Yrd48EIQHNzG1A5iXY4Bgo2Jzk7k8eQd"


def reads(world: World) -> int:
    """How often the secret was read."""
    url = f"{world.endpoint_url}/_sandbox/calls?service=secretsmanager"
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - http on loopback
        calls = json.load(answer)
    return sum(call["operation"] == "GetSecretValue" and world.name in call["resources"] for call in calls)


def rotate(world: World, secret: str | bytes, *valid: str) -> None:
    """Put another value into the secret, and another apikey into Sociocs."""
    kind = "SecretBinary" if isinstance(secret, bytes) else "SecretString"
    world.client("secretsmanager").put_secret_value(SecretId=world.name, **{kind: secret})
    world.sociocs.set_apikeys(valid)


def deliver(application: Application, *records: dict[str, Any]) -> int:
    """Handle a batch; how many messages went back."""
    failures = application.handle(sqs_event(*records), FakeContext())["batchItemFailures"]
    return len(failures)


@pytest.mark.parametrize(
    "secret",
    [
        OLD,
        f"  {OLD}\n",
        json.dumps({"apikey": OLD}),
        json.dumps({"apikey": f" {OLD} ", "note": "of the shop"}, indent=2),
        OLD.encode(),
        f'"{OLD}"',
        f"'{OLD}'\n",
        f"\ufeff{OLD}\r\n",
        f"\u201c{OLD}\u201d",
        json.dumps({"apikey": f'"{OLD}"'}),
        json.dumps({"api_key": OLD}),
    ],
    ids=[
        "plain",
        "plain-with-newline",
        "json",
        "json-with-more",
        "binary",
        "quoted",
        "single-quoted",
        "with-a-byte-order-mark",
        "with-typographic-quotes",
        "json-quoted",
        "json-with-another-name",
    ],
)
def test_forms_of_the_secret(secret: str | bytes, world: World) -> None:
    """A plain string or JSON with `apikey`, as the console and the command line leave them."""
    rotate(world, secret, OLD)

    assert deliver(world.application(), sqs_record(message())) == 0
    assert world.sociocs.accepted_count == 1


def test_it_is_read_once_and_kept(world: World) -> None:
    """Within its maximum age the secret is read once, whatever the number of messages."""
    application = world.application()

    for _ in range(3):
        deliver(application, sqs_record(message()), sqs_record(message()))

    assert world.sociocs.accepted_count == 6
    assert reads(world) == 1


def test_it_is_read_again_past_its_maximum_age(world: World) -> None:
    """With an age of 0 each message reads it: a rotation that keeps both keys valid is noticed without a refusal."""
    application = world.application(api_key_max_age_seconds="0")

    deliver(application, sqs_record(message()))
    deliver(application, sqs_record(message()))

    assert reads(world) == 2


def test_a_rotation_between_two_messages(world: World) -> None:
    """The refused request is made again with the new apikey: nothing waits, nothing is lost."""
    rotate(world, OLD, OLD)
    application = world.application()
    deliver(application, sqs_record(message()))
    rotate(world, NEW, NEW)

    assert deliver(application, sqs_record(message())) == 0
    assert [request.status for request in world.sociocs.requests()] == [200, 401, 200]
    assert reads(world) == 2


def test_ten_refusals_at_once_make_one_refresh(world: World) -> None:
    """All threads of a batch meet the rotation together; one of them reads the secret, and all go on with it."""
    rotate(world, OLD, OLD)
    application = world.application(send_concurrency="10")
    deliver(application, sqs_record(message()))
    rotate(world, NEW, NEW)
    rule = world.sociocs.hold(nth=list(range(1, 11)))
    failed: list[int] = []
    batch = threading.Thread(
        target=lambda: failed.append(deliver(application, *(sqs_record(message()) for _ in range(10))))
    )

    batch.start()
    world.sociocs.wait_for_waiting(10)
    world.sociocs.release(rule)
    batch.join()

    assert failed == [0]
    assert world.sociocs.accepted_count == 11
    assert world.sociocs.count == 1 + 10 + 10
    assert reads(world) == 2


def test_an_apikey_that_stays_refused_is_not_hammered(world: World) -> None:
    """A wrong apikey costs a batch two messages' requests, and the second confirms it: not two for each of its ten."""
    rotate(world, OLD, NEW)
    mapping = Mapping(world, {"send_concurrency": "1"})
    sent = [world.send(message()) for _ in range(10)]

    assert sorted(mapping.turn()) == sorted(sent)
    assert world.sociocs.count == 4
    assert reads(world) == 3


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "the secret cannot be read (ResourceNotFoundException)"),
        (" \n", "the secret is empty"),
        (b"\x00\xff planted", "the secret holds characters that an apikey cannot have"),
        ("{planted", "the secret is neither a plain apikey nor JSON"),
        ('{"apikey": ""}', 'the secret is JSON without a string "apikey"'),
        ('{"apikey": 12345}', 'the secret is JSON without a string "apikey"'),
        ('{"key": "planted"}', 'the secret is JSON without a string "apikey"'),
        ("apikey: planted-id:planted", "the secret holds characters that an apikey cannot have"),
        (
            "apikey=planted-id:planted",
            "the secret is an apikey with something around it: store the apikey alone, ID:SECRET",
        ),
        (r'"{\"apikey\": \"planted\"}"', "the secret is neither a plain apikey nor JSON"),
        ("`planted", "the secret is an apikey with something around it: store the apikey alone, ID:SECRET"),
        ('{"apikey": "planted\\nX-Evil: 1"}', "the secret holds characters that an apikey cannot have"),
        ("planted\r\nX-Evil: 1", "the secret holds characters that an apikey cannot have"),
        ("planted key", "the secret holds characters that an apikey cannot have"),
        ("plantéd", "the secret holds characters that an apikey cannot have"),
    ],
)
def test_a_bad_secret(
    secret: str | bytes | None,
    words: str,
    world: World,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The message waits, nothing is sent, and the log says what to do without showing what the secret holds."""
    if secret is None:
        world.client("secretsmanager").delete_secret(SecretId=world.name, ForceDeleteWithoutRecovery=True)
    else:
        rotate(world, secret)
    mapping = Mapping(world)
    sent = world.send(message())

    assert mapping.turn() == [sent]

    assert world.sociocs.count == 0
    output = capsys.readouterr()
    (line,) = [json.loads(line) for line in output.out.splitlines() if '"route"' in line]
    assert line["code"] == "DEPENDENCY_UNAVAILABLE"
    command = f"aws secretsmanager put-secret-value --secret-id {world.name} --secret-string file:///dev/stdin"
    assert line["reason"] == f"{words}; fill it with: {command}"
    everything = output.out + output.err + caplog.text
    assert "plant" not in everything
    assert "Evil" not in everything


def test_a_secret_that_is_filled_later_needs_nothing_else(world: World) -> None:
    """The operator fills it after the first messages came: the next delivery goes through, in a warm function too."""
    rotate(world, " ", OLD)
    mapping = Mapping(world)
    world.send(message())
    mapping.turn()
    rotate(world, OLD, OLD)

    mapping.end_waits()
    assert mapping.turn() == []


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_an_api_that_repeats_the_apikey_and_the_message(
    status: int, world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither is in the log, on a dead letter or in an answer, whatever Sociocs says about them."""
    said = f"apikey {world.apikey} may not send Planted text to 16175550123 (Planted name)"
    world.sociocs.rule(status=status, body={"status": "error", "errors": [{"msg": said}]})
    mapping = Mapping(world)
    world.send(message(text="Planted text", name="Planted name"))

    mapping.turn()

    output = capsys.readouterr()
    dead = [letter["MessageAttributes"] for letter in world.receive(dead=True)]
    everything = output.out + output.err + caplog.text + repr(dead)
    assert f"Sociocs answered {status}" in everything
    for secret in (world.apikey, "e047nbp2UnWuHD9m", "Planted text", "Planted name", "6175550123"):
        assert secret not in everything


class HangingSecrets:
    """A Secrets Manager that fails when it is let go, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked, self.let_go = 0, threading.Event()

    def get(self, *_: object, **__: object) -> str:
        """Fail, later."""
        self.asked += 1
        assert self.let_go.wait(10)
        raise GetParameterError("(ReadTimeout)")


class CountingLock:
    """A lock that says how many have come to it."""

    def __init__(self) -> None:
        self.came, self._lock, self._count = 0, threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._count:
            self.came += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("call", ["get", "refresh"])
def test_a_failure_is_shared_by_those_who_waited_for_it(call: str) -> None:
    """Ten threads that ask at once wait for one answer of Secrets Manager, not for ten, one after the other."""
    secrets = HangingSecrets()
    source = ApiKeySource("secret", cast(Any, secrets), 300)
    lock = CountingLock()
    source._lock = cast(Any, lock)

    def ask(_: int) -> str:
        with pytest.raises(ApiKeyUnavailableError) as found:
            source.get() if call == "get" else source.refresh(ApiKey("refused"))
        return str(found.value)

    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(ask, range(10))
        _until(lambda: lock.came == 10)
        secrets.let_go.set()
        assert len(set(answers)) == 1

    assert secrets.asked == 1
    with pytest.raises(ApiKeyUnavailableError):
        source.get()
    assert secrets.asked == 2, "the next message asks anew"


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_refused_apikey_that_cannot_be_read_anew_says_both(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The operator hears that Sociocs refused it, and why there is no other."""
    rotate(world, OLD, OLD)
    mapping = Mapping(world)
    world.send(message())
    mapping.turn()
    world.sociocs.set_apikeys([NEW])
    world.client("secretsmanager").delete_secret(SecretId=world.name, ForceDeleteWithoutRecovery=True)
    world.send(message())

    assert len(mapping.turn()) == 1

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"returned"' in line]
    assert line["code"] == "DEPENDENCY_UNAVAILABLE"
    assert line["reason"].startswith("Sociocs answered 401")
    assert "read anew, the secret cannot be read (ResourceNotFoundException)" in line["reason"]


@pytest.mark.parametrize("part", [0, 1])
def test_an_api_that_repeats_a_part_of_the_apikey(part: int, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """An apikey is an id and a secret: neither is shown."""
    secret = "planted-id:planted-secret"
    rotate(world, secret, secret)
    said = f"the key {secret.split(':')[part]} may not do that"
    world.sociocs.rule(status=400, body={"status": "error", "errors": [{"msg": said}]})
    mapping = Mapping(world)
    world.send(message())

    mapping.turn()

    assert "the key *** may not do that" in capsys.readouterr().out


def test_an_apikey_does_not_show_itself() -> None:
    """Whoever prints one sees which refresh it came from, and no more."""
    assert OLD not in repr(ApiKey(OLD, 3))
    assert "3" in repr(ApiKey(OLD, 3))


# --- a secret that cannot be read -------------------------------------------------------------------------------------


class FlakySecrets:
    """A secret that is read, or is not."""

    def __init__(self) -> None:
        self.value: str | None = OLD

    def get(self, name: str, max_age: int, *, force_fetch: bool) -> object:  # noqa: ARG002 - the reader's signature
        """Give it, or fail."""
        if self.value is None:
            raise GetParameterError("throttled")
        return self.value

    def clear_cache(self) -> None:
        """There is none."""


def test_an_apikey_in_hand_is_used_until_it_is_refused() -> None:
    """Secrets Manager is down, and Sociocs is not: messages go on, and it is counted."""
    secrets, stale = FlakySecrets(), []
    source = ApiKeySource("secret", secrets, 0, on_stale=lambda: stale.append(1))
    key = source.get()
    secrets.value = None

    assert [source.get().value for _ in range(3)] == [OLD] * 3
    assert len(stale) == 3
    with pytest.raises(ApiKeyUnavailableError):
        source.refresh(key)
    with pytest.raises(ApiKeyUnavailableError):
        source.get()


def test_without_an_apikey_in_hand_the_secret_is_needed() -> None:
    """The first message of an instance has no other."""
    secrets = FlakySecrets()
    secrets.value = None

    with pytest.raises(ApiKeyUnavailableError):
        ApiKeySource("secret", secrets, 300).get()


def test_a_secret_that_is_emptied_stops_nothing_at_once() -> None:
    """Somebody edits it: until the apikey in hand is refused, messages go on."""
    secrets = FlakySecrets()
    source = ApiKeySource("secret", secrets, 0)
    source.get()
    secrets.value = ""

    assert source.get().value == OLD
