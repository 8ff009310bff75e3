"""The package has exactly the locked dependencies, without the files that the function does not need."""

import importlib.util
import marshal
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tools import build


def _required() -> dict[str, tuple[str, set[str]]]:
    """Return each package of src/requirements.txt: its version and hashes."""
    text = (ROOT / "src" / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    packages = re.findall(r"^([a-z0-9-]+)==(\S+)(.*)$", text, re.MULTILINE)
    return {name: (version, set(re.findall(r"--hash=(sha256:\w+)", rest))) for name, version, rest in packages}


def _locked() -> dict[str, dict[str, Any]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return {package["name"]: package for package in lock["package"]}


def test_requirements_are_the_locked_dependencies_of_the_function() -> None:
    """They are the group `function` with all that these need, with the versions and hashes of uv.lock."""
    locked = _locked()
    wanted: set[str] = set()
    waiting = list(locked["sociocs-message-sender"]["dev-dependencies"]["function"])
    while waiting:
        dependency = waiting.pop()
        package = locked[dependency["name"]]
        if dependency["name"] not in wanted:
            wanted.add(dependency["name"])
            waiting += package.get("dependencies", [])
        for extra in dependency.get("extra", []):
            waiting += package["optional-dependencies"][extra]
    required = _required()
    assert set(required) == wanted
    for name, (version, hashes) in required.items():
        files = [*locked[name].get("wheels", []), *([locked[name]["sdist"]] if "sdist" in locked[name] else [])]
        assert version == locked[name]["version"]
        assert hashes == {file["hash"] for file in files}


def test_requirements_name_no_address() -> None:
    """The machine decides which package index is used."""
    assert "://" not in (ROOT / "src" / "requirements.txt").read_text(encoding="utf-8")


def test_runtime_is_read_from_the_template() -> None:
    """One line of the template decides the Python version."""
    template_text = build.TEMPLATE.read_text(encoding="utf-8")
    assert build.runtime_of(template_text) == build.Runtime("3.13", "arm64")
    newer = template_text.replace("Runtime: python3.13", "Runtime: python3.14")
    assert build.runtime_of(newer) == build.Runtime("3.14", "arm64")


@pytest.mark.parametrize("text", ["", "    Runtime: python3.13\n", "    Architectures: [arm64]\n"])
def test_a_template_without_a_runtime_is_an_error(text: str) -> None:
    """The build stops instead of choosing a runtime."""
    with pytest.raises(build.BuildError, match="must name one Runtime"):
        build.runtime_of(text)


def test_services_whose_models_are_kept_are_those_that_the_code_calls() -> None:
    """boto3 can make a client only for a service whose model is in the package."""
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "src" / "message_sender").rglob("*.py")]
    called = {name for source in sources for name in re.findall(r'\bclients\("([a-z]+)"\)', source)}
    assert called == set(build.AWS_SERVICES)


def test_uv_and_pip_get_the_same_requirements(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both install only wheels with a locked hash, for Lambda's platform and Python."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    runtime = build.Runtime("3.13", "arm64")
    for command in (build.installer(runtime, tmp_path, uv="uv"), build.installer(runtime, tmp_path, uv=None)):
        text = " ".join(command)
        assert "--require-hashes --requirement" in text
        assert "--only-binary :all: --no-deps" in text
        assert "--python-version 3.13" in text
        assert "aarch64" in text
        assert "manylinux2014" in text


def test_a_machine_without_uv_and_pip_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message names both ways."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(build.BuildError, match="'make setup' or 'pip install uv'"):
        build.installer(build.Runtime("3.13", "arm64"), tmp_path, uv=None)


def test_an_older_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """`sam build` with Python 3.9 says which Python it needs, without a traceback."""
    old = tmp_path / "python3"
    old.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.version_info = (3, 9, 18); exec(sys.argv[2])' \"$@\"\n"
    )
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "-f", "tools/Makefile", "build-SendMessageFunction", f"PYTHON={old}", f"ARTIFACTS_DIR={tmp_path}/out"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def _write(package: Path, *names: str) -> None:
    for name in names:
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)


def test_pruning_keeps_what_clients_need(tmp_path: Path) -> None:
    """The models of the called services and the files that all clients share stay."""
    kept = [
        "botocore/data/_retry.json",
        "botocore/data/endpoints.json",
        "botocore/data/partitions.json",
        "botocore/data/sdk-default-configuration.json",
        "botocore/data/sqs/2012-11-05/service-2.json.gz",
        "certifi/cacert.pem",
        "requests-2.34.2.dist-info/METADATA",
    ]
    gone = [
        "bin/jp.py",
        "boto3/data/sqs/2012-11-05/resources-1.json",
        "botocore/cacert.pem",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/data/sqs/2012-11-05/examples-1.json",
        "pydantic_core/_pydantic_core.pyi",
        "requests-2.34.2.dist-info/RECORD",
        "six/tests/test_six.py",
    ]
    _write(tmp_path, *kept, *gone)
    build.prune(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in build.files_of(tmp_path)] == sorted(kept)
    assert not (tmp_path / "bin").exists(), "empty folders are removed"


def test_digest_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    """The time and the order in which files were written do not change the digest."""
    one, other, different = tmp_path / "one", tmp_path / "other", tmp_path / "different"
    _write(one, "a/b.py", "c.py")
    _write(other, "c.py", "a/b.py")
    _write(different, "a/b.py", "d.py")
    assert build.digest_of(one) == build.digest_of(other) != build.digest_of(different)


def test_zip_is_the_same_for_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times and permissions of files do not change the ZIP file."""
    for name in ("one", "other"):
        _write(tmp_path / name, "a/b.py", "c.py")
        (tmp_path / name / "c.py").chmod(0o600 if name == "one" else 0o644)
        build.write_zip(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["a/b.py", "c.py"]
    assert "Zipped" in capsys.readouterr().out


def test_a_machine_without_the_runtimes_python_builds_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The package then has no .pyc files, because only that Python version can write them."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LAMBDA_PYTHON", raising=False)
    assert build.find_interpreter("3.99") is None


def test_sources_are_compiled_for_where_they_will_lie(tmp_path: Path) -> None:
    """Tracebacks show /var/task, and Python uses the .pyc files without a check."""
    _write(tmp_path, "module.py")
    (tmp_path / "module.py").write_text("value = {'b', 'a'}\n")
    build.compile_sources(tmp_path, sys.executable)
    (compiled,) = (tmp_path / "__pycache__").iterdir()
    content = compiled.read_bytes()
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01, "an unchecked hash: Python compares neither time nor hash"
    assert marshal.loads(content[16:]).co_filename == "/var/task/module.py"  # noqa: S302 - written a moment ago
