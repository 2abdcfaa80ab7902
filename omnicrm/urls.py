"""The whole map of the site."""

from django.contrib import admin
from django.urls import include, path

from integrations.urls import batch_patterns
from omnicrm import views

urlpatterns = [
    path("", views.home, name="home"),
    path("contacts/", include("contacts.urls")),
    path("import/", include("integrations.urls")),
    path("batches/", include((batch_patterns, "batches"))),
    path("jobs/", include("jobs.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler500 = views.server_error
