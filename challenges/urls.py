"""Addresses of 揭榜挂帅. Public ones are permanent: /challenges/lists/2026-1/, /challenges/JB2026-001/."""

from django.urls import path

from challenges.views import actions, desk, public

app_name = "challenges"

urlpatterns = [
    path("challenges/", public.catalogue, name="catalogue"),
    path("challenges/lists/", public.lists, name="lists"),
    path("challenges/lists/<str:code>/", public.annual_list, name="list"),
    path("challenges/lists/<str:code>/download/<str:form>/", public.list_download, name="list_download"),
    path("challenges/programmes/<uuid:public_id>/", public.programme, name="programme"),
    path("challenges/publicity/", public.publicities, name="publicities"),
    path("challenges/publicity/<uuid:public_id>/", public.publicity, name="publicity"),
    path("challenges/results/", public.results, name="results"),
    path("challenges/<str:key>/", public.challenge, name="challenge"),
    path("challenges/<str:key>/record.json", public.record, name="record"),
    path("desk/challenges/", desk.board, name="board"),
    path("desk/challenges/act/<str:kind>/<str:key>/<str:action>/", actions.act, name="act"),
    path("desk/challenges/programmes/new/", desk.programme_edit, name="programme_create"),
    path("desk/challenges/programmes/<uuid:public_id>/edit/", desk.programme_edit, name="programme_edit"),
    path("desk/challenges/programmes/<uuid:public_id>/needs/new/", desk.need_create, name="need_create"),
    path("desk/challenges/needs/<str:key>/", desk.need, name="need"),
    path("desk/challenges/needs/<str:key>/check/", desk.need_check, name="need_check"),
    path("desk/challenges/lists/<str:code>/", desk.working_list, name="working_list"),
    path("desk/challenges/lists/<str:code>/add/", desk.list_add, name="list_add"),
    path("desk/challenges/lists/<str:code>/remove/<str:key>/", desk.list_remove, name="list_remove"),
    path("desk/challenges/experts/", desk.experts, name="experts"),
    path("desk/challenges/panels/<uuid:public_id>/", desk.panel, name="panel"),
    path("desk/challenges/seats/<uuid:public_id>/", desk.seat, name="seat"),
    path("desk/challenges/awards/<uuid:public_id>/contract/", desk.contract, name="contract"),
    path("desk/challenges/publicity/<uuid:public_id>/object/", desk.object_to, name="object_to"),
    path("desk/challenges/objections/<uuid:public_id>/", desk.objection, name="objection"),
    path("desk/challenges/projects/", desk.project_list, name="projects"),
    path("desk/challenges/projects/<uuid:public_id>/", desk.project, name="project"),
    path("desk/challenges/items/<str:key>/terms/", desk.terms, name="terms"),
    path("desk/challenges/items/<str:key>/follow/", desk.follow, name="follow"),
    path("desk/challenges/items/<str:key>/bids/", desk.bid_list, name="bids"),
    path("desk/challenges/items/<str:key>/decide/", desk.decide, name="decide"),
]
