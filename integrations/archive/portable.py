"""Ids as an archive names them: the same in every account that the archive was brought into.

An id is moved along by a distance that only its owner's id decides. So an archive that goes into another account gets
other ids there, in the same order, and an archive of that account reads like the one it came from.
"""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

OWNER = str(UUID(int=0))
"""What stands for the owner, whoever that is."""

_LOW = (1 << 62) - 1
_RANDOM = 1 << 74
"""A UUIDv7 has 74 bits of its own beside its time: 12 after the version and 62 after the variant."""
_WHOLE = re.compile(r'"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')


class Ids:
    """The ids of one account, on their way into an archive and out of it."""

    def __init__(self, owner: UUID) -> None:
        self.owner = str(owner)
        # Nine bytes: less than half of the way round, so that ids of one moment keep their order.
        self._distance = int.from_bytes(hashlib.sha256(b"omnicrm portable ids" + owner.bytes).digest()[:9])

    def named(self, known: str) -> str:
        """How the archive names an id of ours."""
        return OWNER if known == self.owner else moved(known, -self._distance)

    def known(self, named: str) -> str:
        """Our id for what the archive names. Raises ValueError for what is no id."""
        return self.owner if named == OWNER else moved(named, self._distance)

    def named_in(self, text: str) -> str:
        """JSON in which each string that is an id of ours is named as the archive does."""
        return _WHOLE.sub(lambda found: f'"{self.named(found[1])}"', text)

    def known_in(self, text: str) -> str:
        return _WHOLE.sub(lambda found: f'"{self.known(found[1])}"', text)


def moved(text: str, distance: int) -> str:
    """The id so far along; its time, version and variant stay."""
    whole = UUID(text).int
    random = (whole >> 64 & 0xFFF) << 62 | whole & _LOW
    random = (random + distance) % _RANDOM
    fixed = whole & ~(0xFFF << 64 | _LOW)
    return str(UUID(int=fixed | random >> 62 << 64 | random & _LOW))
