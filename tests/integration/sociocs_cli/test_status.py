"""`sociocs status` on a world."""

from tests.support.cli_shell import Shell


def test_status_without_a_mapping_says_so(shell: Shell) -> None:
    """What AWS refuses is one line, and exit code 1."""
    done = shell("status")

    assert done.code == 1
    assert done.err.startswith("Error: GetEventSourceMapping failed: ResourceNotFoundException")
