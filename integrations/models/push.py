"""Where Google's word of a change leads."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7

from integrations.models.google import SyncStream
from omnicrm.rowsecurity import SameOwner


class PushAddress(models.Model):
    """What Google names when it tells of a change, and whose stream that is. Global, as it is looked up before a user
    is known: it holds blind indexes and ids, never an address, a channel or a token. It goes with its stream."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    stream = models.ForeignKey(
        SyncStream, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    address = models.CharField(max_length=64, help_text="Of the mailbox, or of the channel.")
    token = models.CharField(max_length=64, blank=True, help_text="Of what a channel says to be believed.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "push addresses"
        constraints = [
            models.UniqueConstraint(fields=["address", "stream"], name="integrations_pushaddress_once"),
            SameOwner("stream", name="integrations_pushaddress_stream"),
        ]
        indexes = [models.Index(fields=["user", "stream"], name="integrations_push_of_stream")]

    def __str__(self) -> str:
        return str(self.id)
