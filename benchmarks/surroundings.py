"""The surroundings of both contenders: a stand-in for AWS and Sociocs on a free loopback port, and an environment."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import certifi
import trustme

ROOT = Path(__file__).resolve().parent.parent

_NAME = "benchmark"
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "PYTHONPATH": str(ROOT / "src"),
    "POWERTOOLS_SERVICE_NAME": _NAME,
    "POWERTOOLS_METRICS_NAMESPACE": "Benchmark",
    "API_KEY_SECRET_ARN": _NAME,
    "LEDGER_TABLE_NAME": _NAME,
    "IDEMPOTENCY_TABLE_NAME": _NAME,
}
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT")


@dataclass(frozen=True)
class Surroundings:
    """The stand-in and the environment of the contenders."""

    port: int
    ca_bundle: Path
    """All certificates of certifi, and the certificate of the stand-in."""

    def environment(self, answers_after_ms: int) -> dict[str, str]:
        """Return the environment of a contender, without this machine's AWS settings and proxies."""
        url = f"https://localhost:{self.port}"
        return (
            {name: os.environ[name] for name in _KEPT if name in os.environ}
            | _ENVIRONMENT
            | {
                "AWS_ENDPOINT_URL": url,
                "SOCIOCS_BASE_URL": f"{url}/{answers_after_ms}",
                "MESSAGE_QUEUE_URL": f"{url}/123456789012/messages",
                "DEAD_LETTER_QUEUE_URL": f"{url}/123456789012/dead-letters",
            }
        )

    def requests(self) -> int:
        """Return the number of messages that Sociocs was asked to send."""
        tls = ssl.create_default_context(cafile=str(self.ca_bundle))
        connection = HTTPSConnection("localhost", self.port, timeout=10, context=tls)
        try:
            connection.request("GET", "/requests")
            return int(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """Start the stand-in. It ends with the block, or with this process."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        bundle, certificate = _certificates(Path(folder))
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stand_in", str(certificate)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # only the parent gets Ctrl-C, and it then ends this process in order
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the stand-in for AWS and Sociocs did not start")
            yield Surroundings(int(line), bundle)
        finally:
            process.terminate()
            process.communicate()


def _certificates(folder: Path) -> tuple[Path, Path]:
    authority = trustme.CA()
    bundle, certificate = folder / "bundle.pem", folder / "certificate.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    return bundle, certificate
