"""Build the function's package: its sources and its locked dependencies, for the runtime in template.yaml.

It runs with Python 3.11 or newer on any machine, without Docker. The dependencies are wheels for Lambda's platform.
src/requirements.txt names them with their hashes. uv installs them, or pip where uv is not installed. Two builds give
the same bytes.
"""

import argparse
import fnmatch
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
SOURCES = ROOT / "src" / "message_sender"
REQUIREMENTS = ROOT / "src" / "requirements.txt"

AWS_SERVICES = ("dynamodb", "events", "secretsmanager", "sqs")
"""Services that the function calls. botocore has the models of 400 services."""

PRUNED = (
    # No module of the function reads these files. A test imports every module of the pruned package.
    "bin/*",
    "*/tests/*",
    "*.pyi",
    "*/__pycache__/*",
    # requests and botocore both use the certificates of certifi.
    "botocore/cacert.pem",
    # These are for `boto3.resource`, and examples. The function makes only clients.
    "boto3/data/*",
    "boto3/examples/*",
    "botocore/data/*/examples-1.json*",
    # This is a web page for an HTTP API, which the function does not have.
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*",
    # These say how a package was installed. METADATA stays: licences require it, and importlib.metadata reads it.
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_cache.json",
    ".lock",
)
"""Patterns of files, relative to the package, that the function does not need."""

PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
"""For each architecture of Lambda, its name in the tags of wheels."""

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time in a ZIP file. Every file has this time, so the digest does not depend on the time."""
FILE_TIME = 315_532_800
"""The same time, 1980-01-01T00:00:00Z, for `sam`, which makes a ZIP file with the files' own times."""


class BuildError(Exception):
    """The package cannot be built. The message says what to do."""


class Runtime(NamedTuple):
    """The runtime of the function in template.yaml."""

    python: str
    """The Python version, such as `3.13`."""
    architecture: str
    """`arm64` or `x86_64`."""


def runtime_of(template: str) -> Runtime:
    """Read the runtime from the template's text, so that only one file names it.

    Args:
        template: the text of template.yaml.
    """
    python = re.findall(r"^ +Runtime: python(\d+\.\d+)$", template, re.MULTILINE)
    architecture = re.findall(r"^ +Architectures: \[(\w+)\]$", template, re.MULTILINE)
    if len(python) != 1 or len(architecture) != 1:
        raise BuildError(f"{TEMPLATE.name} must name one Runtime (python3.N) and one list of Architectures")
    return Runtime(python[0], architecture[0])


def installer(runtime: Runtime, into: Path, *, uv: str | None) -> list[str]:
    """Return the command that installs wheels for Lambda's platform: with uv, or else with the pip of this Python.

    Raises:
        BuildError: this Python has no pip.
    """
    common = ["install", "--quiet", "--target", str(into), "--python-version", runtime.python]
    common += ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    machine = PLATFORMS[runtime.architecture]
    if uv:
        # With hard links, setting a file's time would change uv's cache.
        platform = ["--python-platform", f"{machine}-manylinux2014", "--link-mode", "copy"]
        return [uv, "pip", *common, "--python", sys.executable, *platform]
    if importlib.util.find_spec("pip") is None:
        raise BuildError("neither uv nor pip is there to install the packages: run 'make setup' or 'pip install uv'")
    platform = [f"--platform=manylinux{glibc}_{machine}" for glibc in ("2014", "_2_17")]
    return [sys.executable, "-m", "pip", *common, "--implementation", "cp", "--no-compile", *platform]


def find_uv() -> str | None:
    """Return the path of uv: from `make setup`, beside this Python, or on the PATH; None if there is none."""
    folders = (str(ROOT / ".tools" / "uv" / "bin"), str(Path(sys.executable).parent), None)
    return next((found for folder in folders if (found := shutil.which("uv", path=folder))), None)


def install(runtime: Runtime, into: Path, uv: str | None) -> None:
    """Install the locked dependencies for Lambda's platform: only wheels with a hash in src/requirements.txt."""
    if subprocess.run(installer(runtime, into, uv=uv), check=False).returncode != 0:
        raise BuildError("src/requirements.txt could not be installed: see the lines above")


