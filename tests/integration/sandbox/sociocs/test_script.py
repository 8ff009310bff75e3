"""Scripted behaviour: each effect and each condition, seen by an ordinary client."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from sandbox.sociocs.client import SociocsSimulator

Post = Callable[..., requests.Response]


def test_a_scripted_status_has_the_documented_form_and_accepts_nothing(post: Post, simulator: SociocsSimulator) -> None:
    """An outage looks like the API's own, with the headers asked for, until the rule is cleared."""
    rule = simulator.rule(status=503, headers={"Retry-After": "7"})
    response = post()

    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
    assert response.json() == {"status": "error", "errors": [{"msg": "Scripted answer 503."}]}
    assert (simulator.accepted(), simulator.requests()[0].rule) == ([], rule)
    simulator.clear_rules()
    assert post().status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("<h1>Welcome</h1>", "text/html", "<h1>Welcome</h1>"),
        ("", "text/plain", ""),
        ({"status": "success"}, "application/json", '{"status": "success"}'),
    ],
)
def test_a_scripted_body_is_sent_as_it_is(
    post: Post, simulator: SociocsSimulator, body: Any, content_type: str, text: str
) -> None:
    """A scripted answer with status 200 can have any body."""
    simulator.rule(status=200, body=body)
    response = post()

    assert (response.status_code, response.text) == (200, text)
    assert response.headers.get("Content-Type", content_type) == content_type


@pytest.mark.parametrize(
    "conditions",
    [
        {"to": "16175551299"},
        {"to": "+16175551299"},
        {"channel_key": "ck_bad"},
        {"text_contains": "poison"},
        {"channel_key": "ck_bad", "text_contains": "poison"},
    ],
)
def test_a_rule_applies_to_what_meets_all_its_conditions(
    post: Post, simulator: SociocsSimulator, conditions: dict[str, str]
) -> None:
    """Messages that do not meet the conditions are judged as usual."""
    simulator.rule(status=500, **conditions)  # type: ignore[arg-type]  # each a str

    assert post().status_code == 200
    assert post(to="+16175551299", channel_key="ck_bad", text="some poison pill").status_code == 500


def test_a_rule_can_be_for_the_nth_request_and_for_so_many_times(post: Post, simulator: SociocsSimulator) -> None:
    """Requests are counted from the making of the rule, among those that meet its conditions."""
    post()
    second_and_fourth = simulator.rule(nth=[2, 4], status=500)
    once = simulator.rule(times=1, status=503)

    assert [post().status_code for _ in range(5)] == [503, 500, 200, 500, 200]
    assert (simulator.applied(second_and_fourth), simulator.applied(once)) == (2, 1)


def test_the_first_rule_that_applies_wins(post: Post, simulator: SociocsSimulator) -> None:
    """Rules are asked in the order in which they were made."""
    simulator.rule(text_contains="a", status=501)
    simulator.rule(text_contains="ab", status=502)

    assert post(text="ab").status_code == 501


def test_a_held_request_is_seen_and_answered_when_released(post: Post, simulator: SociocsSimulator) -> None:
    """A test decides when a held request is answered."""
    rule = simulator.hold()
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(post) for _ in range(2)]
        simulator.wait_for_waiting(2)
        assert [request.fate for request in simulator.requests()] == ["waiting", "waiting"]
        assert not any(answer.done() for answer in answers)
        assert simulator.accepted_count == 2  # judged when they came
        simulator.release(rule)
        assert [answer.result().status_code for answer in answers] == [200, 200]
    assert simulator.waiting == 0
    assert post().status_code == 200


def test_only_the_named_rule_is_released(post: Post, simulator: SociocsSimulator) -> None:
    """Held requests can be released in any order."""
    first, second = simulator.hold(text_contains="first"), simulator.hold(text_contains="second")
    with ThreadPoolExecutor() as threads:
        answers = {text: threads.submit(post, text=text) for text in ("first", "second")}
        simulator.wait_for_waiting(2)
        simulator.release(second)
        assert answers["second"].result().status_code == 200
        assert not answers["first"].done()
        simulator.release(first)
        assert answers["first"].result().status_code == 200


