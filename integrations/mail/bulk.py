"""Mail that no person wrote to another, told by its headers alone: words in a text prove nothing."""

from __future__ import annotations

import re

from integrations.mail import addresses
from integrations.mail.headers import Headers, first

_MAILTO = re.compile(r"<\s*mailto:([^?>\s]+)", re.I)
_LIST_ID = re.compile(r"<\s*([^<>\s@]+)\s*>\s*$|^\s*([^<>\s@]+)\s*$")
_CONTACT = re.compile(r"contact\s+([^\s;,]+@[^\s;,]+)", re.I)
_MACHINE = re.compile(
    r"no-?reply|donotreply|do-not-reply|noresponse|no-response|notreply|bounces?|mailer-daemon|mailerdaemon"
    r"|postmaster|hostmaster|notifications?|notify|alerts?|automated|autoresponder|auto-?reply|auto-?confirm"
    r"|daemon|nobody|root|cron|www-data|listserv|majordomo|mailman|sympa|unsubscribe|newsletters?|undisclosed"
)
_WORDS = re.compile(r"[a-z]+(?:-[a-z]+)*")
_LIST_ENDINGS = ("-bounces", "-owner", "-request", "-admin", "-unsubscribe", "-subscribe", "-return", "-help")


def verdict(headers: Headers) -> str:
    """Why a message is not person-to-person mail, or empty when nothing says so.

    "automatic": a program sent it on an event (RFC 3834). "list": somebody wrote to a discussion list (RFC 2369),
    so its author is still a person. "newsletter": one sender to many subscribers.
    """
    if _is_automatic(headers):
        return "automatic"
    if any(_MAILTO.search(value) for value in headers.get("list-post", ())) or "mailing-list" in headers:
        return "list"
    precedence = first(headers, "precedence").strip().lower()
    named = "list-id" in headers or "list-unsubscribe" not in headers
    if "x-beenthere" in headers or (precedence == "list" and named):
        return "list"
    if precedence in ("bulk", "junk", "list") or not headers.keys().isdisjoint(_NEWSLETTER):
        return "newsletter"
    return "automatic" if "feedback-id" in headers else ""


_NEWSLETTER = {"list-unsubscribe", "list-unsubscribe-post", "list-id", "list-post"}
_RESPONDERS = {"x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-failed-recipients"}


def _is_automatic(headers: Headers) -> bool:
    submitted = re.split(r"[;\s(]", first(headers, "auto-submitted").strip().lower(), maxsplit=1)[0]
    return (
        submitted not in ("", "no")
        or not headers.keys().isdisjoint(_RESPONDERS)
        or first(headers, "return-path").replace(" ", "") == "<>"
        or first(headers, "precedence").strip().lower() in ("auto_reply", "auto-reply", "autoreply")
        or first(headers, "content-type").lower().lstrip().startswith("multipart/report")
    )


def is_role_address(email: str) -> bool:
    """Whether a mailbox belongs to a program: noreply@, mailer-daemon@, bounces+7@, anything@noreply.example.

    Only for not making a person of it. It never decides whether a message matters, and shared mailboxes that people
    answer (info@, sales@) are not meant.
    """
    local, _, domain = email.lower().rpartition("@")
    if local.endswith(_LIST_ENDINGS) or local.startswith("owner-"):
        return True
    names = [*re.split(r"[.+_=]", local), local.replace("_", "-").replace(".", "-")]
    words = {word for name in names for word in (name, *name.split("-"), *_WORDS.findall(name))}
    hosts = domain.split(".")[:-2]
    return any(map(_MACHINE.fullmatch, words)) or any(map(_MACHINE.fullmatch, hosts))


def list_addresses(headers: Headers) -> set[str]:
    """The addresses of the mailing list that carried a message, lower case; nobody's own."""
    found = {match[1] for value in headers.get("list-post", ()) for match in _MAILTO.finditer(value)}
    for value in headers.get("mailing-list", ()):
        found |= {_posting(match[1]) for match in _CONTACT.finditer(value)}
    for value in headers.get("list-id", ()):
        if match := _LIST_ID.search(value):
            name, _, domain = (match[1] or match[2]).partition(".")
            found.add(f"{name}@{domain}")
    for value in headers.get("x-beenthere", ()):
        found.add(value)
    return {one.email for value in found for one in addresses.read(value)[0]}


def _posting(contact: str) -> str:
    """The address to post to, from the one that ezmlm gives for help."""
    local, _, domain = contact.rpartition("@")
    return f"{local.removesuffix('-help').removesuffix('-owner')}@{domain}"
