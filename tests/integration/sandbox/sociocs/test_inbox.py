"""The inbox page, read as a browser reads it: as elements, texts and attributes."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from sandbox.sociocs.client import SociocsSimulator

Post = Callable[..., requests.Response]

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><a href=javascript:alert(3)>&lt;"


class Page(HTMLParser):
    """Collects what a browser would make of a page: start tags with their attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.texts: list[tuple[list[str], str]] = []
        self.hidden: set[str | None] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and what it is inside of."""
        self.tags.append((tag, dict(attrs)))
        if "hidden" in dict(attrs):
            self.hidden.add(dict(attrs)["id"])
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that elements are closed in order."""
        assert self.open.pop() == tag, "every element is closed where it should be"

    def handle_data(self, data: str) -> None:
        """Note what a person can read."""
        if not {"script", "style"} & set(self.open):
            self.text += data
            self.texts.append(([*self.open], data))

    def links(self) -> list[str]:
        """Where a person can go from here."""
        return [str(attributes["href"]) for tag, attributes in self.tags if tag == "a"]


Read = Callable[[], Page]


@pytest.fixture
def read(simulator: SociocsSimulator, session: requests.Session) -> Read:
    """Open the page."""

    def page() -> Page:
        response = session.get(f"{simulator.base_url}/", timeout=10)
        assert response.status_code == 200
        response.encoding = "utf-8"
        return Page(response.text)

    return page


def test_an_empty_inbox_says_so(read: Read, simulator: SociocsSimulator) -> None:
    """Before the first message the page tells where to send it; looking at it is no request to the API."""
    page = read()

    assert "No message yet" in page.text
    assert page.hidden == {"stopped"}
    assert f"{simulator.base_url}/message" in page.text
    assert simulator.count == 0


def test_messages_are_shown_newest_first(post: Post, read: Read) -> None:
    """A person sees the recipient, the text, the channel and the id that the sender got."""
    post(text="The first", name="John Smith")
    second = post(text="The second", provider="twlowa").json()["data"]["message_id"]
    text = read().text

    assert text.index("The second") < text.index("The first")
    for part in ("+16175551212", "John Smith", "SMS", "WhatsApp", "via Twilio", "ck_main", second):
        assert part in text


def test_media_schedule_sender_and_contact_are_shown(post: Post, read: Read) -> None:
    """Everything that was asked for is on the page, media as links."""
    images = ["https://example.com/a.png?x=1&y=2", "https://example.com/b.png"]
    contact = {"save": True, "list_id": 3, "extra_fields": {"email_address": "j@example.com"}}
    post(image_urls=images, schedule="2026-11-24T15:04:05-05:00", user_id="u-42", contact_saving=contact)
    page = read()

    assert page.links() == images
    for part in ("Scheduled for 2026-11-24T15:04:05-05:00", "sent as u-42", "list 3 (email_address: j@example.com)"):
        assert part in page.text


@pytest.mark.parametrize(
    ("provider", "variables", "shown"),
    [
        ("twlowa", {"1": "John", "2": "Friday"}, ["Variables", "John", "Friday"]),
        ("gswa", {"Header": {"1": "John"}, "Buttons": {"1": "Track"}}, ["via Gupshup", "Header", "Buttons", "Track"]),
        ("gswa", {"MEDIA_URL": "https://example.com/t.pdf"}, ["https://example.com/t.pdf"]),
        ("gswa", {}, ["via Gupshup"]),
    ],
)
def test_templates_are_shown_with_their_variables(
    post: Post, read: Read, provider: str, variables: dict[str, Any], shown: list[str]
) -> None:
    """Only the provider knows the text of a template, so the page shows its id and what fills it."""
    assert post(provider=provider, text=None, template={"id": "HX01", "variables": variables}).status_code == 200
    text = read().text

    for part in ("HX01", *shown):
        assert part in text


def test_refused_requests_are_shown_with_status_and_reasons(
    post: Post, read: Read, simulator: SociocsSimulator, session: requests.Session
) -> None:
    """Why something is not in the inbox can be seen beside it."""
    post(to="nobody", shedule="tomorrow")
    post(apikey="wrong:key")
    session.post(f"{simulator.base_url}/messages", timeout=10)
    simulator.rule(drop="after-reading", times=1)
    with pytest.raises(requests.ConnectionError):
        post()
    text = read().text

    for part in (
        "400 Bad Request",
        "Unknown field: shedule.",
        "Invalid to.",
        "401 Unauthorized",
        "404 Not Found",
        "POST /messages",
        "closed without an answer",
    ):
        assert part in text
    assert "wrong:key" not in text


