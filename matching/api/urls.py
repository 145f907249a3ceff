"""Routes of this app's API, mounted by marketplace/api.py."""

from django.urls import path

from matching.api import views

urlpatterns = [
    path("scenarios/<str:key>/matches/", views.ScenarioMatchesView.as_view(), name="api-scenario-matches"),
    path("capabilities/<str:key>/matches/", views.CapabilityMatchesView.as_view(), name="api-capability-matches"),
    path("match-runs/<uuid:public_id>/replay/", views.ReplayView.as_view(), name="api-match-replay"),
    path("recommendations/", views.RecommendationsView.as_view(), name="api-recommendations"),
]
