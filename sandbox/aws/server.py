"""The local AWS endpoint: moto in a process of its own, with patches for its gaps.

    python -m sandbox.aws.server --port 0

It listens on loopback only and prints its URL on standard output once it serves. It ends on SIGTERM and on SIGINT.
When its standard input is a pipe, it also ends when that closes, with its parent. Beside AWS's own API it answers:

    GET /_sandbox/calls         the AWS calls made so far; `?access_key_id=…` and `?service=…` select
    GET /_sandbox/messages      what a queue holds; `?queue=NAME` names the queue
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import re
import signal
import sys
import urllib.parse
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from sandbox.aws.access_log import AccessLog, scope
from sandbox.aws.moto_patches import invocation
from sandbox.aws.moto_patches.apply import apply_patches
from sandbox.aws.moto_patches.serialising import MOTO
from sandbox.aws.moto_patches.waits import scale_waits
from sandbox.aws.peek import messages_of
from sandbox.server_process import end_with_parent

logger = logging.getLogger("sandbox.aws")

StartResponse = Callable[..., Any]

_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")


class Application:
    """The WSGI application: the sandbox's own routes, function invocations, and moto behind one lock."""

    def __init__(self) -> None:
        self.log = AccessLog()
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        # The body is read before the lock is taken, so that a slow client does not hold up the others.
        body = Request(environ).get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sandbox/"):
            return self._own(path, environ)(environ, start_response)
        invoked = _INVOCATION.fullmatch(path)
        if invoked and scope(environ)[1] == "lambda":
            kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE") or "RequestResponse"
            response = _invoke(urllib.parse.unquote(invoked.group(1)), kind, body)
        else:
            with MOTO:
                # The whole answer is read here, so that no part of moto runs outside the lock.
                response = Response.from_app(self._moto, environ, buffered=True)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("%s %s failed: %s", scope(environ)[1], path, response.get_data(as_text=True)[:500])
        self.log.add(environ, body, response.status_code)
        return response(environ, start_response)

    def _own(self, path: str, environ: dict[str, Any]) -> Response:
        selected = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
        if path == "/_sandbox/calls":
            return _json(self.log.select(access_key_id=selected.get("access_key_id"), service=selected.get("service")))
        if path == "/_sandbox/messages":
            try:
                with MOTO:
                    return _json({"Messages": messages_of(selected["queue"])})
            except LookupError as error:
                return _error(404, "NotFound", str(error))
        return _error(404, "NotFound", f"no such route: {path}")


def _invoke(function: str, kind: str, body: bytes) -> Response:
    """Answer Lambda's Invoke with the result from the registered URL."""
    with MOTO:
        known = invocation.exists(function)
    if not known:
        return _error(404, "ResourceNotFoundException", f"Function not found: {function}")
    try:
        event = json.loads(body or b"{}")
    except ValueError as error:
        return _error(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
    try:
        answer = invocation.post(function, event, kind)
    except (OSError, ValueError) as error:
        return _error(502, "ServiceException", str(error))
    if kind == "Event":
        return Response(status=202)
    response = _json(answer["payload"])
    response.headers["X-Amz-Executed-Version"] = "$LATEST"
    if answer["function_error"]:
        response.headers["X-Amz-Function-Error"] = answer["function_error"]
    return response


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")


def _error(status: int, code: str, message: str) -> Response:
    response = _json({"__type": code, "message": message, "Message": message}, status)
    response.headers["X-Amzn-ErrorType"] = code
    return response


def serve(port: int) -> None:
    """Serve until a signal, or until the parent ends."""

    class QuietRequestHandler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive: a new connection costs more than most calls
        disable_nagle_algorithm = True

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
            """Print nothing: the access log has it."""

    server = make_server("127.0.0.1", port, Application(), threaded=True, request_handler=QuietRequestHandler)
    server.daemon_threads = True  # type: ignore[attr-defined] # the threaded server is a ThreadingMixIn
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    print(f"http://127.0.0.1:{server.port}", flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def main() -> None:
    """Read the command line, patch moto, serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.aws.server", description="The local AWS endpoint.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--time-scale", type=float, default=1.0, help="divides the waits that SQS is asked for")
    parser.add_argument("--invoke-url", default="", help="runs functions")
    options = parser.parse_args()
    end_with_parent()
    # moto itself makes no calls, and must not look for credentials of the machine.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "sandbox")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "sandbox")
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    # AWS's own managed policies, which take 0.1 s to load: SAM attaches them to the roles that it makes.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    apply_patches()
    if options.time_scale != 1:
        scale_waits(options.time_scale)
    invocation.register(options.invoke_url or None)
    serve(options.port)


if __name__ == "__main__":
    main()
