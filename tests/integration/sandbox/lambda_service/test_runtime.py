"""The runtime: real processes of a toy function behind the Runtime API."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.aws.callers import FUNCTION_ACCESS_KEY_ID
from sandbox.lambda_service.execution_environment import runtime_client_module
from sandbox.lambda_service.function import Function
from sandbox.lambda_service.invoke_endpoint import InvokeEndpoint
from sandbox.lambda_service.runtime import FunctionInitError, Runtime
from tests.support import ROOT

TOY = Function(
    name="toy",
    arn="arn:aws:lambda:us-east-1:123456789012:function:toy",
    handler="toy_function.lambda_handler",
    timeout_seconds=30,
    memory_megabytes=256,
    environment={"TOY": "yes"},
    endpoint_url="http://127.0.0.1:1",
    code_root=ROOT / "tests" / "support",
)
PORTABLE = "sandbox.lambda_service.portable_runtime_client"
WaitFor = Callable[..., None]


@pytest.fixture(scope="module", params=sorted({runtime_client_module(), PORTABLE}))
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A runtime with one execution environment: with AWS's runtime client, then with the portable one."""
    with Runtime(TOY, runtime_client=request.param, retry_waits_seconds=(0.01, 0.01)) as running:
        yield running


def test_returns_what_the_function_returns(runtime: Runtime) -> None:
    """Any JSON value comes back as it is, text beyond ASCII too."""
    values: list[object] = [{"a": [1, None, "é🙂"]}, "text", 0, None, [], True]
    for value in values:
        result = runtime.invoke({"do": "echo", "value": value})
        assert (result.payload, result.function_error) == (value, None)


def test_function_finds_lambdas_environment(runtime: Runtime) -> None:
    """The process sees what Lambda sets, its own configuration, and no credentials of the developer's."""
    seen = runtime.invoke({"do": "context"}).payload
    environment = seen["environment"]
    assert environment["TOY"] == "yes"
    assert environment["AWS_ACCESS_KEY_ID"] == FUNCTION_ACCESS_KEY_ID
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "toy"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["LAMBDA_TASK_ROOT"] == str(TOY.code_root)
    assert environment["_HANDLER"] == TOY.handler
    assert "AWS_PROFILE" not in environment
    assert seen["arn"] == TOY.arn
    assert 0 < seen["remaining"] <= 30_000
    assert seen["trace"].startswith("Root=1-")


def test_an_error_leaves_the_process_alive(runtime: Runtime) -> None:
    """An exception is the invocation's error, and the same process serves the next event."""
    before = runtime.invoke({"do": "context"}).payload["pid"]
    result = runtime.invoke({"do": "raise"})
    assert result.function_error == "Unhandled"
    assert result.payload["errorType"] == "ValueError"
    assert result.payload["errorMessage"] == "the toy raised"
    assert runtime.invoke({"do": "context"}).payload["pid"] == before


def test_a_response_that_is_not_json_is_an_error(runtime: Runtime) -> None:
    """What cannot be serialised fails the invocation."""
    assert runtime.invoke({"do": "unserialisable"}).function_error == "Unhandled"


