"""`sociocs pause` and `sociocs resume`: turn the mapping from the queue to the function off and on."""

from typing import Literal

import click

from sociocs_cli import output
from sociocs_cli.errors import fail
from sociocs_cli.options import on_a_stack, say_stack
from sociocs_cli.stack import Stack


@click.command(short_help="Stop sending; messages wait in the queue.")
@on_a_stack
def pause(stack: Stack, *, as_json: bool) -> None:
    """Stop sending, at once and without a deployment. Messages wait in the queue, which keeps them for 4 days.

    What is being sent at this moment is finished. Running it again is harmless.
    """
    _set(stack, "Disabled", as_json=as_json)
    if stack.takes_direct_events:
        output.note(
            "Events still invoke the function directly: only the stack's parameter Paused=true stops them "
            '(docs/operations.md, "Pause and resume").'
        )


@click.command(short_help="Send again, after a pause.")
@on_a_stack
def resume(stack: Stack, *, as_json: bool) -> None:
    """Send again, after a pause. Running it again is harmless."""
    _set(stack, "Enabled", as_json=as_json)


def _set(stack: Stack, wanted: Literal["Enabled", "Disabled"], *, as_json: bool) -> None:
    mapping = stack.output("EventSourceMappingId")
    say_stack(stack)
    is_on = wanted == "Enabled"
    if stack.mapping_state != wanted:
        stack.functions.update_event_source_mapping(UUID=mapping, Enabled=is_on)
        _wait_until(stack, wanted)
    if as_json:
        output.as_json({"stack": stack.name, "mapping": {"id": mapping, "state": wanted, "enabled": is_on}})
    else:
        output.line(f"Sending is {'on' if is_on else 'paused'} (mapping {wanted}).")


def _wait_until(stack: Stack, wanted: str) -> None:
    """Wait until Lambda has done it. Until then batches are still handed to the function, or not yet."""
    ends = stack.monotonic() + stack.waits.mapping
    said = False
    while (state := stack.mapping_state) != wanted:
        if stack.monotonic() > ends:
            fail(f"Lambda still says {state}: `sociocs status` tells when it is done")
        if not said:
            output.note(f"Waiting until Lambda says {wanted} ...")
            said = True
        stack.wait(stack.waits.between_looks)
