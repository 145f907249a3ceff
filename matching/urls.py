"""Addresses of matching pages."""

from django.urls import path

from matching import challenge_views, engagement_views, views

app_name = "matching"

urlpatterns = [
    path("about/matching/", views.method, name="method"),
    path("desk/recommended/", views.recommended, name="recommended"),
    path("desk/recommended/<uuid:public_id>/dismiss/", views.dismiss, name="dismiss"),
    path("desk/matches/scenarios/<str:key>/run/", views.match_scenario, name="match_scenario"),
    path("desk/matches/capabilities/<str:key>/run/", views.match_capability, name="match_capability"),
    path("desk/matches/lists/<str:code>/progress/", views.list_progress, name="list_progress"),
    path("desk/matches/<uuid:public_id>/", views.run, name="run"),
    path("desk/engagements/", engagement_views.engagement_list, name="engagements"),
    path("desk/engagements/new/<str:key>/", engagement_views.begin, name="begin_engagement"),
    path("desk/engagements/<uuid:public_id>/", engagement_views.engagement, name="engagement"),
    path("desk/engagements/<uuid:public_id>/<str:step>/", engagement_views.act, name="engagement_act"),
    path("desk/matches/challenges/<str:key>/invite/", challenge_views.invite_solver, name="invite_solver"),
]

views.fill_places()
challenge_views.fill_places()
engagement_views.fill_places()
