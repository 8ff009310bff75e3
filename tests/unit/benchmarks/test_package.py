"""The sizes of packages."""

from pathlib import Path

from benchmarks.package import size_of


def test_a_size_is_that_of_the_files(tmp_path: Path) -> None:
    """The unpacked size is exact, and the zipped size of compressible files is smaller."""
    file = tmp_path / "text"
    file.write_bytes(b"a" * 5000)
    size = size_of([file, file])
    assert size.unpacked == 10_000
    assert size.zipped < 100
