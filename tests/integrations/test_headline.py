"""What a batch did, in a sentence."""

from __future__ import annotations

import pytest

from integrations.headline import removed_words, result_sentence, undo_sentence


@pytest.mark.parametrize(
    ("totals", "sentence"),
    [
        ({"kind": "mbox", "result": {"created": 32, "interactions": 1221}}, "Added 32 people and 1,221 e-mails."),
        ({"kind": "mbox", "result": {"interactions": 1}}, "Added 1 e-mail."),
        (
            {"kind": "ics", "result": {"interactions": 2, "events": 1, "failed": 1}},
            "Added 2 meetings and 1 calendar entry; 1 could not be read.",
        ),
        ({"kind": "vcf", "result": {}}, "Nothing new was added."),
    ],
)  # fmt: skip
def test_what_was_added(totals: dict[str, object], sentence: str) -> None:
    assert result_sentence(totals) == sentence


def test_removed_things_are_counted_one_by_one() -> None:
    removed = {"interactions": 1, "addresses": 1, "companies": 2, "people": 1, "own addresses": 1, "ideas": 3}
    expected = "1 person, 1 e-mail, 1 address, 2 companies and 3 ideas"
    assert removed_words({"kind": "mbox"}, removed) == expected
    assert removed_words({}, {"own addresses": 1}) == ""


@pytest.mark.parametrize(
    ("undo", "sentence"),
    [
        ({}, "Taken back: there was nothing to remove."),
        ({"removed_by_kind": {"people": 2}, "kept": [{}]}, "Taken back: removed 2 people; kept 1."),
        ({"restored": 1}, "Taken back: put back 1 entry."),
    ],
)
def test_what_was_taken_back(undo: dict[str, object], sentence: str) -> None:
    assert undo_sentence({"undo": undo}) == sentence
