"""Paths of core."""

from django.urls import path

from core import views

urlpatterns = [
    path("files/<uuid:public_id>/", views.attachment_download, name="attachment"),
    path("livez", views.live, name="livez"),
    path("readyz", views.ready, name="readyz"),
]
