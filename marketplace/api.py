"""The root of `/api/v1/`: every app's routes, the schema and its pages."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

# Login is decided by each API view's own permission classes, not by the login page's middleware: a client without a
# session gets 401 in the API's one error shape, never a redirect.
urlpatterns = [
    path("schema/", login_not_required(SpectacularAPIView.as_view()), name="api-schema"),
    path("docs/", login_not_required(SpectacularSwaggerView.as_view(url_name="api-schema")), name="api-docs"),
    path("", include("scenarios.api.urls")),
    path("", include("vendors.api.urls")),
]
