"""The whole map of the site."""

from django.contrib import admin
from django.urls import include, path

from integrations.urls import batch_patterns, erase_patterns, settings_patterns
from omnicrm import activity, problems, views

urlpatterns = [
    path("", views.home, name="home"),
    path("contacts/", include("contacts.urls")),
    path("contacts/", include((erase_patterns, "erasing"))),
    path("import/", include("integrations.urls")),
    path("batches/", include((batch_patterns, "batches"))),
    path("jobs/", include("jobs.urls")),
    path("settings/", include((settings_patterns, "settings"))),
    path("activity/", activity.activity, name="activity"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]

handler400 = problems.bad_request
handler403 = problems.forbidden
handler404 = problems.not_found
handler500 = problems.server_error
