"""The people, one by one and in lists."""

from django.urls import path

from contacts import suggestion_views, views, work_views

app_name = "contacts"
urlpatterns = [
    path("", views.contact_list, name="list"),
    path("add/", views.contact_add, name="add"),
    path("export/", views.contact_export, name="export"),
    path("delete/", views.contact_delete_many, name="delete_many"),
    path("<str:slug>/", views.contact_detail, name="detail"),
    path("<str:slug>/edit/", views.contact_edit, name="edit"),
    path("<str:slug>/delete/", views.contact_delete, name="delete"),
    path("<str:slug>/messages/<uuid:message_id>/", views.message, name="message"),
    path("<str:slug>/addresses/add/", work_views.identity_add, name="identity_add"),
    path(
        "<str:slug>/addresses/<uuid:identity_id>/remove/", work_views.identity_remove, name="identity_remove"
    ),
    path("<str:slug>/notes/add/", work_views.note_add, name="note_add"),
    path("<str:slug>/notes/<uuid:note_id>/", work_views.note_edit, name="note_edit"),
    path("<str:slug>/notes/<uuid:note_id>/delete/", work_views.note_delete, name="note_delete"),
    path("<str:slug>/tasks/add/", work_views.task_add, name="task_add"),
    path("<str:slug>/tasks/<uuid:task_id>/", work_views.task_done, name="task_done"),
    path("<str:slug>/tasks/<uuid:task_id>/delete/", work_views.task_delete, name="task_delete"),
]

suggestion_patterns = [
    path("", suggestion_views.suggestion_list, name="list"),
    path("accept/", suggestion_views.accept, name="accept"),
    path("ignore/", suggestion_views.ignore, name="ignore"),
    path("ignore-domain/", suggestion_views.ignore_domain, name="ignore_domain"),
]
