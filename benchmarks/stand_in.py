"""A stand-in for Sociocs and AWS with TLS: `python -m benchmarks.stand_in CERTIFICATE`.

    POST /200/message           Sociocs accepts after 200 ms
    X-Amz-Target: ...           DynamoDB and Secrets Manager answer after 5 ms
    GET /requests               the number of messages that Sociocs was asked to send

It validates and stores nothing, because every message of a benchmark is new and valid, and because it uses the CPU of
the same machine. (moto, which the tests and the sandbox use, answers one call at a time, unlike DynamoDB.)

It writes its port as the first line on standard output. It ends when its standard input ends, and so with its parent.
"""

import asyncio
import itertools
import json
import ssl
import sys

AWS_SECONDS = 0.005
"""DynamoDB answers within single-digit milliseconds."""

_SECRET = {"ARN": "arn", "Name": "benchmark", "VersionId": "1", "SecretString": "e047nbp2UnWuHD9m:benchmark"}
_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-amzn-requestid: b1946ac9-2492-5b8d-9f6b-c8ae9a6f1f0f\r\n"
    "Content-Length: {}\r\n\r\n"
)


class StandIn:
    """Accepts every request."""

    def __init__(self) -> None:
        self._requests = 0
        self._ids = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the other side closes it."""
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = first.split(" ")
                body = await self._answer(method, path, headers.get("x-amz-target", ""))
                writer.write(f"{_HEAD.format(len(body))}{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # the other side or the stand-in itself has ended
        finally:
            writer.close()

    async def _answer(self, method: str, path: str, aws_call: str) -> str:
        if aws_call:
            await asyncio.sleep(AWS_SECONDS)
            return json.dumps(_SECRET if aws_call == "secretsmanager.GetSecretValue" else {})
        if method == "GET":
            return str(self._requests)
        self._requests += 1
        if milliseconds := int(path.split("/")[1]):
            await asyncio.sleep(milliseconds / 1000)
        return json.dumps({"status": "success", "data": {"message_id": f"b{next(self._ids)}"}})


async def main(certificate: str) -> None:
    """Serve until standard input ends."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server = await asyncio.start_server(StandIn().serve, "127.0.0.1", 0, ssl=tls, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