def test_looking_around_is_no_refused_request(
    read: Read, simulator: SociocsSimulator, session: requests.Session
) -> None:
    """A HEAD of the page is not recorded. A GET of the API is recorded, but not counted as refused."""
    head = session.head(f"{simulator.base_url}/", timeout=10)
    assert head.status_code == 200
    assert int(head.headers["Content-Length"]) > 0
    assert head.text == ""
    assert simulator.count == 0
    assert session.get(f"{simulator.base_url}/robots.txt", timeout=10).status_code == 404
    assert session.get(f"{simulator.base_url}/message", timeout=10).status_code == 405
    assert simulator.counts() == {"requests": 2, "accepted": 0, "refused": 0, "waiting": 0}
    assert "Not Found" not in read().text


def test_items_can_be_told_apart(post: Post, read: Read) -> None:
    """Each item has an id that does not change, so that the script inserts only new items."""
    first = post(text="The first").json()["data"]["message_id"]
    post(to="nobody")
    before = [attributes["id"] for tag, attributes in read().tags if tag == "li" and "id" in attributes]
    second = post(text="The second").json()["data"]["message_id"]
    post(to="nobody")
    after = [attributes["id"] for tag, attributes in read().tags if tag == "li" and "id" in attributes]

    assert before == [first, "request-2"]
    assert after == [second, first, "request-4", "request-2"]
    assert read().hidden == {"stopped", "no-messages", "no-refusals"}


def test_values_that_are_not_text_are_shown_as_json(post: Post, read: Read) -> None:
    """Values are shown as JSON, not as Python writes them."""
    extra = {"nested": {"vip": True, "since": None}, "id": 987123, "city": "Zürich"}
    post(contact_saving={"save": True, "extra_fields": extra})
    post(to={"number": None})
    text = read().text

    assert 'nested: {"vip": true, "since": null}, id: 987123, city: Zürich' in text
    assert '{"number": null}' in text


def test_text_from_right_to_left_turns_nothing_else(post: Post, read: Read) -> None:
    """A name in Arabic, or a character that overrides the direction, does not change the text beside it."""
    post(
        name="\u202eevil",
        text="مرحبا",
        channel_key="مفتاح",
        contact_saving={"save": True, "extra_fields": {"a": "\u202e"}},
    )
    page = read()

    assert [open_tags[-1] for open_tags, data in page.texts if "\u202e" in data or "مفتاح" in data] == ["bdi"] * 3
    assert ("p", {"dir": "auto"}) in page.tags


def test_what_a_producer_writes_stays_text(post: Post, read: Read) -> None:
    """No part of a message or of a refused request becomes markup, a script or a link."""
    sms = post(
        text=EVIL,
        name=EVIL,
        channel_key=EVIL,
        user_id=EVIL,
        contact_saving={"save": True, "extra_fields": {EVIL: EVIL}},
    )
    whatsapp = post(provider="twlowa", text=None, template={"id": EVIL, "variables": {EVIL: EVIL}})
    gupshup = post(provider="gswa", text=None, template={"id": EVIL, "variables": {"Body": {EVIL: EVIL}}})
    media = post(image_url='https://example.com/"onmouseover=alert(1)<i>')
    refused = post(**{EVIL: 1, "to": EVIL, "channel_key": EVIL})
    page = read()

    assert [response.status_code for response in (sms, whatsapp, gupshup, media, refused)] == [200, 200, 200, 200, 400]
    assert page.text.count(EVIL) >= 9
    assert not {"img", "i"} & {tag for tag, _ in page.tags}
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert all(link.startswith("https://example.com/") for link in page.links())


def test_nothing_comes_from_elsewhere_and_only_its_own_script_runs(
    simulator: SociocsSimulator, session: requests.Session
) -> None:
    """The page works without network, and the browser is told to load and run nothing else."""
    response = session.get(f"{simulator.base_url}/", timeout=10)
    page = Page(response.text)

    assert not [attributes for _, attributes in page.tags if "src" in attributes]
    assert [attributes["href"] for tag, attributes in page.tags if tag == "link"] == ["data:,"]
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_the_page_stays_fresh_without_scripts(read: Read) -> None:
    """A browser without scripts reloads the page by itself, one with scripts swaps its content."""
    assert ("meta", {"http-equiv": "refresh", "content": "3"}) in read().tags


def test_long_and_odd_content_does_not_break_the_page(post: Post, read: Read, session: requests.Session) -> None:
    """A huge text is cut with a note, and half a surrogate pair is shown somehow."""
    assert post(text="x" * 100_000).status_code == 200
    assert post(text="half \ud83d of a pair").status_code == 200
    text = read().text

    assert "and 98000 more characters" in text
    assert "half ? of a pair" in text
