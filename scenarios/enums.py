"""Vocabularies of the demand side (domain.md §3)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ScenarioState(models.TextChoices):
    """State machine E from the draft to the list; what follows lives on the engagement (architecture.md §10.7)."""

    DRAFT = "draft", _("草稿")
    SUBMITTED = "submitted", _("待初审")
    SUPPLEMENT = "supplement", _("待补充")
    FIRST_PASSED = "first_passed", _("待省级审核")
    POOLED = "pooled", _("已入库")
    NOT_ACCEPTED = "not_accepted", _("未采纳")
    FROZEN = "frozen", _("已列入待发布清单")
    LISTED = "listed", _("已发布")
    SUSPENDED = "suspended", _("已暂停")
    EXPIRED = "expired", _("已到期")
    CLOSED_UNMATCHED = "closed_unmatched", _("已结束")
    LANDED = "landed", _("已落地")
    CONVERTED = "converted", _("已转揭榜")
    WITHDRAWN = "withdrawn", _("已撤回")


class ScenarioType(models.TextChoices):
    VALIDATION = "validation", _("场景验证")
    PROCUREMENT = "procurement", _("采购建设")
    RESEARCH = "research", _("技术攻关")
    JOINT = "joint", _("联合共建")


class FundingNature(models.TextChoices):
    OPEN = "open", _("开放场景（无资金）")
    OWN = "own", _("自筹资金")
    FISCAL = "fiscal", _("财政资金（依法采购）")
    SUBSIDY = "subsidy", _("财政奖补")


class ScenarioLevel(models.TextChoices):
    PROVINCE = "province", _("省级")
    CITY = "city", _("市级")
    COUNTY = "county", _("县级")


class ScenarioSource(models.TextChoices):
    FORM = "form", _("在线填报")
    IMPORT = "import", _("批量导入")
    OPINION = "opinion", _("意见征集转化")
    ALLIANCE = "alliance", _("联盟推荐")


class Restriction(models.TextChoices):
    """Conditions that turn on a mandatory fair-competition review (公平竞争审查条例 arts. 8–10; V17)."""

    PLACE = "place", _("注册地或所在地")
    OWNERSHIP = "ownership", _("所有制或组织形式")
    SIZE = "size", _("企业规模")
    YEARS = "years", _("成立年限")
    LOCAL_RECORD = "local_record", _("本地业绩")


class DataClass(models.TextChoices):
    NONE = "none", _("不涉及数据")
    OPEN = "open", _("开放数据")
    SHARED = "shared", _("共享数据（走共享渠道）")
    AUTHORISED = "authorised", _("授权运营数据（走授权运营渠道）")


class ReviewStage(models.TextChoices):
    FIRST = "first", _("初审")
    PROVINCIAL = "provincial", _("省级审核")


class ReviewConclusion(models.TextChoices):
    PASSED = "passed", _("通过")
    RETURNED = "returned", _("退回补充")
    NOT_ACCEPTED = "not_accepted", _("不予采纳")


class ErratumDraftState(models.TextChoices):
    """A correction binds the public only once somebody else than its author approved it."""

    WAITING = "waiting", _("待审批")
    PUBLISHED = "published", _("已发布")
    RETURNED = "returned", _("已退回")


class QuarterlyListState(models.TextChoices):
    """State machine F (domain.md §3.4). OVERDUE is a flag of a quarter, not a state of a list."""

    COLLECTING = "collecting", _("征集中")
    FROZEN = "frozen", _("已冻结")
    IN_REVIEW = "in_review", _("审批中")
    APPROVED = "approved", _("已批准")
    PUBLISHED = "published", _("已发布")
    ARCHIVED = "archived", _("已归档")