@pytest.mark.parametrize("free", ["reset", "clear_rules"])
def test_nothing_stays_held_without_a_rule(post: Post, simulator: SociocsSimulator, free: str) -> None:
    """A held request is answered when its rule ends."""
    simulator.hold()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(post)
        simulator.wait_for_request()
        getattr(simulator, free)()
        assert answer.result().status_code == 200
    assert simulator.waiting == 0


def test_a_sender_that_went_away_leaves_its_request_behind(post: Post, simulator: SociocsSimulator) -> None:
    """A request counts as received, also if its sender no longer waits for the answer."""
    simulator.hold()
    with pytest.raises(requests.ReadTimeout):
        post(timeout=0.2)
    assert [request.accepted for request in simulator.wait_for_request(1)] == [True]
    simulator.release()
    assert post().status_code == 200


def test_a_delayed_answer_comes_late(post: Post, simulator: SociocsSimulator) -> None:
    """A delay longer than the sender's patience is a read timeout; a shorter one is just an answer."""
    simulator.rule(delay_seconds=0.4, times=1)
    simulator.rule(delay_seconds=0.01)

    with pytest.raises(requests.ReadTimeout):
        post(timeout=0.1)
    assert post().status_code == 200


@pytest.mark.parametrize("drop", ["before-reading", "after-reading"])
def test_a_dropped_request_gets_no_answer_and_is_not_accepted(
    post: Post, simulator: SociocsSimulator, drop: Any
) -> None:
    """The connection closes without an answer."""
    simulator.rule(drop=drop, times=1)
    with pytest.raises(requests.ConnectionError):
        post()

    (request,) = simulator.requests()
    assert (request.status, request.fate, request.accepted) == (None, "dropped", False)
    assert (request.body is None) is (drop == "before-reading")
    assert post().status_code == 200


@pytest.mark.parametrize("effect", [{"drop": "after-reading"}, {"status": 502}])
def test_an_accepted_message_can_lose_its_answer(
    post: Post, simulator: SociocsSimulator, effect: dict[str, Any]
) -> None:
    """The message is accepted, and its sender gets no answer or an error."""
    simulator.rule(accept=True, **effect)
    try:
        assert post().status_code == 502
    except requests.ConnectionError:
        assert "drop" in effect

    assert (simulator.accepted_count, simulator.requests()[0].accepted) == (1, True)


def test_an_invalid_message_is_not_accepted_by_a_rule(post: Post, simulator: SociocsSimulator) -> None:
    """`accept` takes valid messages only."""
    simulator.rule(accept=True, status=502)
    post(to="nobody")

    assert simulator.accepted() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"drop": "before-reading", "to": "+1"},
        {"drop": "before-reading", "accept": True},
        {"drop": "sometimes"},
        {"status": 500, "drop": "after-reading"},
        {"status": 99},
        {"status": 200},
        {"headers": {"Retry-After": "1"}},
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(simulator: SociocsSimulator, rule: dict[str, Any]) -> None:
    """A test that makes a senseless rule fails at that line."""
    with pytest.raises(ValueError, match=r"."):
        simulator.rule(**rule)


def test_the_control_api_refuses_what_it_does_not_know(simulator: SociocsSimulator, session: requests.Session) -> None:
    """A rule of another version, an action that is none, and a form posted by a web page change nothing."""
    control = f"{simulator.base_url}/_control"
    unknown_rule = session.post(f"{control}/rules", json={"colour": "red"}, timeout=10)
    unknown_action = session.post(f"{control}/explode", json={}, timeout=10)
    form = session.post(f"{control}/rules", data={"status": 500}, timeout=10)

    assert (unknown_rule.status_code, unknown_rule.json()) == (400, {"error": "unknown: colour"})
    assert (unknown_action.status_code, form.status_code) == (404, 415)


def test_waiting_for_what_does_not_come_is_a_timeout(simulator: SociocsSimulator) -> None:
    """The error has the counts."""
    with pytest.raises(TimeoutError, match="'requests': 0"):
        simulator.wait_for_request(1, timeout=0.05)
    with pytest.raises(TimeoutError):
        simulator.wait_for_accepted(1, timeout=0.05)
