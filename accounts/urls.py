"""Addresses about people and organisations."""

from django.urls import path

from accounts import account_views, granting_views, invitation_views, naming_views, session_views, views

app_name = "accounts"

urlpatterns = [
    path("desk/account/", views.profile, name="profile"),
    path("desk/account/tokens/", views.tokens, name="tokens"),
    path("desk/account/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("desk/account/invitations/", invitation_views.invitations_page, name="invitations"),
    path("desk/account/invitations/<uuid:public_id>/accept/", invitation_views.accept, name="accept_invitation"),
    path("desk/account/invitations/<uuid:public_id>/decline/", invitation_views.decline, name="decline_invitation"),
    path("desk/account/memberships/<int:membership_id>/leave/", invitation_views.leave, name="leave"),
    path("desk/account/session/", session_views.remaining, name="session"),
    path("desk/account/session/stay/", session_views.stay, name="stay"),
    path("desk/account/second-factor/", session_views.second_factor_page, name="second_factor"),
    path("desk/account/continue/", session_views.kept_form_or_desk, name="kept_form_or_desk"),
    path("desk/account/kept-form/", session_views.kept_form, name="kept_form"),
    path("desk/accounts/", account_views.accounts, name="accounts"),
    path("desk/accounts/<int:user_id>/", account_views.account, name="account"),
    path("desk/accounts/new/", views.create_account, name="create_account"),
    path("desk/organisations/", views.organisations, name="organisations"),
    path("desk/organisations/new/", views.register, name="register"),
    path("desk/organisations/switch/", views.switch, name="switch"),
    path("desk/organisations/verification/", views.verification_queue, name="verification_queue"),
    path("desk/organisations/grants/", granting_views.grants, name="grants"),
    path("desk/organisations/grants/holders/", granting_views.holders, name="holders"),
    path("desk/organisations/grants/proposals/", granting_views.proposals, name="proposals"),
    path("desk/organisations/grants/proposals/<uuid:public_id>/", granting_views.proposal, name="proposal"),
    path("desk/organisations/<uuid:public_id>/", views.organisation, name="organisation"),
    path("desk/organisations/<uuid:public_id>/edit/", views.edit_organisation, name="edit_organisation"),
    path("desk/organisations/<uuid:public_id>/act/<str:action>/", views.act, name="act"),
    path("desk/organisations/<uuid:public_id>/members/", views.members, name="members"),
    path(
        "desk/organisations/<uuid:public_id>/invitations/<uuid:invitation_id>/withdraw/",
        invitation_views.withdraw,
        name="withdraw_invitation",
    ),
    path("desk/organisations/<uuid:public_id>/name/<str:decision>/", naming_views.decide, name="decide_name"),
    path("desk/organisations/<uuid:public_id>/members/<int:membership_id>/roles/", granting_views.roles, name="roles"),
    path("desk/organisations/<uuid:public_id>/members/<int:membership_id>/end/", views.end_member, name="end_member"),
]
