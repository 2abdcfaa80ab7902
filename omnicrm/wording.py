"""How the record of what was done is told: the words of each action, and by whom it can be done."""

from __future__ import annotations

from dataclasses import dataclass

from omnicrm.models import Event


@dataclass(frozen=True)
class Kind:
    """Actions that belong together, and what they are called."""

    label: str
    words: dict[str, str]

    @property
    def actions(self) -> list[str]:
        return list(self.words)


WHAT = {
    "imports": Kind(
        "Imports and undo",
        {
            "batch.cancelled": "A change was cancelled",
            "batch.done": "A change was completed",
            "batch.failed": "A change stopped before its end",
            "batch.undo_failed": "A change could not be taken back",
            "batch.undo_requested": "A change was asked to be taken back",
            "batch.undone": "A change was taken back",
            "import.approved": "A plan was approved",
            "import.discarded": "A plan was thrown away",
            "import.planned": "An import was planned",
            "account.connected": "A Google account was connected",
            "account.disconnected": "A Google account was disconnected",
            "account.forgotten": "What a Google account had brought was removed",
            "account.reduced": "Words of messages were taken away for good",
            "account.preferences_changed": "What is taken from an account was changed",
            "interaction.added": "E-mails and meetings were added",
            "job.dead": "A job was given up",
            "job.retried": "A job was started again",
        },
    ),
    "people": Kind(
        "People",
        {
            "contact.created": "A person was added",
            "contact.deleted": "A person was deleted",
            "contact.erased": "A person was erased",
            "contact.edited": "A person was edited",
            "contact.updated": "An import added to a person",
            "identity.added": "An address or number was added",
            "identity.removed": "An address or number was removed",
            "sender.ignored": "A sender was ignored for good",
            "suggestion.ignored": "A suggestion was passed over",
            "suggestion.made": "People were suggested",
        },
    ),
    "notes": Kind(
        "Notes and tasks",
        {
            "note.added": "A note was added",
            "note.deleted": "A note was deleted",
            "note.edited": "A note was edited",
            "suppression.lifted": "Something may come in again",
            "task.added": "A task was added",
            "task.deleted": "A task was deleted",
            "task.done": "A task was done",
            "task.reopened": "A task was opened again",
        },
    ),
    "letters": Kind(
        "Letters",
        {
            "letter.approved": "A letter was approved for sending",
            "letter.recalled": "A letter was taken back before it was sent",
            "letter.sent": "A letter was sent",
            "letter.settled": "It was said whether a letter had been sent",
        },
    ),
    "sync": Kind(
        "Google",
        {
            "interaction.removed": "What is gone at Google was removed",
            "operator.asked": "An operator used your permission at Google, {where}",
            "sync.began": "Following a mailbox or calendar began",
            "sync.parked": "A message that cannot be read was put aside",
            "sync.reconciled": "What is here was compared with Google, id by id",
            "sync.paused": "Following a Google account was paused",
            "sync.stopped": "Following a Google account stopped, and needs you",
        },
    ),
    "reads": Kind(
        "Looked at or handed out",
        {
            "backup.made": "A backup of everything was made, sealed",
            "backup.restored": "Everything was restored from a backup",
            "export.brought_in": "An export was brought in",
            "export.made": "Data was exported",
            "keys.changed": "What is sealed was sealed anew with another key",
            "operator.changed": "An operator changed {where}",
            "operator.listed": "An operator looked at a list with {where}",
            "operator.opened": "An operator looked at {where}",
            "operator.read": "An operator looked at {where}",
        },
    ),
}
WORDS = {action: words for kind in WHAT.values() for action, words in kind.words.items()}
WHERE = {
    "duplicates": "who of your contacts may be the same person",
    "integrations.googleaccount": "the state of your Google accounts",
    "integrations.rawevent": "when your messages came in (not what is in them)",
    "integrations.sourcefile": "the size and kind of your files (not what is in them)",
    "integrations.syncstream": "how far your mailboxes and calendars are in step",
    "integrations.syncwork": "how much of them is still to be fetched",
    "jobs.batch": "the state of your imports and changes",
    "jobs.job": "the state of your jobs",
    "ledger": "what became of your messages",
    "omnicrm.user": "your account",
    "reconcile": "to compare what is there with what is here",
    "search": "what a search finds among what you have",
    "sync": "to look for what is new, or what an import would bring",
    "timeline": "the history of a contact",
}
"""What an operator looked at, changed or asked for, by its model or by the command that does it."""
WHO: dict[str, str] = {
    Event.Actor.WEB: "You, in the browser",
    Event.Actor.API: "A program, with a key of yours",
    Event.Actor.WORKER: "A job",
    Event.Actor.OPERATOR: "Whoever runs this server",
    Event.Actor.MODEL: "A language model",
}
