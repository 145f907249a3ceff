"""Addresses of notices."""

from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [
    path("desk/notifications/", views.inbox, name="inbox"),
    path("desk/notifications/read/", views.mark_all_read, name="read_all"),
    path("desk/notifications/settings/", views.preferences, name="preferences"),
    path("desk/notifications/<uuid:name>/open/", views.open_notification, name="open"),
    path("unsubscribe/<str:token>/", views.unsubscribe, name="unsubscribe"),
]
