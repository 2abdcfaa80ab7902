"""What the page /search/ finds."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from contacts.finding import PAGE, Hit, best
from contacts.management.commands.timeline import positive
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, reading, refuse, user_by_email
from omnicrm.http import clean_text

MODES = ("text", "semantic", "hybrid")
TEXT_ALONE = "Only --mode text can search so far: it finds words as they are written."


class Command(JsonCommand):
    help = "Find people, messages, meetings and notes by the words in them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("query")
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--limit", type=positive, default=PAGE, metavar="N")
        parser.add_argument("--mode", choices=MODES, default="text")

    def run(self, *, query: str, user: str, limit: int, mode: str, **options: Any) -> Result:
        owner = user_by_email(user)
        if mode != "text":
            refuse(TEXT_ALONE, BAD_ARGUMENTS)
        with reading(owner, "search"):
            return {"items": [item(hit) for hit in best(owner, clean_text(query), limit)]}


def item(hit: Hit) -> Result:
    return {
        "type": hit.type,
        "id": hit.id,
        "title": hit.title,
        "snippet": hit.snippet,
        "score": hit.score,
    }
