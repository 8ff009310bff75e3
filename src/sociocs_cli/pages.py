"""What `show` says of one dead letter."""

from dataclasses import dataclass

from message_sender.sqs_limits import Attribute
from sociocs_cli.letters import Letter
from sociocs_cli.masking import masked_attributes, masked_body
from sociocs_cli.text import timestamp


@dataclass(frozen=True, slots=True)
class Page:
    """Everything about one letter."""

    details: dict[str, str | int | None]
    """What is known of it, except what the producer wrote. None: not known."""
    attributes: dict[str, str]
    """The producer's attributes: type and value."""
    body: str


def page_of(letter: Letter, *, reveal: bool) -> Page:
    """Describe a letter. Without `reveal`, what the producer wrote is masked."""
    own = letter.own_attributes
    if reveal:
        return Page(_details(letter), _revealed(own), letter.body)
    return Page(_details(letter), masked_attributes(own), masked_body(letter.body))


def _details(letter: Letter) -> dict[str, str | int | None]:
    """Say everything about a letter, except what the producer wrote."""
    return {
        "id": letter.id,
        "code": letter.code,
        "reason": letter.reason,
        "source": letter.source,
        "idempotency_key": letter.key,
        "first_seen": timestamp(letter.first_seen),
        "attempted_at": timestamp(letter.attempted_at) if letter.attempted_at else None,
        "retry_attempts": letter.attempts,
        "message_group": letter.group,
        "queue": letter.queue_url.rpartition("/")[2],
        "rule": letter.text("RULE_ARN") or None,
        "target": letter.text("TARGET_ARN") or None,
    }


def _revealed(attributes: dict[str, Attribute]) -> dict[str, str]:
    return {name: f"{value['DataType']} {_value(value)}" for name, value in attributes.items()}


def _value(attribute: Attribute) -> str:
    return repr(attribute["BinaryValue"]) if "BinaryValue" in attribute else attribute["StringValue"]
