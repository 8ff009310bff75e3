"""The sizes of the packages: of the function as `make build` makes it, and of the peer as `sam build` would."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.surroundings import ROOT

BUILT = ROOT / ".build" / "package"
PEER_NEEDS = ("aws-lambda-powertools", "boto3", "requests")
"""The peer's requirements.txt. AWS recommends to package boto3 instead of using the one of the runtime."""


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a package in bytes."""

    unpacked: int
    zipped: int


def sizes(built: Path = BUILT) -> tuple[Size, Size] | None:
    """Return the sizes of the function and of the peer; None if the function was not built.

    The peer's size is that of its requirements as installed on this machine, without .pyc files, because `sam build`
    writes none.
    """
    if not built.is_dir():
        return None
    return size_of(file for file in built.rglob("*") if file.is_file()), size_of(_installed(PEER_NEEDS))


def size_of(files: Iterable[Path]) -> Size:
    """Return the sum of the sizes of files, unpacked and zipped."""
    contents = [file.read_bytes() for file in files]
    return Size(sum(map(len, contents)), sum(len(zlib.compress(content)) for content in contents))


def _installed(names: Iterable[str]) -> Iterator[Path]:
    for found in _with_requirements(names).values():
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            if ".." not in file.parts and path.suffix != ".pyc" and path.is_file():
                yield path


def _with_requirements(names: Iterable[str]) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found[name] = distribution(name)
        needs = map(Requirement, found[name].requires or ())
        ahead += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found
