"""Whether the keys that we were started with are those that the data was sealed with."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from omnicrm.crypto import CannotOpen, Keyring, place
from omnicrm.models import KeyCheck
from omnicrm.sealed import keyring

SENTENCE = b"Sealed by OmniCRM."


class WrongKeys(ImproperlyConfigured):
    """What is in the database was sealed with keys that we were not given; the message says what to do."""


def refuse_wrong_keys() -> None:
    """Compare our keys with those of the database, and remember new ones there. Raises WrongKeys."""
    ring = keyring()
    known = dict(KeyCheck.objects.values_list("key_id", "sealed"))
    for key_id, sealed in known.items():
        try:
            ring.open(bytes(sealed), sentinel_place(key_id))
        except CannotOpen as error:
            raise WrongKeys(wrong(key_id, key_id in ring.keys)) from error
    fresh = [
        KeyCheck(key_id=key_id, sealed=sentinel(ring, key_id)) for key_id in ring.keys.keys() - known.keys()
    ]
    KeyCheck.objects.bulk_create(fresh, ignore_conflicts=True)


def wrong(key_id: str, given: bool) -> str:
    where = settings.HOME.path / "keys" if settings.EMBEDDED_DATABASE else "OMNICRM_KEYS"
    fault = "is another than the one" if given else "is missing: it is the one"
    return (
        f"The key {key_id} in {where} {fault} that this database was sealed with. "
        "Put it back from your copy; without it the sealed mail and secrets stay closed."
    )


def sentinel_place(key_id: str) -> bytes:
    return place(KeyCheck._meta.db_table, "sealed", key_id, "")


def sentinel(ring: Keyring, key_id: str) -> bytes:
    return Keyring({key_id: ring.keys[key_id]}).seal(SENTENCE, sentinel_place(key_id))
