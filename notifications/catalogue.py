"""The message catalogue: what each notice says, where it leads, whether it goes by mail unless switched off.

Texts take their values by name; a value that a text needs and does not get is an error, not a blank in a mail.
"""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from notifications.enums import Group


@dataclass(frozen=True)
class Message:
    """One kind of notice."""

    topic: str
    group: str
    title: str
    body: str
    url_name: str = ""
    mail: bool = True


#: Groups whose mail a person cannot switch off: they concern the account itself.
ALWAYS_MAILED = frozenset({Group.ACCOUNT})

_MESSAGES = (
    # Every duty that no notice of its own announces (core.todos; ADR 0014).
    Message(
        "todo.waits",
        Group.TODO,
        _("%(what)s：%(title)s"),
        _("“%(title)s”等待您办理：%(what)s。%(due)s办理以后，这一事项会从您的工作台上自动消失。"),
        "desk",
    ),
    # Review of demands (domain.md §3.3: all defects at once, the reason always told).
    Message(
        "scenario.waits_for_first_review",
        Group.TODO,
        _("待初审：%(title)s"),
        _("%(owner)s 提交了需求“%(title)s”，请在 %(due)s 前完成初审。"),
        "scenarios:review",
        mail=False,
    ),
    Message(
        "scenario.waits_for_provincial_review",
        Group.TODO,
        _("待省级审核：%(title)s"),
        _("%(owner)s 的需求“%(title)s”已通过初审，请在 %(due)s 前完成省级审核。"),
        "scenarios:review",
        mail=False,
    ),
    Message(
        "scenario.passed_first",
        Group.RESULT,
        _("初审通过：%(title)s"),
        _("贵单位的需求“%(title)s”已由 %(reviewer)s 初审通过，转入省级审核。%(comment)s"),
        "scenarios:tasks",
        mail=False,
    ),
    Message(
        "scenario.pooled",
        Group.RESULT,
        _("审核入库：%(title)s"),
        _("贵单位的需求“%(title)s”已通过省级审核，进入需求库，等待列入季度清单。%(comment)s"),
        "scenarios:tasks",
    ),
    Message(
        "scenario.returned",
        Group.RESULT,
        _("需要补充：%(title)s"),
        _("%(reviewer)s 退回了需求“%(title)s”，请一次补齐下列内容后重新提交：\n%(defects)s%(comment)s"),
        "scenarios:tasks",
    ),
    Message(
        "scenario.not_accepted",
        Group.RESULT,
        _("未予采纳：%(title)s"),
        _("%(reviewer)s 未采纳需求“%(title)s”。%(comment)s如情况有变化，可修改后重新填报。"),
        "scenarios:tasks",
    ),
    Message(
        "scenario.suspended",
        Group.RESULT,
        _("需求已暂停：%(title)s"),
        _("已发布的需求“%(title)s”被暂停对接，暂停期间不接受新的意向，已有的对接不结束。%(comment)s"),
        "scenarios:tasks",
    ),
    Message(
        "scenario.resumed",
        Group.RESULT,
        _("需求已恢复：%(title)s"),
        _("需求“%(title)s”已恢复对接。"),
        "scenarios:tasks",
        mail=False,
    ),
    Message(
        "scenario.expired",
        Group.RESULT,
        _("需求已到期：%(title)s"),
        _(
            "需求“%(title)s”的有效期已到，不再接受响应，尚未签约的对接同时结束并已通知对方。"
            "如仍有需要，可复制后重新填报。"
        ),
        "scenarios:tasks",
    ),
    Message(
        "scenario.landed",
        Group.RESULT,
        _("需求已落地：%(title)s"),
        _("需求“%(title)s”经双方确认已经落地，不再接受响应；与其他供给方尚未签约的对接同时结束并已通知对方。"),
        "scenarios:tasks",
        mail=False,
    ),
    Message(
        "scenario.converted",
        Group.RESULT,
        _("需求已转为揭榜任务：%(title)s"),
        _("需求“%(title)s”已由科技部门转为揭榜任务，尚未签约的对接同时结束并已通知对方。"),
        "scenarios:tasks",
    ),
    # Lists (domain.md §3.4).
    Message(
        "list.waits_for_approval",
        Group.TODO,
        _("待审批：%(list)s"),
        _("《%(list)s》已编制完成，共 %(count)d 项，请审批。"),
        "scenarios:edit_list",
    ),
    Message(
        "list.returned",
        Group.RESULT,
        _("清单退回编制：%(list)s"),
        _("《%(list)s》被退回，请修改后重新送审。%(comment)s"),
        "scenarios:edit_list",
    ),
    Message(
        "list.approved",
        Group.RESULT,
        _("清单已批准：%(list)s"),
        _("《%(list)s》已批准，可以发布。"),
        "scenarios:edit_list",
        mail=False,
    ),
    Message(
        "list.published_with_own_items",
        Group.LIST,
        _("已发布：%(list)s"),
        _("《%(list)s》已发布，贵单位有 %(count)d 项需求列入：\n%(items)s"),
        "scenarios:list",
    ),
    Message(
        "list.erratum",
        Group.LIST,
        _("清单勘误：%(list)s"),
        _("《%(list)s》发布了第 %(number)d 号勘误，涉及“%(title)s”：%(reason)s"),
        "scenarios:list",
    ),
    Message(
        "list.erratum_waits",
        Group.TODO,
        _("待审批的勘误：%(list)s"),
        _("%(person)s 草拟了《%(list)s》的勘误，更正为：%(text)s。请核对后批准发布或退回。"),
        "scenarios:edit_list",
    ),
    Message(
        "list.erratum_returned",
        Group.RESULT,
        _("勘误被退回：%(list)s"),
        _("您草拟的《%(list)s》的勘误被退回，没有公开。%(comment)s"),
        "scenarios:edit_list",
    ),
    Message(
        "quarter.overdue",
        Group.OPERATION,
        _("逾期：%(quarter)s没有发布需求清单"),
        _("%(quarter)s已经结束，没有发布数字化应用场景需求清单。请清单编制人尽快补发，并在发布说明中说明原因。"),
        "scenarios:working_lists",
    ),
    Message(
        "workdays.missing",
        Group.OPERATION,
        _("尚未载入 %(year)s 年的节假日安排"),
        _(
            "%(year)s 年的节假日安排还没有载入。跨入 %(year)s 年的期限算不出来，有关提交、受理和公示会停下。"
            "请在国务院办公厅公布后到“工作日历”页面按通知原文载入，或运行 manage.py load_workdays %(year)s。"
            "载入以前，本通知每周一次。"
        ),
        "workdays",
    ),
    Message(
        "integrity.heads",
        Group.OPERATION,
        _("链头留存：%(day)s"),
        _(
            "%(day)s 审计链和数据校验链的链头如下，请妥善保存本通知。以后如怀疑数据被改动，"
            "可用 manage.py verify_audit --head 逐个核对：\n%(heads)s"
        ),
        "audit_anchors",
    ),
    Message(
        "integrity.doubted",
        Group.OPERATION,
        _("数据核对发现 %(faults)s 项不符"),
        _(
            "%(day)s 的数据核对发现 %(faults)s 项内容与平台留存的校验值不符，可能有人绕过平台改动了数据库或文件。"
            "其中第一项：%(first)s。请立即停止相关业务的后续步骤，保留现场，"
            "并由运行维护人员运行 manage.py verify_audit 查明。"
        ),
        "audit_anchors",
    ),
    # Capabilities.
    Message(
        "capability.waits_for_verification",
        Group.TODO,
        _("待核验：%(title)s"),
        _("%(vendor)s 提交了场景能力“%(title)s”，请核验。"),
        "vendors:verification",
        mail=False,
    ),
    Message(
        "capability.listed",
        Group.RESULT,
        _("能力已上架：%(title)s"),
        _("场景能力“%(title)s”已通过核验并上架，有效期至 %(expires_on)s。%(comment)s"),
        "vendors:capability",
    ),
    Message(
        "capability.verified",
        Group.RESULT,
        _("能力已核验：%(title)s"),
        _("场景能力“%(title)s”已通过核验，可以上架。%(comment)s"),
        "vendors:capability",
    ),
    Message(
        "capability.returned",
        Group.RESULT,
        _("需要补充：%(title)s"),
        _("场景能力“%(title)s”被退回，请一次补齐下列内容后重新提交：\n%(defects)s%(comment)s"),
        "vendors:edit",
    ),
    Message(
        "capability.suspended",
        Group.RESULT,
        _("能力已暂停：%(title)s"),
        _("场景能力“%(title)s”被暂停展示。%(comment)s"),
        "vendors:edit",
    ),
    Message(
        "capability.resumed",
        Group.RESULT,
        _("能力已恢复：%(title)s"),
        _("场景能力“%(title)s”已恢复展示。"),
        "vendors:capability",
        mail=False,
    ),
    Message(
        "capability.expired",
        Group.RESULT,
        _("能力已到期：%(title)s"),
        _("场景能力“%(title)s”的十二个月有效期已满，已停止展示和匹配。核对内容后可重新提交核验。"),
        "vendors:edit",
    ),
    Message(
        "capability.expiring",
        Group.RESULT,
        _("能力将于 %(days)d 天后到期：%(title)s"),
        _("场景能力“%(title)s”将于 %(expires_on)s 到期。如内容仍然有效，请及时续期，以免停止展示和匹配。"),
        "vendors:edit",
    ),
    # Customers' confirmations of delivered cases.
    Message(
        "case.waits_for_customer",
        Group.TODO,
        _("请确认交付案例：%(title)s"),
        _(
            "%(vendor)s 登记了交付案例“%(title)s”，写明客户是“%(customer)s”。请在 %(until)s 前核对后确认，"
            "或者写明理由不予认可；逾期不答复的，案例按未确认处理。"
        ),
        "vendors:case_answer",
    ),
    Message(
        "case.confirm",
        Group.RESULT,
        _("客户已确认案例：%(title)s"),
        _("“%(customer)s”确认了交付案例“%(title)s”，案例从现在起计入业绩。"),
        "vendors:cases",
        mail=False,
    ),
    Message(
        "case.refuse",
        Group.RESULT,
        _("客户未认可案例：%(title)s"),
        _("“%(customer)s”没有认可交付案例“%(title)s”。%(reason)s请核对、修改后重新请客户确认，或者删除案例。"),
        "vendors:cases",
    ),
    Message(
        "case.lapse",
        Group.RESULT,
        _("客户逾期未确认案例：%(title)s"),
        _("“%(customer)s”在 30 天内没有答复，交付案例“%(title)s”按未确认处理，不计入业绩，可以重新请客户确认。"),
        "vendors:cases",
    ),
    # Recommendation (matching.md §3: reasons a person can check; domain.md §3.5: a unit can opt out).
    Message(
        "recommendation.digest",
        Group.RECOMMENDATION,
        _("《%(list)s》中有 %(count)d 项需求与贵单位的能力相符"),
        _("按公开的匹配规则，下列需求与贵单位的能力较为相符（理由见匹配页面）：\n%(items)s"),
        "matching:recommended",
    ),
    Message(
        "recommendation.single",
        Group.RECOMMENDATION,
        _("有 %(count)d 项在榜需求与“%(title)s”相符"),
        _("能力“%(title)s”上架后，与下列在榜需求较为相符（理由见匹配页面）：\n%(items)s"),
        "matching:recommended",
    ),
    # Accounts and organisations.
    Message(
        "organisation.waits_for_verification",
        Group.TODO,
        _("待核验机构：%(organisation)s"),
        _("%(organisation)s 申请机构核验，请核对名称与统一社会信用代码。"),
        "accounts:verification_queue",
        mail=False,
    ),
    Message(
        "organisation.verified",
        Group.ACCOUNT,
        _("机构核验通过：%(organisation)s"),
        _("%(organisation)s 已通过核验，可以提交需求或能力。"),
        "accounts:organisation",
    ),
    Message(
        "organisation.returned",
        Group.ACCOUNT,
        _("机构核验退回：%(organisation)s"),
        _("%(organisation)s 的核验申请被退回。%(comment)s请修改后重新申请。"),
        "accounts:organisation",
    ),
    Message(
        "organisation.suspended",
        Group.ACCOUNT,
        _("机构已停用：%(organisation)s"),
        _("%(organisation)s 已被停用。%(comment)s"),
        "accounts:organisation",
    ),
    Message(
        "organisation.restored",
        Group.ACCOUNT,
        _("机构已恢复：%(organisation)s"),
        _("%(organisation)s 已恢复使用。"),
        "accounts:organisation",
    ),
    Message(
        "membership.invited",
        Group.ACCOUNT,
        _("“%(organisation)s”邀请您加入"),
        _("“%(organisation)s”邀请您成为其成员，请在 %(until)s 前接受或谢绝。不认识该机构时请谢绝；不接受就不会加入。"),
        "accounts:invitations",
    ),
    Message(
        "membership.roles_changed",
        Group.ACCOUNT,
        _("您在“%(organisation)s”的角色有变化"),
        _("现在的角色：%(roles)s。如有疑问请联系本机构管理员。"),
        mail=False,
    ),
    # Powers of the province, given by two persons (accounts/granting.py).
    Message(
        "role.waits_for_confirmation",
        Group.ACCOUNT,
        _("待确认的授权：%(person)s，%(role)s"),
        _("%(proposer)s 提议授予“%(organisation)s”的 %(person)s“%(role)s”。请核对后确认，或写明理由不予确认。"),
        "accounts:proposal",
    ),
    Message(
        "role.proposed",
        Group.ACCOUNT,
        _("您提议了授权：%(person)s，%(role)s"),
        _(
            "您提议授予“%(organisation)s”的 %(person)s“%(role)s”，由另一名安全管理员确认后生效。"
            "如非您本人所为，请立即报告。"
        ),
        "accounts:proposal",
    ),
    Message(
        "role.proposed_for_you",
        Group.ACCOUNT,
        _("拟授予您“%(role)s”"),
        _(
            "%(proposer)s 提议授予您在“%(organisation)s”的“%(role)s”角色，由另一名安全管理员确认后生效。"
            "如有疑问请联系安全管理员。"
        ),
        "accounts:profile",
    ),
    Message(
        "role.decided",
        Group.ACCOUNT,
        _("授权%(outcome)s：%(person)s，%(role)s"),
        _(
            "“%(organisation)s”的 %(person)s“%(role)s”：%(outcome)s。提议人 %(proposer)s，"
            "办理人 %(decider)s。%(comment)s如非您本人所为，请立即报告。"
        ),
        "accounts:proposal",
    ),
    Message(
        "role.decided_for_you",
        Group.ACCOUNT,
        _("您的“%(role)s”授权%(outcome)s"),
        _("您在“%(organisation)s”的“%(role)s”授权：%(outcome)s。%(comment)s"),
        "accounts:profile",
    ),
    # Engagements (domain.md §3.3).
    Message(
        "engagement.moved",
        Group.TODO,
        _("对接%(step)s：%(title)s"),
        _("“%(title)s”的对接：%(other)s%(step)s，当前状态“%(state)s”。请登录查看并办理下一步。"),
        "matching:engagement",
    ),
    Message(
        "engagement.demand_moved",
        Group.RESULT,
        _("%(what)s：%(title)s"),
        _("“%(title)s”：%(meaning)s%(standing)s%(comment)s"),
        "matching:engagement",
    ),
    # 揭榜挂帅 (domain.md §2). Before the opening a notice about a bid goes to its bidder and names no other.
    Message(
        "challenge.call",
        Group.LIST,
        _("技术需求征集：%(programme)s"),
        _("“%(programme)s”开始征集技术需求，截止 %(closes)s，到时系统自动关闭。"),
        "challenges:programme",
    ),
    Message(
        "challenge.waits_for_check",
        Group.TODO,
        _("待初审的技术需求：%(title)s"),
        _("%(demander)s 提交了技术需求“%(title)s”，请初审。"),
        "challenges:challenge",
        mail=False,
    ),
    Message(
        "challenge.checked",
        Group.RESULT,
        _("技术需求%(conclusion)s：%(title)s"),
        _("贵单位的技术需求“%(title)s”%(conclusion)s。%(comment)s\n%(defects)s"),
        "challenges:challenge",
    ),
    Message(
        "challenge.step",
        Group.RESULT,
        _("%(step)s：%(title)s"),
        _("“%(title)s”：%(step)s。%(comment)s"),
        "challenges:challenge",
    ),
    Message(
        "challenge.list_published",
        Group.LIST,
        _("已发榜：%(list)s"),
        _("《%(list)s》已发布，共 %(count)d 项。贵单位的需求：\n%(items)s"),
        "challenges:list",
    ),
    Message(
        "challenge.commissioned",
        Group.TODO,
        _("定向委托：%(title)s"),
        _(
            "《%(list)s》将“%(title)s”定向委托贵单位，不公开征集。请在 %(deadline)s 前登录申报，逾期不能提交。"
            "委托理由：%(reason)s"
        ),
        "challenges:challenge",
    ),
    Message(
        "challenge.clarified",
        Group.LIST,
        _("榜单澄清：%(title)s"),
        _("“%(title)s”发布了第 %(number)d 版：%(reason)s\n揭榜截止：%(deadline)s。%(confirm)s"),
        "challenges:challenge",
    ),
    Message(
        "challenge.answered",
        Group.LIST,
        _("榜单答疑：%(title)s"),
        _("问：%(question)s\n答：%(answer)s"),
        "challenges:challenge",
    ),
    Message(
        "challenge.invited",
        Group.RECOMMENDATION,
        _("邀请揭榜：%(title)s"),
        _("“%(title)s”正在公开揭榜，截止 %(deadline)s。按公开的匹配规则，贵单位的能力与之相符：\n%(reasons)s"),
        "challenges:challenge",
    ),
    Message(
        "challenge.bid_received",
        Group.RESULT,
        _("标书已收到：%(title)s"),
        _("贵单位对“%(title)s”的标书第 %(number)d 版已于 %(received)s 收到。请登录保存回执。截止前可以替换或撤回。"),
        "challenges:bid",
    ),
    Message(
        "challenge.bid_withdrawn",
        Group.RESULT,
        _("标书已撤回：%(title)s"),
        _("贵单位对“%(title)s”的标书已撤回。截止前可以重新提交。"),
        "challenges:bid",
    ),
    Message(
        "challenge.deadline_nears",
        Group.TODO,
        _("揭榜截止提醒：%(title)s"),
        _("“%(title)s”将于 %(deadline)s 截止（北京时间）。未提交完成的标书到时不能再提交。"),
        "challenges:challenge",
    ),
    Message(
        "challenge.membership_waits",
        Group.TODO,
        _("待复核的成员关系：%(title)s"),
        _(
            "“%(title)s”发布以后，%(person)s加入了与之有关的单位“%(organisation)s”。请复核是否计入回避，复核之前不计入。"
        ),
        "challenges:membership_looks",
    ),
    Message(
        "challenge.opening",
        Group.RESULT,
        _("%(kind)s%(step)s：%(title)s"),
        _("“%(title)s”：%(kind)s%(step)s。可在榜单页面下载记录，用回执核对。"),
        "challenges:challenge",
        mail=False,
    ),
    Message(
        "challenge.openers_called",
        Group.TODO,
        _("请开启%(kind)s：%(title)s"),
        _("“%(title)s”可以开启%(kind)s。请与其他开启人约定时间，带好密钥文件登录开启页面。"),
        "challenges:challenge",
    ),
    Message(
        "challenge.proof_wanted",
        Group.TODO,
        _("请验证开启密钥：%(title)s"),
        _(
            "“%(title)s”将于 %(deadline)s 截止并等待开启。"
            "请登录“开启密钥”页面，用您保存的密钥文件验证一次，以免到时无法开启。"
        ),
        "challenges:officer_keys",
    ),
    Message(
        "challenge.contract_late",
        Group.TODO,
        _("逾期未签约：%(title)s"),
        _(
            "“%(title)s”的中榜单位 %(solver)s 应在 %(due)s 前签约，尚未完成。"
            "请督促签署，或由审批人办理中榜失效后另行决策、公示。"
        ),
        "challenges:challenge",
    ),
    Message(
        "challenge.seat",
        Group.TODO,
        _("评审任务：%(title)s"),
        _("您被随机抽中参加“%(title)s”的%(purpose)s，请于 %(due)s 前登录答复并声明有无利害关系。"),
        "challenges:seat",
    ),
    Message(
        "challenge.panel_short",
        Group.TODO,
        _("评审组缺员，需要补抽专家：%(title)s"),
        _("“%(title)s”的%(purpose)s还缺 %(missing)d 名专家，没有候补。请在评审组页面发起补抽，再由监督人员抽取。"),
        "challenges:panel",
    ),
    Message(
        "challenge.expert_moved",
        Group.TODO,
        _("评审专家%(step)s：%(title)s"),
        _("“%(title)s”的%(purpose)s中，专家%(expert)s%(step)s。%(reason)s请核对是否需要更换或重新核查回避。"),
        "challenges:panel",
    ),
    Message(
        "challenge.expert_retired",
        Group.RESULT,
        _("您已从评审专家库出库"),
        _("您已从评审专家库出库：%(reason)s。正在担任的评审席位暂时保留，是否更换由该项目经办人决定并另行通知。"),
        mail=False,
    ),
    Message(
        "challenge.draw_waits",
        Group.TODO,
        _("等待您补抽专家：%(title)s"),
        _("“%(title)s”的%(purpose)s缺员，经办人已发起补抽，请监督人员在评审组页面输入见证词抽取。"),
        "challenges:panel",
    ),
    Message(
        "challenge.supplement_asked",
        Group.TODO,
        _("请补正揭榜申请：%(title)s"),
        _("贵单位对“%(title)s”的申请需要补正，请在 %(due)s 前登录提交，只能提交一次。%(reason)s"),
        "challenges:bid",
    ),
    Message(
        "challenge.supplement_answered",
        Group.TODO,
        _("补正已收到：%(title)s"),
        _("%(organisation)s 已提交对“%(title)s”申请的补正，请作形式审查结论。"),
        "challenges:bid",
    ),
    Message(
        "challenge.formal_check",
        Group.RESULT,
        _("%(outcome)s：%(title)s"),
        _("贵单位对“%(title)s”的申请：%(outcome)s。%(reason)s"),
        "challenges:bid",
    ),
    Message(
        "challenge.bid_concluded",
        Group.RESULT,
        _("%(outcome)s：%(title)s"),
        _("贵单位对“%(title)s”的申请：%(outcome)s。%(scores)s%(reason)s"),
        "challenges:bid",
    ),
    Message(
        "challenge.publicity",
        Group.LIST,
        _("公示：%(title)s"),
        _("“%(title)s”自 %(first)s 至 %(last)s 公示，期间可以实名提出异议。"),
        "challenges:publicity",
    ),
    Message(
        "challenge.publicity_ended",
        Group.TODO,
        _("公示已结束：%(title)s"),
        _("“%(title)s”的公示已于 %(last)s 结束。%(open)s"),
        "challenges:publicity",
    ),
    Message(
        "challenge.objection_filed",
        Group.TODO,
        _("收到异议：%(title)s"),
        _("“%(title)s”的公示收到一件异议，请监督人员办理。"),
        "challenges:objection",
    ),
    Message(
        "challenge.objection_answered",
        Group.RESULT,
        _("异议%(state)s：%(subject)s"),
        _("您提出的异议“%(subject)s”：%(state)s。%(reply)s"),
        "challenges:objection",
    ),
    Message(
        "challenge.project",
        Group.RESULT,
        _("%(step)s：%(title)s"),
        _("项目“%(title)s”：%(step)s，当前状态“%(state)s”。"),
        "challenges:project",
    ),
    Message(
        "challenge.milestone",
        Group.TODO,
        _("里程碑%(step)s：%(title)s"),
        _("项目“%(title)s”的里程碑“%(milestone)s”%(step)s。"),
        "challenges:project",
    ),
    Message(
        "challenge.change",
        Group.RESULT,
        _("变更申请%(state)s：%(title)s"),
        _("项目“%(title)s”的%(kind)s申请%(state)s。%(comment)s"),
        "challenges:project",
    ),
)

#: Pages of 揭榜挂帅 that show a due day; a message each, so that the notice leads there (challenges/due_days.py).
_DUE_PAGES = ("programme", "working_list", "challenge", "bid", "seat", "publicity", "objection", "project")
_DUE_MESSAGES = tuple(
    message
    for page in _DUE_PAGES
    for message in (
        Message(
            f"challenge.due_nears.{page}",
            Group.TODO,
            _("期限临近：%(what)s（%(title)s）"),
            _("“%(title)s”的%(what)s是 %(due)s，%(left)s。请按时办理。"),
            f"challenges:{page}",
        ),
        Message(
            f"challenge.overdue.{page}",
            Group.TODO,
            _("期限已过：%(what)s（%(title)s）"),
            _("“%(title)s”的%(what)s %(due)s 已过。请尽快办理，或督促有关单位办理。"),
            f"challenges:{page}",
        ),
    )
)

MESSAGES = {message.topic: message for message in (*_MESSAGES, *_DUE_MESSAGES)}
