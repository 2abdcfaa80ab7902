"""Whose is it: the models that belong to a user, and those that belong to nobody, each with its reason."""

from __future__ import annotations

from django.apps import apps

from jobs.models import BatchItem, JobEvent
from omnicrm.models import Event, EventAnchor, EventLink
from omnicrm.owned import OwnedModel

OWNED: list[type[OwnedModel]] = sorted(
    (model for model in apps.get_models() if issubclass(model, OwnedModel)),
    key=lambda model: model._meta.label,
)

APPEND_ONLY = {Event, EventAnchor, EventLink, JobEvent, BatchItem}
"""What was done: we add and read, and the database refuses us anything else."""

GLOBAL = {
    "omnicrm.User": "An account is looked up before anybody is signed in.",
    "omnicrm.User_groups": "Operators' rights in the admin, read at log-in.",
    "omnicrm.User_user_permissions": "Operators' rights in the admin, read at log-in.",
    "omnicrm.KeyCheck": "A known sentence under each key of the installation; holds no data.",
    "omnicrm.Erasure": "That an account was erased, by a number that leads nowhere; there is no user to own it.",
    "omnicrm.IndexKey": "The sealed secret behind the blind indexes of the installation; holds no data.",
    "integrations.QuotaBucket": "How much may be asked of Google, by numbers that name nobody; holds no data.",
    "integrations.PushAddress": "Looked up by what Google names before a user is known; holds blind indexes and ids alone.",
    "jobs.PeriodicRun": "A slot of a schedule of the whole installation; holds no data.",
    "account.EmailAddress": "The addresses people log in with, looked up before anybody is signed in.",
    "account.EmailConfirmation": "Holds a key that is redeemed before anybody is signed in.",
    "mfa.Authenticator": "A second factor, asked for while nobody is signed in yet; its secrets are sealed.",
    "socialaccount.SocialAccount": "Who somebody is at a provider, looked up before anybody is signed in; no more of them.",
    "socialaccount.SocialApp": "Providers; empty, since the settings name the one there may be.",
    "socialaccount.SocialToken": "Tokens of providers; empty, since none is kept.",
    "usersessions.UserSession": "Which sessions an account has, written while signing in; holds no data of theirs.",
    "admin.LogEntry": "What operators did in the admin; shown to operators alone.",
    "auth.Group": "Names of operators' rights; holds no data.",
    "auth.Group_permissions": "Which rights a group of operators has; holds no data.",
    "auth.Permission": "Names of rights, made by migrations.",
    "contenttypes.ContentType": "Names of models, made by migrations.",
    "sessions.Session": "Looked up by its secret key before anybody is signed in; holds a user's id, no data.",
}

TABLES_OF_NO_MODEL = {"django_migrations"}

WORDS_FOR_OPERATORS = {
    "jobs.Job.error": "Why a job died, in the words of our own code; never the message of an exception.",
    "jobs.JobEvent.detail": "Reasons and counts noted by the runner.",
}
"""Columns of free text that operators may read, and why they hold nothing of what users wrote."""

PUBLIC = {
    "home": "Says what OmniCRM is to somebody who has not signed in.",
    "admin:login": "Leads to where everybody signs in.",
    "livez": "Asked by machines; says that the process answers.",
    "readyz": "Asked by machines; says that the database answers.",
    "push:gmail": "Told by Google of a change, with its signature; makes one stream look now, and answers nothing.",
    "push:calendar": "Told by Google of a change, with the token of the channel; the same.",
    "account_login": "How one signs in.",
    "mfa_authenticate": "A step of signing in.",
    "mfa_login_webauthn": "How one signs in with a passkey.",
    "openid_connect_login": "How one signs on through a provider, where there is one.",
    "openid_connect_callback": "Opened by the provider; the state in the session says who asks.",
    "socialaccount_login_cancelled": "A step of signing on.",
    "socialaccount_signup": "A step of signing on.",
    "account_logout": "Signing out twice does no harm.",
    "account_signup": "How one gets an account, where that is open.",
    "account_inactive": "Says that an account was switched off.",
    "account_confirm_email": "Opened from a message; the key in it says who asks.",
    "account_confirm_login_code": "A step of signing in.",
    "account_email_verification_sent": "A step of signing up.",
    "account_reset_password": "For whoever forgot their password.",
    "account_reset_password_done": "A step of resetting a password.",
    "account_reset_password_from_key": "Opened from a message; the key in it says who asks.",
    "account_reset_password_from_key_done": "A step of resetting a password.",
}
"""Addresses that answer somebody who has not signed in, and why. None shows rows of a user."""

WITHOUT_A_FORM = {
    "push:gmail": "Google's signature, made for our service account, stands for it.",
    "push:calendar": "The token of the channel stands for it.",
}
"""Addresses that take what no form of ours sent, and what stands for the token of a form."""
