"""Generate the contract's JSON Schema from the model, and write it to events/message.schema.json."""

import json
from pathlib import Path
from typing import Any

from message_sender.contract.message import MEDIA_FIELDS, VARIABLES, Message

PATH = Path(__file__).resolve().parent.parent / "events" / "message.schema.json"


def text() -> str:
    """Return the content of the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the contract."""
    described = Message.model_json_schema()
    parts = described["$defs"]
    parts |= {shape.__name__: shape.model_json_schema() for shape in VARIABLES.values()}
    # This is for editors and code generators. The provider decides which of the shapes is valid.
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
    """Return the rules between fields: the content, and the fields that each provider allows."""
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
    """Remove the `null` defaults, which mean that a field is absent. The contract refuses null."""
    if isinstance(node, dict):
        return {k: _without_null_defaults(v) for k, v in node.items() if not (k == "default" and v is None)}
    return [_without_null_defaults(item) for item in node] if isinstance(node, list) else node


def main() -> None:
    """Write the file and print its path."""
    PATH.write_text(text(), encoding="utf-8")
    print(f"wrote {PATH}")


if __name__ == "__main__":
    main()
