"""Write the contract's JSON Schema, generated from the model, to events/message.schema.json."""

import json
from pathlib import Path
from typing import Any

from message_sender.contract.message import MEDIA_FIELDS, VARIABLES, Message

PATH = Path(__file__).resolve().parent.parent / "events" / "message.schema.json"


def text() -> str:
    """Return what the file is to hold."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the contract; events/message.schema.json is this."""
    described = Message.model_json_schema()
    parts = described["$defs"]
    parts |= {shape.__name__: shape.model_json_schema() for shape in VARIABLES.values()}
    # For editors and code generators: which of the shapes it is depends on the provider.
    parts["Template"]["properties"]["variables"]["anyOf"] = list(map(_reference, VARIABLES))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:sociocs-message-sender:message",
        **_without_null_defaults(described),
        **_schema_between_fields(),
    }


def _reference(provider: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{VARIABLES[provider].__name__}"}


def _schema_between_fields() -> dict[str, Any]:
    """Say what the model says: content, and what each provider allows."""
    some_text = {"required": ["text"], "properties": {"text": {"pattern": r"\S"}}}
    some_images = {"required": ["image_urls"], "properties": {"image_urls": {"minItems": 1}}}
    others = [{"required": [name]} for name in ("image_url", "video_url", "file_url", "template")]
    no_media = dict.fromkeys(MEDIA_FIELDS, False)
    fields = {"twlo": {"template": False}} | {
        provider: {**no_media, "template": {"properties": {"variables": _reference(provider)}}}
        for provider in VARIABLES
    }
    rules = [
        {
            "if": {"required": ["provider"], "properties": {"provider": {"const": provider}}},
            "then": {"properties": then},
        }
        for provider, then in fields.items()
    ]
    return {"anyOf": [some_text, some_images, *others], "allOf": rules}


def _without_null_defaults(node: Any) -> Any:
    """Take out the `null` defaults that stand for "absent": null itself is refused."""
    if isinstance(node, dict):
        return {k: _without_null_defaults(v) for k, v in node.items() if not (k == "default" and v is None)}
    return [_without_null_defaults(item) for item in node] if isinstance(node, list) else node


def main() -> None:
    """Write the file and say so."""
    PATH.write_text(text(), encoding="utf-8")
    print(f"wrote {PATH}")


if __name__ == "__main__":
    main()
