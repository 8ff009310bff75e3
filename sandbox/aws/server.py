"""The local AWS endpoint: moto in a process of its own, with its gaps mended.

    python -m sandbox.aws.server --port 0

It listens on loopback only, says its URL on standard output once it serves, and ends on SIGTERM, on SIGINT, and, when
its standard input is a pipe, as soon as that closes: with its parent. Beside AWS's own API it answers:

    GET    /_sandbox/ready         200
    GET    /_sandbox/calls         the AWS calls made so far, `?access_key_id=…` and `?service=…` select
    DELETE /_sandbox/calls         forget them
    GET    /_sandbox/messages      what a queue holds, `?queue=NAME` and, unless it is us-east-1, `?region=…`
    POST   /_sandbox/invoke-url    {"url": …}: what runs functions (also the variable SANDBOX_INVOKE_URL)
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import sys
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from sandbox.aws.access_log import AccessLog, describe_call, scope
from sandbox.aws.moto_patches import invocation
from sandbox.aws.moto_patches.apply import apply_mends
from sandbox.aws.moto_patches.serialising import MOTO
from sandbox.aws.peek import messages_of
from sandbox.server_process import end_with_parent

StartResponse = Callable[..., Any]

_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_STATUS_TEXTS = {200: "200 OK", 202: "202 Accepted", 204: "204 No Content"}


class Application:
    """The WSGI application: the sandbox's own routes, function invocations, and moto behind one lock."""

    def __init__(self) -> None:
        self.log = AccessLog()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = MOTO
        self._invocation = invocation
        invocation.register(os.environ.get("SANDBOX_INVOKE_URL") or None)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = _read_body(environ)
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sandbox/"):
            return self._own(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), body, start_response)
        statuses: list[int] = []

        def record_status(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            statuses.append(int(status.split(maxsplit=1)[0]))
            return start_response(status, headers, *rest)

        invoked = _INVOCATION.fullmatch(path)
        if invoked and scope(environ)[1] == "lambda":
            answer = self._invoke(urllib.parse.unquote(invoked.group(1)), environ, body, record_status)
        else:
            answer = self._ask_moto(environ, record_status)
        self.log.add(describe_call(environ, body, statuses[-1] if statuses else 0))
        return answer

    def _ask_moto(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            response = self._moto(environ, start_response)
            try:
                # Read here, so that nothing of moto runs outside the lock.
                return [b"".join(response)]
            finally:
                if hasattr(response, "close"):
                    response.close()

    def _invoke(
        self, function: str, environ: dict[str, Any], body: bytes, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer Lambda's Invoke with what the registered URL says."""
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE") or "RequestResponse"
        with self._lock:
            known = self._invocation.exists(function)
        if not known:
            return _error(
                start_response, "404 Not Found", "ResourceNotFoundException", f"Function not found: {function}"
            )
        try:
            event = json.loads(body or b"{}")
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            return _error(start_response, "400 Bad Request", "InvalidRequestContentException", message)
        if kind == "DryRun":
            start_response(_STATUS_TEXTS[204], [])
            return [b""]
        try:
            answer = self._invocation.post(function, event, kind)
        except (OSError, ValueError) as error:
            return _error(start_response, "502 Bad Gateway", "ServiceException", str(error))
        headers = [("X-Amz-Executed-Version", "$LATEST"), ("Content-Type", "application/json")]
        if kind == "Event":
            start_response(_STATUS_TEXTS[202], headers)
            return [b""]
        if answer.get("function_error"):
            headers.append(("X-Amz-Function-Error", str(answer["function_error"])))
        start_response(_STATUS_TEXTS[200], headers)
        return [json.dumps(answer.get("payload")).encode()]

    def _own(self, method: str, path: str, query: str, body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        answer: Any = {}
        selected = dict(urllib.parse.parse_qsl(query))
        if (method, path) == ("GET", "/_sandbox/calls"):
            answer = self.log.select(access_key_id=selected.get("access_key_id"), service=selected.get("service"))
        elif (method, path) == ("DELETE", "/_sandbox/calls"):
            self.log.clear()
        elif (method, path) == ("GET", "/_sandbox/messages"):
            try:
                with self._lock:
                    answer = {"Messages": messages_of(selected["queue"], selected.get("region", "us-east-1"))}
            except LookupError as error:
                return _error(start_response, "404 Not Found", "NotFound", str(error))
        elif (method, path) == ("POST", "/_sandbox/invoke-url"):
            self._invocation.register(json.loads(body)["url"])
        elif (method, path) != ("GET", "/_sandbox/ready"):
            return _error(start_response, "404 Not Found", "NotFound", f"no such route: {method} {path}")
        start_response(_STATUS_TEXTS[200], [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]


def _read_body(environ: dict[str, Any]) -> bytes:
    """Read the whole body before the lock is taken, so that a slow client holds up nobody."""
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    if length:
        body: bytes = stream.read(int(length))
    else:
        body = stream.read() if environ.get("wsgi.input_terminated") else b""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _error(start_response: StartResponse, status: str, code: str, message: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("X-Amzn-ErrorType", code)])
    return [json.dumps({"__type": code, "message": message, "Message": message}).encode()]


def serve(port: int) -> None:
    """Serve until a signal or the parent's end."""

    class QuietRequestHandler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive: a connection per call costs more than most calls
        disable_nagle_algorithm = True

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
            """Nothing: the access log has it."""

    server = make_server("127.0.0.1", port, Application(), threaded=True, request_handler=QuietRequestHandler)
    server.daemon_threads = True  # type: ignore[attr-defined] # the threaded server is a ThreadingMixIn
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    print(f"http://127.0.0.1:{server.port}", flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, mend moto, serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.aws.server", description="The local AWS endpoint.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    options = parser.parse_args(arguments)
    end_with_parent()
    # moto itself calls nothing, and must not look for credentials of the machine.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "sandbox")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "sandbox")
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    # AWS's own managed policies (0.1 s): roles that SAM makes have them attached.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    apply_mends()
    serve(options.port)


if __name__ == "__main__":
    main()
