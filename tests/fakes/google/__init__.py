"""A stand-in for Google: signing in, Gmail, Calendar, quotas and everything that goes wrong with them.

    google = Google(clock=Clock.still(), seed=0, testing=False)   # without a clock: the time of the world
    ada = google.add_account("ada@example.com", name="Ada", first_history=…, bare_history=…)
    google.account(email); google.accounts; google.clock.advance(seconds)

The mailbox, as its person uses it; every change is in the history:
    message = ada.deliver(raw, labels=("INBOX", "UNREAD"), at=seconds, thread=…)    # .id .thread .labels .version
    ada.relabel(id, add, remove); ada.trash(id); ada.untrash(id); ada.delete(id); ada.add_label(name) -> id
    ada.expire_history(); ada.change_password(); ada.aliases.append(address); ada.mail_enabled = False; google.disabled_apis.add("calendar")
    ada.mailbox: .messages .drafts .history.last .newest_first() .thread(id) .save_draft(raw, draft=…) .by_message_id(id)
    google.sent: what went out, [(address, raw)]; google.keeps_message_ids = False: Gmail writes its own Message-ID

The calendar:
    cal = ada.calendar(); ada.calendars.add(id, summary, access_role=…), .remove(id), .rename(id, …), .expire_tokens()
    id = cal.add(title, start, end, attendees=[…], recurrence=["RRULE:…"], **fields); cal.put(event_as_google_writes_it)
    cal.change(id, **fields); cal.cancel(id); cal.change_instance(series, original, **fields)
    cal.cancel_instance(series, original); cal.respond(id, address, status); cal.expire_tokens()

Asking it:
    google.handle(method, url, headers, body) -> (status, headers, body)
    service(google, "gmail" | "calendar", email, *scopes)         Google's own client, in this process, no socket
    Transport(google)                                             in place of httplib2.Http;  credentials(google, email, *scopes)
    session.mount("http://", Adapter(google))                     the same for requests
    with serving(google, port=0) as server: server.root, server.environment()        a server on loopback
    google.sign_in(email, *scopes) -> {"access_token", "refresh_token"}

Consents: google.oauth.revoke(account), .expire_access(), .testing = True (seven days), .redirect_uris, .grants
Quota: google.quota.per_user["gmail"], .per_project, .prices, .code = 403, .punish(email, seconds), .rejected, .used, .boxed
Batches: google.concurrency: the parts that are let through at once; pages: google.short_pages, .empty_pages (of events)
What goes wrong (answers.NAMED: "503", "domainPolicy", …; faults.BROKEN: "timeout", "reset", "truncated", "lost", …):
    google.faults.add("messages.get", "503", count=2, skip=1); .add(lambda call: …, effect); .chance(rate, seed=…); .clear()
    google.between.append(lambda call: …)      before every request and part of a batch: let the mailbox change
Pushes: google.pushes.subscribe(topic, url, audience=…), .pending, .deliver(post=None, times=1, lose=False, shuffle=seed)
    .most_per_second, .watches, .channels; post(url, headers, body) -> status. Nothing is sent but by `deliver`.
What was asked: google.calls.of("messages.get", email), .counted(), .most_in_flight[email]; each has .at .name .user .status .units

Sample data: sample.open_account(google, email, messages=2000, seed=1), sample.letter(subject=…, …), sample.load_mbox(account, path)
From another process: `manage.py fake_google` and the doors below /fake/ (control.py).

All is addressed by path below one root: /gmail/v1/… /calendar/v3/… /batch /batch/gmail/v1 /batch/calendar/v3 /token /revoke
/userinfo /o/oauth2/v2/auth /oauth2/v3/certs /oauth2/v1/certs. Paths, parameters and scopes come from Google's own
discovery documents; a method that the fake does not do answers 501, a search operator that it does not know 400.
"""

from __future__ import annotations

from . import answers as answers
from . import sample as sample
from . import tokens as tokens
from .accounts import Account as Account
from .answers import Answer as Answer
from .clock import Clock as Clock
from .core import Google as Google
from .server import serving as serving
from .transport import Adapter as Adapter
from .transport import Transport as Transport
from .transport import credentials as credentials
from .transport import service as service
