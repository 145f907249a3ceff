"""Addresses of search pages."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from search import views
from search.feeds import SearchFeed

app_name = "search"

urlpatterns = [
    path("search/", views.results, name="results"),
    path("search/feed.atom", login_not_required(SearchFeed()), name="feed"),
    path("search/suggest/", views.suggestions, name="suggestions"),
    path("search/save/", views.save, name="save"),
    path("search/saved/<int:saved_search_id>/drop/", views.drop, name="drop"),
]
