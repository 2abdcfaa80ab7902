"""The one exception that file readers raise on purpose."""

from __future__ import annotations


class Unreadable(ValueError):
    """The file as a whole cannot be read. Its message is a sentence for a person, saying what to do next."""
