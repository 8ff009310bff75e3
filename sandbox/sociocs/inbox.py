"""The inbox page for people: the accepted messages as their recipients would see them, and the refused requests.

The server makes plain HTML. Without scripts the page reloads itself. With scripts it puts in only what is new.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.sociocs.record import AcceptedMessage, RecordedRequest
from sandbox.sociocs.simulator import Simulator

MOST_SHOWN = 200
MOST_TEXT = 2000

_STYLE = Path(__file__).with_name("inbox.css").read_text()
_SCRIPT = Path(__file__).with_name("inbox.js").read_text()
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

# The page loads nothing from elsewhere and runs no script but its own: what a producer writes stays text.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_SCRIPT_HASH}'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# provider -> (class, channel, who carries it)
_CHANNELS = {
    "twlo": ("sms", "SMS", "Twilio"),
    "twlowa": ("whatsapp", "WhatsApp", "Twilio"),
    "gswa": ("whatsapp", "WhatsApp", "Gupshup"),
}
_MEDIA = {"image_url": "Image", "image_urls": "Image", "video_url": "Video", "file_url": "File"}


def inbox_page(simulator: Simulator, base_url: str) -> str:
    """Return the whole page, with the newest messages first."""
    with simulator.changed:
        counts = simulator.counts()
        messages = list(islice(reversed(simulator.accepted), MOST_SHOWN))
        refused = list(islice((request for request in reversed(simulator.requests) if request.refused), MOST_SHOWN))
    accepted = counts["accepted"]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{accepted} accepted - Sociocs simulator</title>
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<style>{_STYLE}</style>
</head>
<body>
<p id="stopped" role="alert" hidden>The simulator has stopped. This is what it showed last.</p>
<header>
<div><h1>Sociocs simulator</h1><p><code>POST {escape(base_url)}/message</code></p></div>
<dl class="counts fresh" id="counts">
{"".join(_count(name, counts[name]) for name in ("accepted", "refused", "waiting"))}
</dl>
</header>
<main>
<div class="columns">
<section aria-labelledby="inbox">
<h2 class="fresh" id="inbox">Inbox{_of(len(messages), accepted)}</h2>
{_list("messages", map(_message, messages), "No message yet. They appear here as soon as they are accepted.")}
</section>
<section aria-labelledby="refused">
<h2 class="fresh" id="refused">Refused requests{_of(len(refused), counts["refused"])}</h2>
{_list("refusals", map(_refusal, refused), "None.")}
</section>
</div>
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _count(name: str, number: int) -> str:
    return f'<div class="{name}{"" if number else " zero"}"><dt>{name.capitalize()}</dt><dd>{number}</dd></div>'


def _of(shown: int, total: int) -> str:
    return f" (newest {shown} of {total})" if shown < total else ""


def _list(name: str, items: Iterable[str], otherwise: str) -> str:
    """Return a list, and the text that stands in its place when it is empty."""
    inside = "\n".join(items)
    empty = f'<p class="empty fresh" id="no-{name}"{" hidden" if inside else ""}>{otherwise}</p>'
    return f'<ol class="{name}" id="{name}">\n{inside}\n</ol>\n{empty}'


def _own(value: object, most: int | None = None) -> str:
    """Show what a producer wrote, as JSON unless it is text. `bdi` keeps right-to-left text to itself."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"<bdi>{escape(text[:most])}</bdi>"


def _message(message: AcceptedMessage) -> str:
    body = message.body
    style, channel, carrier = _CHANNELS[body["provider"]]
    name = f'<span class="name">{_own(body["name"])}</span>' if body.get("name") else ""
    bubble = "\n".join([*_media(body), *_text(body), *_template(body.get("template"))])
    return f"""<li class="card {style}" id="{escape(message.message_id)}">
<div class="top"><span class="channel">{channel}</span><span class="to">{_own(body["to"])}</span>{name}
<span class="provider">via {carrier}</span>{_time(message.at)}</div>
<div class="bubble">{bubble}</div>
<ul class="facts">{"".join(_facts(message))}</ul>
</li>"""


