"""`sociocs pause` and `sociocs resume`: turn what feeds the function from the queue off and on."""

import time

import click

from sociocs_cli.errors import fail
from sociocs_cli.options import note, on_a_stack, print_json
from sociocs_cli.stack import Stack

_POLL_SECONDS = 0.5
_WITHIN_SECONDS = 300.0
"""Lambda says "within a few minutes"; mostly it is half a minute."""


@click.command(short_help="Stop sending; messages wait in the queue.")
@on_a_stack
def pause(stack: Stack, *, as_json: bool) -> None:
    """Stop sending, at once and without a deployment. Messages wait in the queue, which keeps them for 4 days.

    What is being sent at this moment is finished. Running it again is harmless.
    """
    _set(stack, "Disabled", as_json=as_json)
    if stack.takes_direct_events:
        note(
            "Events still invoke the function directly: only the stack's parameter Paused=true stops them "
            '(docs/operations.md, "Pause and resume").'
        )


@click.command(short_help="Send again, after a pause.")
@on_a_stack
def resume(stack: Stack, *, as_json: bool) -> None:
    """Send again, after a pause. Running it again is harmless."""
    _set(stack, "Enabled", as_json=as_json)


def _set(stack: Stack, wanted: str, *, as_json: bool) -> None:
    mapping = stack.output("EventSourceMappingId")
    if stack.mapping_state != wanted:
        stack.functions.update_event_source_mapping(UUID=mapping, Enabled=wanted == "Enabled")
        _wait_until(stack, wanted)
    if as_json:
        print_json({"stack": stack.name, "mapping": {"id": mapping, "state": wanted, "enabled": wanted == "Enabled"}})
    else:
        click.echo(f"Sending is {'on' if wanted == 'Enabled' else 'paused'} (mapping {wanted}).")


def _wait_until(stack: Stack, wanted: str) -> None:
    """Wait until Lambda has done it: until then batches are still handed to the function, or not yet."""
    ends = time.monotonic() + _WITHIN_SECONDS
    said = False
    while (state := stack.mapping_state) != wanted:
        if time.monotonic() > ends:
            fail(f"Lambda still says {state}: `sociocs status` tells when it is done")
        if not said:
            note(f"Waiting until Lambda says {wanted} ...")
            said = True
        time.sleep(_POLL_SECONDS)
