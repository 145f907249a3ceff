"""The root of `/api/v1/`: every app's routes, the schema and its pages.

Each view decides by its own permission classes (DRF exempts its views from the login page's middleware): a client
without a session gets 401 in the API's one error shape, never a redirect.
"""

from django.urls import include, path, re_path

from core.api.views import UnknownAddress
from marketplace.api_pages import SchemaView, docs

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("", include("scenarios.api.urls")),
    path("", include("vendors.api.urls")),
    path("", include("challenges.api.urls")),
    path("", include("search.api.urls")),
    path("", include("matching.api.urls")),
    re_path(r"^.*$", UnknownAddress.as_view(), name="api-unknown"),
]
