"""The whole map of the site."""

from allauth.urls import urlpatterns as ways_in
from django.contrib import admin
from django.urls import include, path

from contacts import calendar_views
from contacts.urls import suggestion_patterns
from integrations.urls import (
    batch_patterns,
    connection_patterns,
    erase_patterns,
    letter_patterns,
    push_patterns,
    search_patterns,
    settings_patterns,
    write_patterns,
)
from omnicrm import activity, problems, views

ACCOUNTS = [
    pattern for pattern in ways_in if not str(pattern.pattern).startswith("social/")
]  # names of long ago

urlpatterns = [
    path("", views.home, name="home"),
    path("contacts/", include("contacts.urls")),
    path("contacts/", include((erase_patterns, "erasing"))),
    path("contacts/", include((write_patterns, "writing"))),
    path("letters/", include((letter_patterns, "letters"))),
    path("calendar/", calendar_views.agenda, name="calendar"),
    path("suggestions/", include((suggestion_patterns, "suggestions"))),
    path("import/", include("integrations.urls")),
    path("connections/", include((connection_patterns, "connections"))),
    path("search/", include((search_patterns, "search"))),
    path("push/", include((push_patterns, "push"))),
    path("batches/", include((batch_patterns, "batches"))),
    path("jobs/", include("jobs.urls")),
    path("settings/", include((settings_patterns, "settings"))),
    path("activity/", activity.activity, name="activity"),
    path("accounts/", include(ACCOUNTS)),
    path("admin/", admin.site.urls),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]

handler400 = problems.bad_request
handler403 = problems.forbidden
handler404 = problems.not_found
handler500 = problems.server_error