def test_a_process_that_exits_fails_its_invocation_and_is_replaced(runtime: Runtime) -> None:
    """The invocation that ended the process fails; the next one runs in a new process."""
    before = runtime.invoke({"do": "context"}).payload["pid"]
    result = runtime.invoke({"do": "exit"})
    assert result.payload["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in result.payload["errorMessage"]
    assert runtime.invoke({"do": "context"}).payload["pid"] != before


def test_log_lines_are_there_when_the_invocation_returns(runtime: Runtime) -> None:
    """Standard output and error are in the log, and metrics are found among the lines."""
    runtime.invoke({"do": "print", "value": "a line of the toy"})
    lines = runtime.log_lines()
    assert "a line of the toy" in lines
    assert "to standard error" in lines
    assert {"_aws": {"Timestamp": 0}, "Toys": 1} in runtime.metrics()


def test_kill_during_an_invocation_fails_it(runtime: Runtime, wait_for: WaitFor) -> None:
    """Kill -9 of the process fails what it was doing, and the environment recovers."""
    done = runtime.invoke_asynchronously({"do": "hang"})
    for attempt in (1, 2, 3):  # the first attempt and its two retries
        wait_for(lambda attempt=attempt: runtime.log_lines().count("hanging") == attempt)
        [pid] = runtime.process_ids
        os.kill(pid, signal.SIGKILL)
    assert "SIGKILL" in done.result(30).payload["errorMessage"]
    assert runtime.invoke({"do": "echo", "value": 1}).payload == 1


def test_a_function_that_overruns_is_killed_and_replaced() -> None:
    """At the timeout the process is killed, the result says so, and the next event finds a new process."""
    with Runtime(replace(TOY, timeout_seconds=0.5)) as runtime:
        [before] = runtime.process_ids
        result = runtime.invoke({"do": "hang"})
        assert result.payload["errorType"] == "Sandbox.Timedout"
        assert "Task timed out after 0.50 seconds" in result.payload["errorMessage"]
        assert not _alive(before)
        assert runtime.invoke({"do": "echo", "value": 2}).payload == 2
        assert any("Task timed out" in line for line in runtime.log_lines())


@pytest.mark.parametrize(("init", "reason"), [("fail", "the toy does not start"), ("exit", "exit status 3")])
def test_a_function_that_cannot_start_says_why(init: str, reason: str) -> None:
    """A failing import ends the start with the function's own error and leaves no process."""
    runtime = Runtime(replace(TOY, environment={"TOY_INIT": init}))
    with pytest.raises(FunctionInitError, match=reason):
        runtime.start()
    assert runtime.process_ids == []


def test_an_event_that_is_lost_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Lambda drops a failed event without an on-failure destination; here a line says so."""
    with Runtime(replace(TOY, maximum_retry_attempts=0)) as runtime:
        assert runtime.invoke_asynchronously({"do": "raise"}).result(30).function_error
    assert "an event failed 1 times and is lost, since there is no on-failure destination" in caplog.text


def test_environments_work_side_by_side(wait_for: WaitFor) -> None:
    """Two environments serve two events at once, in two processes, and stopping ends both."""
    with Runtime(replace(TOY, maximum_retry_attempts=0), environments=2) as runtime:
        pids = runtime.process_ids
        assert len(set(pids)) == 2
        hanging = runtime.invoke_asynchronously({"do": "hang"})
        assert runtime.invoke({"do": "echo", "value": 3}).payload == 3
        assert runtime.busy
        assert not hanging.done()
    wait_for(hanging.done)
    assert not any(_alive(pid) for pid in pids)
    assert not runtime.busy


def test_stopping_ends_what_waits_for_its_turn_too(wait_for: WaitFor, tmp_path: Path) -> None:
    """Queued invocations fail at once, and no process is started after the stop."""
    runtime = Runtime(replace(TOY, maximum_retry_attempts=0), log_directory=tmp_path).start()
    under_way = runtime.invoke_asynchronously({"do": "hang"})
    wait_for(lambda: "hanging" in runtime.log_lines())
    queued = [runtime.invoke_asynchronously({"do": "hang"}) for _ in range(5)]
    wait_for(lambda: runtime._work.qsize() == len(queued))
    runtime.stop()
    assert {done.result(1).payload["errorType"] for done in queued} == {"Sandbox.Stopped"}
    assert under_way.result(1).function_error
    assert runtime.log_lines().count("hanging") == 1
    assert runtime.invoke({"do": "echo", "value": 1}).payload == {"errorType": "Sandbox.Stopped"}


def test_a_process_that_cannot_be_started_fails_its_invocation_only(tmp_path: Path) -> None:
    """If the machine cannot start a process, the start and each invocation fail until it can."""
    root, elsewhere = tmp_path / "code", tmp_path / "elsewhere"
    function = replace(TOY, code_root=root)
    with pytest.raises(FunctionInitError, match=r"Sandbox\.StartFailed: .*No such file or directory"):
        Runtime(function).start()
    shutil.copytree(TOY.code_root, root)
    with Runtime(function) as runtime:
        root.rename(elsewhere)
        assert runtime.invoke({"do": "exit"}).payload["errorType"] == "Runtime.ExitError"
        assert runtime.invoke({"do": "echo", "value": 1}).payload["errorType"] == "Sandbox.StartFailed"
        elsewhere.rename(root)
        assert runtime.invoke({"do": "echo", "value": 1}).payload == 1


def test_trouble_beside_an_invocation_is_its_error(tmp_path: Path) -> None:
    """If the log cannot be written, only the invocation that had to write it fails."""
    with Runtime(replace(TOY, timeout_seconds=0.5), log_directory=tmp_path) as runtime:
        [log] = tmp_path.glob("*.log")
        log.unlink()
        log.mkdir()
        assert runtime.invoke({"do": "hang"}).payload["errorType"] == "Sandbox.Failed"
        log.rmdir()
        assert runtime.invoke({"do": "echo", "value": 1}).payload == 1


def test_forwarded_invocations_reach_the_function() -> None:
    """The endpoint answers 202 to events, 200 with the payload to requests, 404 to names it does not know."""
    endpoint = InvokeEndpoint()
    try:
        with Runtime(TOY) as runtime:
            endpoint.attach(runtime)
            event = {"do": "print", "value": "forwarded"}
            assert _post(endpoint.base_url, function_name=TOY.arn, event=event, invocation_type="Event")[0] == 202
            assert runtime.wait_until_idle(30)
            assert "forwarded" in runtime.log_lines()
            request = {"function_name": "toy", "event": {"do": "echo", "value": 4}}
            answer = _post(endpoint.base_url, **request, invocation_type="RequestResponse")
            assert answer == (200, {"payload": 4, "function_error": None})
            assert _post(endpoint.base_url, function_name="other", event={}, invocation_type="Event")[0] == 404
    finally:
        endpoint.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_processes_die_with_a_killed_parent(wait_for: WaitFor, tmp_path: Path) -> None:
    """Kill -9 of the process that runs the sandbox leaves no process of the function."""
    script = textwrap.dedent(
        """
        import sys
        import time
        from pathlib import Path
        from tests.integration.sandbox.lambda_service.test_runtime import TOY
        from sandbox.lambda_service.runtime import Runtime
        runtime = Runtime(TOY, log_directory=Path(sys.argv[1])).start()
        print(runtime.process_ids[0], flush=True)
        time.sleep(600)
        """
    )
    root = ROOT
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _alive(pid)
    finally:
        parent.kill()
        parent.communicate()
    wait_for(lambda: not _alive(pid))


def _post(url: str, **request: object) -> tuple[int, dict[str, object]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, json.dumps(request).encode(), timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return status != "Z"
