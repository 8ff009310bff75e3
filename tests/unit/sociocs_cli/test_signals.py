"""A signal interrupts between two steps, not within one."""

import os
import signal
from unittest import mock

import pytest

from sociocs_cli.signals import sigterm_interrupts, undisturbed


def test_sigterm_interrupts_as_ctrl_c_does() -> None:
    """The handler is as it was after the block."""
    before, after = signal.getsignal(signal.SIGTERM), mock.Mock()

    with pytest.raises(KeyboardInterrupt), sigterm_interrupts():  # noqa: PT012 - a block is what it is about
        os.kill(os.getpid(), signal.SIGTERM)
        after()

    after.assert_not_called()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_what_is_to_be_done_whole(number: signal.Signals) -> None:
    """It interrupts after the block, once, and the handlers are as they were."""
    before, done = signal.getsignal(number), mock.Mock()

    with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012 - a block is what it is about
        os.kill(os.getpid(), number)
        done()

    done.assert_called_once()
    assert signal.getsignal(number) is before


def test_the_first_signal_says_that_it_waits_and_the_second_stops_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """SQS may not answer for half a minute: nobody has to reach for kill -9."""
    before, first, second = signal.getsignal(signal.SIGINT), mock.Mock(), mock.Mock()

    with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012 - a block is what it is about
        os.kill(os.getpid(), signal.SIGINT)
        first()
        assert capsys.readouterr().err == "Finishing this batch; press again to stop at once.\n"
        os.kill(os.getpid(), signal.SIGINT)
        second()

    first.assert_called_once()
    second.assert_not_called()
    assert signal.getsignal(signal.SIGINT) is before