def _media(body: Mapping[str, Any]) -> Iterator[str]:
    for field, kind in _MEDIA.items():
        urls = body.get(field) or []
        for url in [urls] if isinstance(urls, str) else urls:
            yield f'<div class="media"><b>{kind}</b>{_link(url)}</div>'


def _text(body: Mapping[str, Any]) -> Iterator[str]:
    text = body.get("text", "")
    if text:
        yield f'<p dir="auto">{escape(text[:MOST_TEXT])}</p>'
    if len(text) > MOST_TEXT:
        yield f'<div class="more">and {len(text) - MOST_TEXT} more characters</div>'


def _template(template: Mapping[str, Any] | None) -> Iterator[str]:
    """Show the id and the variables of a template. Only Twilio or Gupshup knows its text."""
    if template is None:
        return
    yield f'<div><div class="group">Template</div><code>{_own(template["id"])}</code></div>'
    variables = dict(template.get("variables", {}))
    if media := variables.pop("MEDIA_URL", None):
        yield f'<div class="media"><b>Media</b>{_link(media)}</div>'
    flat = {name: value for name, value in variables.items() if not isinstance(value, dict)}
    for title, group in [
        ("Variables", flat),
        *((name, value) for name, value in variables.items() if name not in flat),
    ]:
        if group:
            rows = "".join(f"<dt>{_own(name)}</dt><dd>{_own(value, MOST_TEXT)}</dd>" for name, value in group.items())
            yield f'<div><div class="group">{_own(title)}</div><dl>{rows}</dl></div>'


def _facts(message: AcceptedMessage) -> Iterator[str]:
    body = message.body
    if "schedule" in body:
        yield f'<li class="schedule">Scheduled for {escape(body["schedule"])}</li>'
    yield f"<li><code>{escape(message.message_id)}</code></li><li>channel {_own(body['channel_key'])}</li>"
    if "user_id" in body:
        yield f"<li>sent as {_own(body['user_id'])}</li>"
    contact = body.get("contact_saving", {})
    if contact.get("save"):
        fields = ", ".join(f"{_own(name)}: {_own(value)}" for name, value in contact.get("extra_fields", {}).items())
        number = contact.get("list_id", 0)
        where = f"list {number}" if number else "All Contacts"
        yield f"<li>contact saved in {escape(where)}{f' ({fields})' if fields else ''}</li>"


def _refusal(request: RecordedRequest) -> str:
    body = request.body if isinstance(request.body, dict) else {}
    to = f'<span class="to">{_own(body["to"], 60)}</span>' if body.get("to") else ""
    reasons = "".join(f'<p dir="auto">{escape(reason)}</p>' for reason in request.reasons)
    if request.fate == "dropped":
        reasons = "<p>The connection was closed without an answer.</p>"
    place = (
        f"<li><code>{escape(request.method)} {escape(request.path)}</code></li>" if request.path != "/message" else ""
    )
    facts = "".join(
        [
            place,
            f"<li>channel {_own(body['channel_key'], 60)}</li>" if body.get("channel_key") else "",
            f"<li>scripted by rule {request.rule}</li>" if request.rule else "",
            f"<li>request {request.number}</li>",
        ]
    )
    return f"""<li class="card" id="request-{request.number}">
<div class="top"><span class="status">{_status(request)}</span>{to}</div>
{reasons}<ul class="facts">{facts}<li class="when">{_time(request.at)}</li></ul>
</li>"""


def _status(request: RecordedRequest) -> str:
    if request.status is None:
        return "no answer"
    try:
        return f"{request.status} {HTTPStatus(request.status).phrase}"
    except ValueError:
        return str(request.status)


def _time(at: str) -> str:
    """Show `2026-11-24T10:00:00.123Z` as `10:00:00 UTC`."""
    return f'<time datetime="{escape(at)}" title="{escape(at)}">{escape(at[11:19])} UTC</time>'


def _link(url: Any) -> str:
    """Show a URL, as a link only when its scheme is http or https."""
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
        return escape(str(url))
    return f'<a href="{escape(url)}" rel="noreferrer noopener nofollow">{escape(url)}</a>'
