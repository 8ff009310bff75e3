"""The wheel in an empty environment: `pip install` of it gives a command that works."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.builders import message
from tools.build import find_uv

pytestmark = pytest.mark.timeout(240)


def uv(*arguments: str | Path) -> None:
    """Run uv, with what the machine says about package indexes, and without this environment."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [find_uv() or "uv", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_command_works_from_the_wheel(tmp_path: Path) -> None:
    """In an environment that has nothing else: help, version and a dry run."""
    uv("build", "--quiet", "--wheel", "--out-dir", tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    uv("venv", "--quiet", "--python", sys.executable, tmp_path / "empty")
    uv("pip", "install", "--quiet", "--python", tmp_path / "empty" / "bin" / "python", wheel)
    file = tmp_path / "m.json"
    file.write_text(json.dumps(message()))

    def sociocs(*arguments: str) -> str:
        command = [str(tmp_path / "empty" / "bin" / "sociocs"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    for name in ("send", "dead-letters", "status", "pause", "resume"):
        assert f"\n  {name} " in sociocs("--help")
    assert sociocs("--version").startswith("sociocs, version ")
    assert sociocs("send", str(file), "--dry-run") == "1 valid message; nothing was queued (--dry-run)\n"
    folders = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"message_sender", "sociocs_cli"}
