"""People, organisations, and who may do what for whom."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import (
    InvitationState,
    OrganisationKind,
    OrganisationLevel,
    OrganisationState,
    ProposalState,
    Role,
    TokenScope,
)
from core.clock import now
from core.deciding import DecidingModel, DecidingQuerySet
from core.models import Industry, Region
from core.transitions import state_check


class Organisation(DecidingModel):
    """An agency, institution, enterprise, university or association.

    The unified code (GB 32100-2015) is needed for verification only: an import may name a unit that has none yet
    (architecture.md §10.2). Responsible units change, so each has validity dates and a successor (domain.md §0.3).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("名称"), max_length=120)
    #: A name that a reviewer has to look at first (accounts/naming.py); until then `name` is a neutral one.
    claimed_name = models.CharField(_("待核对的名称"), max_length=120, blank=True, default="", db_default="")
    short_name = models.CharField(_("简称"), max_length=40, blank=True)
    unified_code = models.CharField(_("统一社会信用代码"), max_length=18, null=True, blank=True, unique=True)
    kind = models.CharField(_("类型"), max_length=20, choices=OrganisationKind.choices)
    level = models.CharField(
        _("层级"), max_length=10, choices=OrganisationLevel.choices, default=OrganisationLevel.CITY
    )
    region = models.ForeignKey(Region, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("所在地区"))
    industry = models.ForeignKey(Industry, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("行业"))
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children", verbose_name=_("上级主管单位")
    )
    successor = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessors")
    valid_from = models.DateField(_("有效期起"), null=True, blank=True)
    valid_until = models.DateField(_("有效期止"), null=True, blank=True)
    address = models.CharField(_("地址"), max_length=200, blank=True)
    office_phone = models.CharField(_("办公电话"), max_length=40, blank=True)
    representative_name = models.CharField(_("法定代表人"), max_length=40, blank=True)
    state = models.CharField(
        _("核验状态"), max_length=12, choices=OrganisationState.choices, default=OrganisationState.UNVERIFIED
    )
    verification_comment = models.TextField(_("核验意见"), blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey("User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("机构")
        verbose_name_plural = _("机构")
        ordering = ["pk"]
        constraints = [state_check(OrganisationState, "organisation_state")]
        indexes = [
            models.Index(fields=["name"], name="organisation_by_name"),
            # The verification queue: few among many.
            models.Index(fields=["id"], name="organisation_pending", condition=Q(state=OrganisationState.PENDING)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_verified(self) -> bool:
        return self.state == OrganisationState.VERIFIED

    @property
    def is_suspended(self) -> bool:
        return self.state == OrganisationState.SUSPENDED


class User(AbstractUser):
    """A person. `current_organisation` is the one they act for now; they switch between their memberships."""

    display_name = models.CharField(_("姓名"), max_length=40, blank=True)
    current_organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("当前机构")
    )

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined]  # the stubs do not know it
        verbose_name = _("用户")
        verbose_name_plural = _("用户")

    def __str__(self) -> str:
        return self.display_name or self.username

    def may_maintain_reference_data(self) -> bool:
        """Whether the admin site opens for this person: the system administrator's code tables."""
        return RoleGrant.objects.filter(
            role=Role.SYSTEM_ADMINISTRATOR,
            membership__user=self,
            membership__organisation=self.current_organisation,
            membership__ended_at__isnull=True,
        ).exists()


class MembershipQuerySet(DecidingQuerySet):
    def active(self) -> "MembershipQuerySet":
        """Memberships in force: a person who left loses access the same moment (domain.md §6)."""
        return self.filter(ended_at__isnull=True)


class Membership(DecidingModel):
    """A person's place in an organisation, with the roles held there."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    started_at = models.DateTimeField(default=now, editable=False)
    ended_at = models.DateTimeField(_("离开时间"), null=True, blank=True)

    objects: ClassVar[Any] = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("成员")
        verbose_name_plural = _("成员")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation"], condition=Q(ended_at__isnull=True), name="one_active_membership"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} @ {self.organisation}"


class MembershipInvitation(DecidingModel):
    """An organisation asks a person to become its member; only the person's own acceptance makes the membership.

    `person` is empty where nobody goes by the name that was typed: such an invitation looks the same to whoever made
    it and lapses like any other, so that inviting tells nobody which accounts there are (ADR 0012).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="membership_invitations")
    addressed_to = models.CharField(_("用户名或邮箱"), max_length=150)
    person = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="membership_invitations"
    )
    state = models.CharField(_("状态"), max_length=10, choices=InvitationState.choices, default=InvitationState.OPEN)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    lapses_at = models.DateTimeField(_("有效期至"))
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("成员邀请")
        verbose_name_plural = _("成员邀请")
        ordering = ["-pk"]
        constraints = [state_check(InvitationState, "membership_invitation_state")]

    def __str__(self) -> str:
        return f"{self.addressed_to} → {self.organisation}"


class RoleGrant(DecidingModel):
    """A role held through a membership; who gave it and when stays on record."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(_("角色"), max_length=30, choices=Role.choices)
    granted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    granted_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("角色授权")
        verbose_name_plural = _("角色授权")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["membership", "role"], name="one_grant_per_role"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_grant_role"),
        ]

    def __str__(self) -> str:
        return f"{self.membership}: {self.get_role_display()}"


class RoleProposal(DecidingModel):
    """A power of the province that one security administrator wants to give; only another one's word gives it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="role_proposals")
    role = models.CharField(_("角色"), max_length=30, choices=Role.choices)
    #: Why: a letter of appointment, a decision; for whoever confirms and for the trail.
    grounds = models.CharField(_("授权依据"), max_length=200, blank=True)
    state = models.CharField(_("状态"), max_length=10, choices=ProposalState.choices, default=ProposalState.WAITING)
    proposed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    proposed_at = models.DateTimeField(default=now, editable=False)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    #: What the other one wrote, above all when refusing.
    comment = models.CharField(_("理由"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("授权提议")
        verbose_name_plural = _("授权提议")
        ordering = ["-pk"]
        constraints = [
            state_check(ProposalState, "role_proposal_state"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_proposal_role"),
            models.UniqueConstraint(
                fields=["membership", "role"],
                condition=Q(state=ProposalState.WAITING),
                name="one_waiting_proposal_per_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership}: {self.get_role_display()}"


class AccessToken(DecidingModel):
    """A token for the API: only its hash is kept; it has a scope, an end, and the organisation it acts for."""

    not_deciding = {"last_used_at": "when it was last used"}

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("用途说明"), max_length=60)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(_("范围"), max_length=10, choices=TokenScope.choices)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(_("到期时间"))
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("访问令牌")
        verbose_name_plural = _("访问令牌")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
