"""Addresses of matching pages."""

from django.urls import path

from matching import views

app_name = "matching"

urlpatterns = [
    path("about/matching/", views.method, name="method"),
    path("desk/recommended/", views.recommended, name="recommended"),
]
