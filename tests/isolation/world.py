"""Alice, who owns; Charlie, a stranger; and what a stranger is told when he tries her addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

from django.http import HttpResponse

from omnicrm.models import User
from tests.factories import make_user
from tests.isolation.accounts import ACCOUNT, plant_account
from tests.isolation.planting import Rows, digest, plant
from tests.isolation.site import Address
from tests.isolation.visiting import Visitor, Way, attempt, every_way, leaks, tempting, told


@dataclass
class World:
    """Two users with a row of everything each; hers hold canaries marked `a`, in these columns."""

    alice: User
    charlie: User
    hers: Rows
    his: Rows
    columns: dict[int, str]


def make_world() -> World:
    alice = make_user("canary-a900", email="canary-a901@example.org", password="correct horse battery")
    charlie = make_user("Charlie", password="correct horse battery")
    hers, columns = plant(alice, "a")
    his, _ = plant(charlie, "c")
    hers, his = hers | plant_account(alice, "a"), his | plant_account(charlie, "c")
    return World(alice, charlie, hers, his, columns | ACCOUNT)


@dataclass
class Try:
    """An address with something of hers in it, and the same address with ids that nobody has in their place."""

    address: Address
    path: str
    control: str


def tries(address: Address, world: World) -> Iterator[Try]:
    """Each way to put hers and his own into the parameters, as long as something is hers."""
    hers, nobodys = address.of(world.hers, world.alice), address.of_nobody()
    his = address.of(world.his, world.charlie)
    if not address.names_rows:
        yield Try(address, address.path(hers), "")
        return
    for chosen in product((True, False), repeat=len(hers)):
        if any(chosen):
            path = [a if take else c for a, c, take in zip(hers, his, chosen, strict=True)]
            control = [n if take else c for n, c, take in zip(nobodys, his, chosen, strict=True)]
            yield Try(address, address.path(path), address.path(control))


def objections(
    visitor: Visitor,
    world: World,
    site: Iterable[Address],
    methods: Iterable[str],
    *,
    may_see: Collection[str] = (),
    ways: Iterable[Way] = Way,
) -> Iterator[str]:
    """A sentence for each answer that tells this visitor something of Alice's, or changes it.

    `may_see`: columns whose words an operator may read on pages of the admin, where accounts are changed too.
    """
    before = digest(world.alice)
    for address, method in product(site, methods):
        # The admin does not know our names, and would only ask to be spared them.
        form = {} if address.is_admin else tempting(world.hers)
        for each in tries(address, world):
            with attempt():
                answers = every_way(partial(visitor.ask, method, each.path, form), ways)
                after = digest(world.alice)
                controls = (
                    every_way(partial(visitor.ask, method, each.control, form), ways) if each.control else []
                )
            said = f"{method} {each.path}"
            for answer in answers:
                seen = {world.columns[number] for number in leaks(answer, each.path, "a")}
                if forbidden := seen.difference(may_see if address.is_admin else ()):
                    yield f"{said} shows {', '.join(sorted(forbidden))}."
                if answer.status_code >= 500:
                    yield f"{said} broke with {answer.status_code}."
            # Whatever an operator looks at is written down for whoever it belongs to.
            allowed = {"omnicrm_user", "omnicrm_event"} if may_see and address.is_admin else set()
            if changed := {table for table in before if before[table] != after[table]} - allowed:
                yield f"{said} changed {', '.join(sorted(changed))}."
            if not (address.is_admin and may_see):
                yield from differences(each, said, answers, controls)


def differences(
    each: Try, said: str, answers: list[HttpResponse], controls: list[HttpResponse]
) -> Iterator[str]:
    """Where an id of hers is not answered as one that nobody has: not found, not in this way, or (admin) log in."""
    for answer, control in zip(
        answers, controls, strict=False
    ):  # where one says 405, the first tells them apart
        real, none = told(answer, each.path), told(control, each.control)
        if real != none:
            yield f"{said} differs from an id that nobody has: {real} and {none}."
        # Asked what it can be asked, a view of allauth answers without looking who is there.
        is_about_nothing = said.startswith("OPTIONS") and not answer.content
        if (
            answer.status_code not in ((302, 405) if each.address.is_admin else (404, 405))
            and not is_about_nothing
        ):
            yield f"{said} answered {answer.status_code}."
