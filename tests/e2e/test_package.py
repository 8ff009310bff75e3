"""The package that `make build` makes: the same each time, for Lambda's machine, and complete after pruning."""

import hashlib
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tools import build

pytestmark = pytest.mark.timeout(240)

WIRE_THE_FUNCTION = """
import sys
sys.path.insert(0, sys.argv[1])
import boto3, certifi, pathlib
from botocore.httpsession import get_cert_path
from message_sender.handler import Application
from message_sender.settings import Settings

Application(Settings.from_environment({
    "SOCIOCS_BASE_URL": "https://api.sociocs.com",
    "API_KEY_SECRET_ARN": "secret",
    "LEDGER_TABLE_NAME": "ledger",
    "MESSAGE_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/messages",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
    "OUTCOME_EVENT_BUS_NAME": "default",
}))
for service in ("sqs", "events", "secretsmanager", "dynamodb"):
    client = boto3.client(service)
    assert client.meta.endpoint_url.startswith("https://" + service + ".us-east-1."), client.meta.endpoint_url
assert pathlib.Path(get_cert_path(True)).is_file()
foreign = [name for name, module in sys.modules.items() if "site-packages" in str(getattr(module, "__file__", ""))]
assert not foreign, foreign
print("wired")
"""


def _build(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "tools" / "build.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_builds_give_the_same_package_for_lambda(tmp_path: Path) -> None:
    """The same digest and the same ZIP file; compiled parts are for arm64, and small enough to start quickly."""
    reports = [_build("--into", str(tmp_path / n), "--zip", str(tmp_path / f"{n}.zip")) for n in ("one", "two")]
    digests = [line for report in reports for line in report.splitlines() if line.startswith("Digest")]
    assert len(digests) == 2
    assert len(set(digests)) == 1
    assert len({hashlib.sha256((tmp_path / f"{n}.zip").read_bytes()).digest() for n in ("one", "two")}) == 1

    package = tmp_path / "one"
    native = [file.name for file in package.rglob("*.so")]
    assert native
    assert all("aarch64-linux-gnu" in name and "313" in name for name in native)
    assert (package / "message_sender" / "handler.py").is_file()
    assert (tmp_path / "one.zip").stat().st_size < 12e6
    if build.find_interpreter("3.13"):
        assert list(package.glob("message_sender/__pycache__/handler.cpython-313.pyc"))


def test_pip_builds_the_same_package_as_uv(tmp_path: Path) -> None:
    """`sam build` on a fresh clone has no uv, and makes the same package."""
    runtime = build.runtime_of(build.TEMPLATE.read_text(encoding="utf-8"))
    build.build(tmp_path / "uv", runtime, build.find_uv())
    script = "import sys, pathlib; from tools import build; "
    script += f"build.build(pathlib.Path(sys.argv[1]), build.{runtime!r}, None)"
    with_pip = ROOT / ".tools" / "uv" / "bin" / "python"
    done = subprocess.run(
        [with_pip, "-c", script, tmp_path / "pip"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert build.digest_of(tmp_path / "pip") == build.digest_of(tmp_path / "uv")


@pytest.mark.skipif(sys.platform != "linux", reason="the locked wheels for Lambda are Linux's")
def test_function_starts_from_the_package_alone(tmp_path: Path) -> None:
    """Built for this machine instead of Lambda's: nothing that was pruned is missed, and no other package is needed."""
    here = build.Runtime(
        python="{}.{}".format(*sys.version_info),
        architecture={"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()],
    )
    build.build(tmp_path / "package", here, build.find_uv())
    done = subprocess.run(
        # Isolated: neither this environment's packages nor its variables.
        [sys.executable, "-I", "-S", "-W", "error", "-c", WIRE_THE_FUNCTION, str(tmp_path / "package")],
        env={"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": "package"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "wired\n"), done.stderr
