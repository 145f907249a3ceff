"""Routes of this app's API, mounted by marketplace/api.py."""

from django.urls import path

from search.api.views import SearchView, SuggestView

urlpatterns = [
    path("search/", SearchView.as_view(), name="api-search"),
    path("search/suggestions/", SuggestView.as_view(), name="api-suggest"),
]
