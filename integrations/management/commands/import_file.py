"""Plan the import of files, and with --yes carry it out."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from integrations.approval import Stale, approve
from integrations.headline import headline
from integrations.plan import Refused, start_plan_in_place
from integrations.reasons import counted
from integrations.summary import plan_summary, result_summary
from jobs.foreground import work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse, user_by_email
from omnicrm.models import User

KINDS = ("auto", "mbox", "eml", "ics", "vcf", "csv")


class Command(JsonCommand):
    help = "Show what importing files would do; with --yes do it and print what was done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--user", required=True, metavar="EMAIL", help="Whose data it becomes.")
        parser.add_argument("--kind", choices=KINDS, default="auto")
        parser.add_argument("--people", choices=("everyone", "written_to", "nobody"), default="everyone")
        parser.add_argument(
            "--include-suppressed", action="store_true", help="Also bring back what was undone before."
        )
        go = parser.add_mutually_exclusive_group()
        go.add_argument("--plan-only", action="store_true", help="Only plan (the default).")
        go.add_argument("--yes", action="store_true", help="Approve the plan and carry it out.")

    def run(self, *, paths: list[Path], user: str, yes: bool, **options: Any) -> Result:
        owner = user_by_email(user)
        for path in paths:
            if path.is_dir():
                refuse(f"{path} is a folder. Name the files in it.", BAD_ARGUMENTS)
            if not path.is_file():
                refuse(f"There is no file {path}. Check the name.", BAD_ARGUMENTS)
        chosen = {key: options[key] for key in ("kind", "people", "include_suppressed")}
        if len(paths) == 1:
            return self.one(owner, paths[0], chosen, yes=yes)
        return {"files": [self.one_of_many(owner, path, chosen, yes=yes) for path in paths]}

    def one_of_many(self, owner: User, path: Path, chosen: dict[str, Any], *, yes: bool) -> Result:
        """A file that is refused does not keep the others from being imported."""
        try:
            return {"path": str(path), **self.one(owner, path, chosen, yes=yes)}
        except CommandError as error:
            return {"path": str(path), "state": "refused", "error": str(error)}

    def one(self, owner: User, path: Path, chosen: dict[str, Any], *, yes: bool) -> Result:
        batch = self.plan(owner, path, chosen)
        if not yes:
            return {
                **plan_summary(batch),
                "headline": headline(batch),
                "next": f"Approve it on /batches/{batch.pk}/, or run this with --yes.",
            }
        self.say(headline(batch))
        with acting_as(owner.pk):
            try:
                approve(batch, batch.plan_hash)
            except Stale as stale:
                refuse(str(stale))
        batch = work_until_settled(batch, tell=self.tell)
        self.say("")
        with acting_as(owner.pk):
            return {
                **result_summary(batch),
                "headline": headline(batch),
                "next": f"To take it back, run: manage.py undo_batch {batch.pk}",
            }

    def plan(self, owner: User, path: Path, chosen: dict[str, Any]) -> Batch:
        try:
            batch = work_until_settled(start_plan_in_place(owner, path, options=chosen), tell=self.tell)
        except Refused as refusal:
            refuse(str(refusal))
        if batch.state != Batch.State.PLANNED:
            refuse(
                f"{path.name} could not be planned ({batch.error or batch.state}). See /batches/{batch.pk}/"
            )
        return batch

    def tell(self, batch: Batch) -> None:
        """How far it is, on a terminal."""
        self.say(f"{batch.get_state_display()} {batch.percent:3d} %")

    def words(self, result: Result) -> str:
        """The plan or the result as one reads it aloud, then why things were left out, and what to do next."""
        return "\n\n".join(in_words(one) for one in result.get("files", [result]))

    def succeeded(self, result: Result) -> bool:
        return all(
            one.get("state", "planned") in ("planned", "done") for one in result.get("files", [result])
        )


def in_words(result: Result) -> str:
    if "error" in result:
        return str(result["error"])
    lines = [f"{result['path']}:"] if "path" in result else []
    lines.append(result["headline"])
    lines += [
        f"  {row['count']:>7,}  {row['reason'].title}. {row['reason'].meaning}"
        for row in counted(result.get("reasons", {}))
    ]
    lines += result.get("warnings", [])
    lines += [
        f"  Entry {error['position']}: {error['reason']}" if error["position"] else error["reason"]
        for error in result.get("errors", [])
    ]
    return "\n".join([*lines, result["next"]])
