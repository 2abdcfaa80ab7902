"""The words of the sample mailbox. Everybody in it is called Sample, so that nobody takes them for a person."""

from __future__ import annotations

from dataclasses import dataclass

PEOPLE = {
    "anna": "Anna Sample",
    "bruno": "Bruno Sample",
    "carla": "Carla Sample",
    "dmitri": "Dmitri Sample",
    "esra": "Esra Sample",
}


@dataclass(frozen=True)
class Letter:
    """One sample e-mail. `answers` is the place in LETTERS of the one it replies to."""

    person: str
    days_ago: int
    subject: str
    text: str
    sent: bool = False
    answers: int | None = None


LETTERS = (
    Letter(
        "anna", 41, "A workshop in spring?",
        "Hello,\n\nwe met at the sample fair. Would you hold a two-day workshop for our team of twelve in spring?\n\n"
        "Best regards\nAnna Sample\nHead of Examples, Sample Works Ltd\n+44 20 7946 0000\n",
    ),
    Letter(
        "anna", 40, "Re: A workshop in spring?",
        "Dear Anna,\n\ngladly. The second week of April is free. What should the team be able to do afterwards?\n\n"
        "On Monday, Anna Sample wrote:\n> Would you hold a two-day workshop for our team of twelve in spring?\n",
        sent=True, answers=0,
    ),
    Letter(
        "anna", 38, "Re: A workshop in spring?",
        "April suits us. The goal: everybody runs their own discovery interviews.\n\nCould you send an offer by Friday?\n\n"
        "-- \nAnna Sample\nSample Works Ltd\n",
        answers=1,
    ),
    Letter(
        "bruno", 30, "Invoice 2024-017",
        "Hello,\n\nthe invoice has been paid today. Thank you for the good work, we will be in touch about the next phase.\n\nBruno\n",
    ),
    Letter(
        "bruno", 29, "Re: Invoice 2024-017",
        "Hello Bruno,\n\nthank you. Shall we talk about the next phase at the end of the month?\n",
        sent=True, answers=3,
    ),
    Letter(
        "carla", 21, "Introduction: Dmitri and you",
        "Hi both,\n\nDmitri is looking for somebody who has done this before, so I thought of you at once.\n\nCarla\n",
    ),
    Letter(
        "dmitri", 20, "Re: Introduction: Dmitri and you",
        "Thank you, Carla.\n\nCould we speak for half an hour next week? Tuesday or Thursday after three would be fine.\n\n"
        "Kind regards,\nDmitri Sample\n",
        answers=5,
    ),
    Letter(
        "dmitri", 19, "Re: Introduction: Dmitri and you",
        "Tuesday at half past three it is. I will call you.\n\n> Tuesday or Thursday after three would be fine.\n",
        sent=True, answers=6,
    ),
    Letter(
        "dmitri", 12, "Notes from our call",
        "As promised, the three questions that we are stuck on:\n\n1. Who decides?\n2. What does it cost to wait?\n"
        "3. What would a first step of two weeks look like?\n\nDmitri\n",
    ),
    Letter(
        "esra", 9, "Can we move to Thursday?",
        "Something has come up on Wednesday. Would Thursday at ten work for you?\n\nEsra\n\nSent from my phone\n",
    ),
    Letter(
        "esra", 9, "Re: Can we move to Thursday?",
        "Thursday at ten is fine.\n\n> Would Thursday at ten work for you?\n",
        sent=True, answers=9,
    ),
    Letter(
        "anna", 2, "Re: A workshop in spring?",
        "The offer looks good. One question: can the second day be held remotely?\n\nAnna\n",
        answers=2,
    ),
)  # fmt: skip
