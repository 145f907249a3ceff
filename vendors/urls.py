"""Addresses of vendors and capabilities."""

from django.urls import path

from vendors import confirmation_views, imports, views

app_name = "vendors"

urlpatterns = [
    path("capabilities/", views.catalogue, name="catalogue"),
    path("capabilities/<str:key>/", views.capability, name="capability"),
    path("vendors/", views.vendor_list, name="vendors"),
    path("vendors/<uuid:public_id>/", views.vendor, name="vendor"),
    path("desk/vendor/", views.profile, name="profile"),
    path("desk/vendor/credentials/", views.credentials, name="credentials"),
    path("desk/vendor/credentials/<int:credential_id>/", views.credentials, name="credential"),
    path("desk/vendor/credentials/<int:credential_id>/remove/", views.credential_remove, name="credential_remove"),
    path("desk/capabilities/", views.own, name="own"),
    path("desk/capabilities/new/", views.create, name="create"),
    path("desk/capabilities/import/", imports.start, name="import"),
    path("desk/capabilities/import/<uuid:public_id>/", imports.check, name="import_check"),
    path("desk/capabilities/import/<uuid:public_id>/report/", imports.report, name="import_report"),
    path("desk/capabilities/verification/", views.verification_queue, name="verification_queue"),
    path("desk/capabilities/verification/<str:key>/", views.verify, name="verification"),
    path("desk/capabilities/<str:key>/", views.tasks, name="edit"),
    path("desk/capabilities/<str:key>/members/", views.members, name="members"),
    path("desk/capabilities/<str:key>/cases/", views.cases, name="cases"),
    path("desk/capabilities/<str:key>/cases/<int:case_id>/", views.cases, name="case"),
    path("desk/capabilities/<str:key>/cases/<int:case_id>/remove/", views.case_remove, name="case_remove"),
    path("desk/capabilities/<str:key>/cases/<int:case_id>/ask/", confirmation_views.ask, name="case_ask"),
    path("desk/cases/<uuid:public_id>/", confirmation_views.answer, name="case_answer"),
    path("cases/<str:token>/", confirmation_views.link, name="case_link"),
    path("desk/capabilities/<str:key>/submit/", views.submit, name="submit"),
    path("desk/capabilities/<str:key>/act/<str:action>/", views.act, name="act"),
    path("desk/capabilities/<str:key>/edit/<str:section>/", views.edit, name="section"),
]
