"""A stand-in for Google on this computer, to try a connection without an account or a project there."""

from __future__ import annotations

import importlib
import signal
import threading
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

FAKE = "tests.fakes.google"


class Command(BaseCommand):
    help = (
        "Serve a fake Google on loopback: sign-in, Gmail and Calendar with sample data. Prints the variables that "
        "lead OmniCRM there. Everything is in memory and gone with Ctrl-C."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8085, help="0 takes a free one. By default 8085.")
        parser.add_argument(
            "--account", action="append", metavar="EMAIL", help="Again for more; ada@example.com by default."
        )
        parser.add_argument("--messages", type=int, default=200, help="Sample messages in each mailbox.")
        parser.add_argument("--years", type=float, default=2.0, help="How far back they go.")
        parser.add_argument("--seed", type=int, default=1, help="The same number, the same mail.")
        parser.add_argument(
            "--mbox", type=Path, metavar="PATH", help="Also put this mail into the first mailbox."
        )
        parser.add_argument("--units-per-minute", type=int, default=6_000, help="Gmail's quota for a user.")
        parser.add_argument(
            "--testing", action="store_true", help="As a project in Testing: consents live seven days."
        )

    def handle(
        self, *, port: int, account: list[str] | None, mbox: Path | None, testing: bool, **options: Any
    ) -> None:
        fake = the_fake()
        google = fake.Google(testing=testing)
        google.quota.per_user["gmail"] = options["units_per_minute"]
        for email in account or ["ada@example.com"]:
            fake.sample.open_account(
                google, email, messages=options["messages"], seed=options["seed"], years=options["years"]
            )
        if mbox:
            self.load(fake, next(iter(google.accounts.values())), mbox)
        try:
            self.serve(fake, google, port)
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Choose another: --port 0"
            ) from None

    def load(self, fake: ModuleType, account: Any, mbox: Path) -> None:
        if not mbox.is_file():
            raise CommandError(f"There is no file {mbox}.")
        self.stderr.write(f"{fake.sample.load_mbox(account, mbox)} messages from {mbox}.")

    def serve(self, fake: ModuleType, google: Any, port: int) -> None:
        with fake.serving(google, port, pushing=True) as server, suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            for name, value in server.environment().items():
                self.stdout.write(f"{name}={value}")
            self.stdout.write(f"# A fake Google for {', '.join(google.accounts)}; Ctrl-C ends it.")
            self.stdout.flush()
            threading.Event().wait()


def the_fake() -> ModuleType:
    """Comes with the tests, which the image for production leaves out."""
    try:
        return importlib.import_module(FAKE)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("tests"):
            raise
        raise CommandError(
            "The fake Google comes with the tests, and they are not here. Run this from a checkout of the sources."
        ) from None