def prune(package: Path) -> None:
    """Remove files that the function does not need, and the models of AWS services that it does not call."""
    data = package / "botocore" / "data"
    for service in [entry for entry in data.iterdir() if entry.is_dir() and entry.name not in AWS_SERVICES]:
        shutil.rmtree(service)
    for file in list(files_of(package)):
        name = file.relative_to(package).as_posix()
        if any(fnmatch.fnmatch(name, pattern) for pattern in PRUNED):
            file.unlink()
    for folder in sorted((entry for entry in package.rglob("*") if entry.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def files_of(package: Path) -> Iterator[Path]:
    """Return every file, in the same order on all machines."""
    return iter(sorted((file for file in package.rglob("*") if file.is_file()), key=lambda file: file.as_posix()))


def find_interpreter(python: str) -> str | None:
    """Return a Python of the runtime's version; None if there is none. Only that version can write its .pyc files."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [os.environ.get("LAMBDA_PYTHON"), sys.executable, shutil.which(f"python{python}")]
    candidates += [str(found) for found in sorted(pyenv.glob(f"versions/{python}.*/bin/python"), reverse=True)]
    for candidate in candidates:
        if candidate and _version_of(candidate) == f"cpython {python}":
            return candidate
    return None


def _version_of(interpreter: str) -> str:
    script = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    try:
        run = subprocess.run([interpreter, "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return run.stdout.strip()


def compile_sources(package: Path, interpreter: str) -> None:
    """Write the .pyc files. Lambda's file system is read-only, so without them every cold start compiles the sources.

    The .pyc files have an unchecked hash of the source. They do not have its time, because unpacking changes the time.
    """
    command = [interpreter, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(package), "-p", "/var/task", str(package)]
    # The order of a frozen set in a .pyc file depends on the seed.
    if subprocess.run(command, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}).returncode != 0:
        raise BuildError(f"{interpreter} could not compile the package")


def digest_of(package: Path) -> str:
    """Return the SHA-256 of the names and contents of all files."""
    digest = hashlib.sha256()
    for file in files_of(package):
        digest.update(
            f"{file.relative_to(package).as_posix()}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()


def build(into: Path, runtime: Runtime, uv: str | None) -> None:
    """Build the package in a temporary folder, and then replace `into` by it."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".build-") as folder:
        package = Path(folder) / "package"
        package.mkdir()
        install(runtime, package, uv)
        shutil.copytree(SOURCES, package / SOURCES.name, ignore=shutil.ignore_patterns("__pycache__"))
        prune(package)
        interpreter = find_interpreter(runtime.python)
        if interpreter:
            compile_sources(package, interpreter)
        for file in files_of(package):
            file.chmod(0o644)
            os.utime(file, (FILE_TIME, FILE_TIME))
        shutil.rmtree(into, ignore_errors=True)
        package.rename(into)
    size = sum(file.stat().st_size for file in files_of(into))
    print(f"Built for python{runtime.python} on {runtime.architecture}: {size / 1e6:.1f} MB in {into}")
    print(f"Compiled by {interpreter}" if interpreter else NOT_COMPILED.format(python=runtime.python))
    print(f"Digest sha256:{digest_of(into)}")


NOT_COMPILED = """\
Not compiled: Python {python} was not found. The package works, but each cold start takes about twice as long.
Install that version, or set the environment variable LAMBDA_PYTHON to its path."""


def write_zip(package: Path, target: Path) -> None:
    """Write the package as a ZIP file for Lambda."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files_of(package):
            entry = zipfile.ZipInfo(file.relative_to(package).as_posix(), ZIP_TIME)
            entry.create_system = 3  # 3 is Unix. Lambda then uses the permissions.
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes(), compresslevel=9)
    content = target.read_bytes()
    print(f"Zipped {len(content) / 1e6:.1f} MB in {target}: sha256:{hashlib.sha256(content).hexdigest()}")


def main() -> int:
    """Read the command line, build the package, and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--into",
        type=Path,
        default=ROOT / ".build" / "package",
        help="folder for the package; an existing one is replaced",
    )
    parser.add_argument("--zip", type=Path, help="write the package also as this ZIP file")
    arguments = parser.parse_args()
    try:
        build(arguments.into.absolute(), runtime_of(TEMPLATE.read_text(encoding="utf-8")), find_uv())
        if arguments.zip:
            write_zip(arguments.into.absolute(), arguments.zip.absolute())
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
