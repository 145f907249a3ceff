"""Addresses of search pages."""

from django.urls import path

from search import views

app_name = "search"

urlpatterns = [
    path("search/", views.results, name="results"),
    path("search/suggest/", views.suggestions, name="suggestions"),
    path("search/save/", views.save, name="save"),
    path("search/saved/<int:saved_search_id>/drop/", views.drop, name="drop"),
]
