"""Whether the keys that we were started with are those that the data was sealed with."""

from __future__ import annotations

import shlex
import stat

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from omnicrm import blind
from omnicrm.crypto import CannotOpen, Keyring, place
from omnicrm.models import KeyCheck
from omnicrm.sealed import keyring

SENTENCE = b"Sealed by OmniCRM."
KEEP_A_COPY = "Without them what is sealed is lost: keep a copy, apart from the backups."


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
    blind.make_key()


def where_keys_are() -> str:
    """The file that an embedded installation made for itself, or the setting."""
    return str(settings.HOME.sealing_key_file) if settings.KEYS_ARE_OURS else "OMNICRM_KEYS"


def first_words() -> str:
    """What to know about the keys, said when an installation has just been made; empty where they are a setting."""
    if not settings.KEYS_ARE_OURS:
        return ""
    return f"The keys that seal mail and secrets are in {where_keys_are()}, for this account alone (0600). {KEEP_A_COPY}"


def key_file_fault() -> str:
    """What is wrong with the rights of the file we made, and what to type; empty if nothing is."""
    file = settings.HOME.sealing_key_file
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return f"Others on this machine may read the keys in {file} ({mode:04o}). Run: chmod 600 {shlex.quote(str(file))}"
    return ""


def wrong(key_id: str, given: bool) -> str:
    fault = "is another than the one" if given else "is missing: it is the one"
    return (
        f"The key {key_id} in {where_keys_are()} {fault} that this database was sealed with. "
        "Put it back from your copy; without it the sealed mail and secrets stay closed."
    )


def sentinel_place(key_id: str) -> bytes:
    return place(KeyCheck._meta.db_table, "sealed", key_id, "")


def sentinel(ring: Keyring, key_id: str) -> bytes:
    return Keyring({key_id: ring.keys[key_id]}).seal(SENTENCE, sentinel_place(key_id))
