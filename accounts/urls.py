"""Addresses about people and organisations."""

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("desk/account/", views.profile, name="profile"),
    path("desk/account/tokens/", views.tokens, name="tokens"),
    path("desk/account/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("desk/accounts/new/", views.create_account, name="create_account"),
    path("desk/organisations/", views.organisations, name="organisations"),
    path("desk/organisations/new/", views.register, name="register"),
    path("desk/organisations/switch/", views.switch, name="switch"),
    path("desk/organisations/verification/", views.verification_queue, name="verification_queue"),
    path("desk/organisations/grants/", views.grants, name="grants"),
    path("desk/organisations/<uuid:public_id>/", views.organisation, name="organisation"),
    path("desk/organisations/<uuid:public_id>/edit/", views.edit_organisation, name="edit_organisation"),
    path("desk/organisations/<uuid:public_id>/act/<str:action>/", views.act, name="act"),
    path("desk/organisations/<uuid:public_id>/members/", views.members, name="members"),
    path("desk/organisations/<uuid:public_id>/members/<int:membership_id>/roles/", views.roles, name="roles"),
    path("desk/organisations/<uuid:public_id>/members/<int:membership_id>/end/", views.end_member, name="end_member"),
]
