"""The way in: files, and the batches that they become."""

from django.urls import path

from integrations import (
    account_views,
    batch_views,
    connecting_views,
    erase_views,
    ignore_views,
    keeping_views,
    letters,
    own_data_views,
    preference_views,
    push_views,
    search_views,
    views,
    writing_views,
)

app_name = "integrations"
urlpatterns = [
    path("", views.import_page, name="import"),
    path("upload/", views.upload, name="upload"),
    path("sample/", views.sample_mailbox, name="sample"),
    path("why/", views.why, name="why"),
    path("why/<uuid:pk>/bring-in/", account_views.bring_in, name="bring_in"),
    path("letters/<uuid:pk>/", letters.as_sent, name="letter"),
]

settings_patterns = [
    path("", own_data_views.own_data, name="own_data"),
    path("export/", own_data_views.export, name="export"),
    path("exports/<uuid:pk>/", own_data_views.download, name="download"),
    path("exports/<uuid:pk>/delete/", own_data_views.delete_export, name="delete_export"),
    path("ignored/", erase_views.ignored, name="ignored"),
    path("ignored/add/", ignore_views.ignore_add, name="ignore_add"),
    path("ignored/<uuid:pk>/let-in/", erase_views.let_in, name="let_in"),
    path("leave/", own_data_views.leave, name="leave"),
]

erase_patterns = [path("<str:slug>/erase/", erase_views.erase_contact, name="contact")]

write_patterns = [path("<str:slug>/write/", writing_views.write, name="write")]

letter_patterns = [
    path("", writing_views.letter_list, name="list"),
    path("<uuid:pk>/", writing_views.letter_detail, name="detail"),
    path("<uuid:pk>/look/", writing_views.look, name="look"),
    path("<uuid:pk>/send/", writing_views.send, name="send"),
    path("<uuid:pk>/recall/", writing_views.recall, name="recall"),
    path("<uuid:pk>/settle/", writing_views.settle, name="settle"),
    path("<uuid:pk>/reopen/", writing_views.reopen, name="reopen"),
    path("<uuid:pk>/discard/", writing_views.discard, name="discard"),
]

batch_patterns = [
    path("", batch_views.batch_list, name="list"),
    path("<uuid:pk>/", batch_views.batch_detail, name="detail"),
    path("<uuid:pk>/approve/", batch_views.batch_approve, name="approve"),
    path("<uuid:pk>/plan-again/", batch_views.batch_plan_again, name="plan_again"),
    path("<uuid:pk>/discard/", batch_views.batch_discard, name="discard"),
    path("<uuid:pk>/cancel/", batch_views.batch_cancel, name="cancel"),
    path("<uuid:pk>/undo/", batch_views.batch_undo, name="undo"),
]

connection_patterns = [
    path("", connecting_views.connections, name="list"),
    path("google/", connecting_views.connect, name="connect"),
    path("google/callback/", connecting_views.callback, name="callback"),
    path("setup/", connecting_views.setup, name="setup"),
    path("<uuid:pk>/again/", connecting_views.connect_again, name="again"),
    path("<uuid:pk>/sync/", account_views.sync, name="sync"),
    path("<uuid:pk>/compare/", account_views.compare, name="compare"),
    path("<uuid:pk>/pause/", account_views.pause, name="pause"),
    path("<uuid:pk>/resume/", account_views.resume, name="resume"),
    path("<uuid:pk>/calendars/<uuid:stream_id>/plan/", account_views.plan_calendar, name="plan_calendar"),
    path("<uuid:pk>/try-again/", account_views.try_again, name="try_again"),
    path("<uuid:pk>/history/", account_views.history, name="history"),
    path("<uuid:pk>/plan/", connecting_views.plan_mail, name="plan"),
    path("<uuid:pk>/writing/", connecting_views.allow_writing, name="writing"),
    path("threads/<uuid:pk>/", keeping_views.thread, name="thread"),
    path("<uuid:pk>/reduce/", keeping_views.reduce, name="reduce"),
    path("<uuid:pk>/preferences/", preference_views.preferences, name="preferences"),
    path("<uuid:pk>/disconnect/", connecting_views.disconnect, name="disconnect"),
]

search_patterns = [
    path("", search_views.everything, name="everything"),
    path("gmail/<uuid:pk>/", search_views.gmail, name="gmail"),
    path("gmail/<uuid:pk>/import/", search_views.bring, name="bring"),
]

push_patterns = [
    path("gmail/", push_views.gmail, name="gmail"),
    path("calendar/", push_views.calendar, name="calendar"),
]
