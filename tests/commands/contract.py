"""Run a command as a script does."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

ALICE = ("--user", "alice@example.org")
NOBODY = "019a0000-0000-7000-8000-000000000000"


def run(name: str, *arguments: str) -> dict[str, Any]:
    """What the command prints with --json, and its exit code as `exit`."""
    out, code = StringIO(), 0
    try:
        call_command(name, *arguments, "--json", stdout=out)
    except CommandError as refusal:
        code = refusal.returncode
    except SystemExit as end:
        code = int(str(end.code))
    (line,) = out.getvalue().splitlines()
    return {"exit": code, **json.loads(line)}
