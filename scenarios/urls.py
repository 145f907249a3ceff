"""Addresses of demands and lists. Public ones are permanent: /lists/2026Q4/, /scenarios/2026Q4-001/."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from scenarios.feeds import QuarterlyListFeed
from scenarios.views import drafts, imports, listmaking, public, reviews

app_name = "scenarios"

urlpatterns = [
    path("lists/", public.lists, name="lists"),
    path("lists/feed.atom", login_not_required(QuarterlyListFeed()), name="feed"),
    path("lists/<str:code>/", public.list_detail, name="list"),
    path("lists/<str:code>/print/", public.list_print, name="list_print"),
    path("lists/<str:code>/download/<str:form>/", public.list_download, name="list_download"),
    path("scenarios/", public.catalogue, name="catalogue"),
    path("scenarios/<str:key>/", public.detail, name="scenario"),
    path("desk/scenarios/", drafts.own, name="own"),
    path("desk/scenarios/new/", drafts.create, name="create"),
    path("desk/scenarios/import/", imports.start, name="import"),
    path("desk/scenarios/import/<uuid:public_id>/", imports.check, name="import_check"),
    path("desk/scenarios/import/<uuid:public_id>/report/", imports.report, name="import_report"),
    path("desk/scenarios/<str:key>/", drafts.tasks, name="tasks"),
    path("desk/scenarios/<str:key>/check/", drafts.check, name="check"),
    path("desk/scenarios/<str:key>/submitted/", drafts.submitted, name="submitted"),
    path("desk/scenarios/<str:key>/attachments/", drafts.attachments, name="attachments"),
    path("desk/scenarios/<str:key>/fair-competition/", drafts.fair_competition, name="fair_competition"),
    path("desk/scenarios/<str:key>/copy/", drafts.copy, name="copy"),
    path("desk/scenarios/<str:key>/act/<str:action>/", drafts.act, name="act"),
    path("desk/scenarios/<str:key>/edit/<str:section>/", drafts.edit, name="edit"),
    path("desk/reviews/", reviews.queue, name="review_queue"),
    path("desk/reviews/<str:key>/", reviews.review, name="review"),
    path("desk/pool/", listmaking.pool, name="pool"),
    path("desk/lists/", listmaking.working_lists, name="working_lists"),
    path("desk/lists/<str:code>/", listmaking.edit, name="edit_list"),
    path("desk/lists/<str:code>/add/", listmaking.add, name="list_add"),
    path("desk/lists/<str:code>/remove/<int:item_id>/", listmaking.remove, name="list_remove"),
    path("desk/lists/<str:code>/move/<int:item_id>/<str:direction>/", listmaking.move, name="list_move"),
    path("desk/lists/<str:code>/step/<str:action>/", listmaking.step, name="list_step"),
    path("desk/lists/<str:code>/erratum/", listmaking.erratum, name="list_erratum"),
    path(
        "desk/lists/<str:code>/erratum/<uuid:public_id>/<str:action>/",
        listmaking.erratum_decide,
        name="list_erratum_decide",
    ),
]
