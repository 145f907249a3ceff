"""Vocabularies of people and organisations (domain.md §6)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrganisationKind(models.TextChoices):
    AGENCY = "agency", _("机关")
    INSTITUTION = "institution", _("事业单位")
    ENTERPRISE = "enterprise", _("企业")
    RESEARCH = "research", _("高校院所")
    ASSOCIATION = "association", _("社会组织")


class OrganisationLevel(models.TextChoices):
    PROVINCE = "province", _("省级")
    CITY = "city", _("市级")
    COUNTY = "county", _("县级")


class OrganisationState(models.TextChoices):
    UNVERIFIED = "unverified", _("未核验")
    PENDING = "pending", _("核验中")
    VERIFIED = "verified", _("已核验")
    RETURNED = "returned", _("退回补充")
    SUSPENDED = "suspended", _("已停用")


class InvitationState(models.TextChoices):
    OPEN = "open", _("等待接受")
    ACCEPTED = "accepted", _("已接受")
    DECLINED = "declined", _("已谢绝")
    WITHDRAWN = "withdrawn", _("已撤回")


class ProposalState(models.TextChoices):
    WAITING = "waiting", _("等待确认")
    CONFIRMED = "confirmed", _("已确认")
    REFUSED = "refused", _("未予确认")
    WITHDRAWN = "withdrawn", _("已撤回")


class Role(models.TextChoices):
    ORGANISATION_MANAGER = "organisation_manager", _("机构管理员")
    DEMAND_SUBMITTER = "demand_submitter", _("需求填报人")
    FIRST_REVIEWER = "first_reviewer", _("市级/部门初审人")
    PROVINCIAL_REVIEWER = "provincial_reviewer", _("省级审核人")
    LIST_EDITOR = "list_editor", _("清单编制人")
    LIST_APPROVER = "list_approver", _("清单审批人")
    VENDOR_STAFF = "vendor_staff", _("供给方经办人")
    SCIENCE_HANDLER = "science_handler", _("科技部门经办人")
    SCIENCE_APPROVER = "science_approver", _("科技部门审批人")
    EXPERT = "expert", _("评审专家")
    SUPERVISOR = "supervisor", _("监督人员")
    OPERATOR = "operator", _("运行维护人员")
    SYSTEM_ADMINISTRATOR = "system_administrator", _("系统管理员")
    SECURITY_ADMINISTRATOR = "security_administrator", _("安全管理员")
    AUDIT_ADMINISTRATOR = "audit_administrator", _("审计管理员")


#: One account holds at most one of these and no other role (三员分立, domain.md §5.7).
ADMINISTRATOR_ROLES = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR})

#: Roles that decide, open, score, review or keep the platform: these sign in with two factors (ADR 0012).
SECOND_FACTOR_ROLES = frozenset(
    {
        Role.FIRST_REVIEWER,
        Role.PROVINCIAL_REVIEWER,
        Role.LIST_EDITOR,
        Role.LIST_APPROVER,
        Role.SCIENCE_HANDLER,
        Role.SCIENCE_APPROVER,
        Role.EXPERT,
        Role.SUPERVISOR,
        Role.OPERATOR,
    }
    | ADMINISTRATOR_ROLES
)

#: Roles whose unattended sessions end after a quarter of an hour instead of half an hour.
SHORT_IDLE_ROLES = ADMINISTRATOR_ROLES | {Role.EXPERT}

#: Roles an organisation's own manager may give to its members; all others are given by the security administrator.
ROLES_GIVEN_BY_ORGANISATION = frozenset({Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF, Role.ORGANISATION_MANAGER})

#: Powers of the province: one security administrator proposes, another confirms (accounts/granting.py).
ROLES_OF_TWO_PERSONS = frozenset(
    {
        Role.PROVINCIAL_REVIEWER,
        Role.LIST_EDITOR,
        Role.LIST_APPROVER,
        Role.SCIENCE_HANDLER,
        Role.SCIENCE_APPROVER,
        Role.SUPERVISOR,
    }
    | ADMINISTRATOR_ROLES
)


class TokenScope(models.TextChoices):
    READ = "read", _("只读")
    WRITE = "write", _("读写")
