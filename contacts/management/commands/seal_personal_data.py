"""Carry out a change of PII_STRICT."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from contacts.sealing import seal_personal_data
from omnicrm.commands import JsonCommand, Result
from omnicrm.personal import is_strict


class Command(JsonCommand):
    help = (
        "Seal phone numbers, birthdays and custom fields (postal addresses among them), or open them again, as "
        "PII_STRICT says. Run it after that setting has changed, before the next import. May be stopped and run again."
    )

    def run(self, **options: Any) -> Result:
        return {"strict": is_strict(), **asdict(seal_personal_data())}

    def words(self, result: Result) -> str:
        way = "sealed" if result["strict"] else "readable"
        said = f"What is personal is {way} now: {result['changed']:,} rows and {result['logs']:,} log entries were changed."
        if result["doubled"]:
            said += f" {result['doubled']:,} numbers have come in twice since the setting changed: look at them in `duplicates`."
        if result["named"]:
            said += f" {result['named']:,} people go by their number, which stays readable: give them a name."
        return said

    def succeeded(self, result: Result) -> bool:
        return not result["doubled"]
