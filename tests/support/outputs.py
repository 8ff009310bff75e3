"""Runs commands in processes of their own, with every kind of standard output: what a terminal or a script may give.

The processes are forked from one that has imported the command, which takes most of the time of a start.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KINDS = ("utf-8", "ascii", "cp1252", "full", "pipe", "closed")
"""Encodings; a full disk; a pipe that nobody reads; no output at all."""

_RUNNER = """
import json, os, sys

import boto3
from sociocs_cli.main import main
from sociocs_cli.stack import Stack, Waits

session = boto3.Session()  # one for all: botocore reads its data files once
for service in ("cloudformation", "sqs", "lambda"):
    session.client(service)

def open_stack(*where):
    stack = Stack(*where, waits=Waits(long_poll=0))
    stack.session = session
    return stack

def become(number, kind):
    "Make a standard stream be of a kind."
    if kind == "closed":
        os.close(number)
        return None
    if kind == "full":
        target = os.open("/dev/full", os.O_WRONLY)
    elif kind == "pipe":
        reading, target = os.pipe()
        os.close(reading)
    else:
        target = os.open(paths[number], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(target, number)
    os.close(target)
    encoding = kind if kind in ("utf-8", "ascii", "cp1252") else "utf-8"
    # As Python makes them at its start: errors of the output are strict, those of standard error are not.
    return open(number, "w", encoding=encoding, errors="strict" if number == 1 else "backslashreplace", closefd=False)

for folder, arguments, kinds in json.load(sys.stdin):
    paths = {1: os.path.join(folder, "out"), 2: os.path.join(folder, "err")}
    child = os.fork()
    if not child:
        sys.stderr = become(2, kinds[1])
        sys.stdout = become(1, kinds[0])
        main(arguments, open_stack)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Done:
    """What a process did."""

    code: int
    out: bytes
    err: str


def run_all(commands: Sequence[Sequence[str]], folder: Path, *, out: str = "utf-8", err: str = "utf-8") -> list[Done]:
    """Run commands one after the other, each with these kinds of standard output and standard error."""
    places = [folder / f"{out}-{err}-{number}" for number in range(len(commands))]
    for place in places:
        place.mkdir()
    jobs = [(str(place), list(arguments), (out, err)) for place, arguments in zip(places, commands, strict=True)]
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER], input=json.dumps(jobs), capture_output=True, text=True, timeout=100, check=True
    )
    codes = map(int, done.stdout.split())
    return [
        Done(code, _read(place / "out"), _read(place / "err").decode())
        for code, place in zip(codes, places, strict=True)
    ]


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
