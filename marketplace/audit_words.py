"""What an action of the audit trail is called. The trail itself keeps the code word, which never changes.

Steps of a machine are called as the machine calls them; everything else stands here. A test reads the whole code and
wants a name for every action it finds.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.states import ORGANISATION_MACHINE, PROPOSAL_MACHINE
from challenges.project_states import PROJECT_MACHINE
from challenges.states import CHALLENGE_MACHINE, PROGRAMME_MACHINE
from challenges.states import LIST_MACHINE as ANNUAL_LIST_MACHINE
from core.transitions import Machine
from matching.states import ENGAGEMENT_MACHINE
from scenarios.states import LIST_MACHINE, SCENARIO_MACHINE
from vendors.states import CAPABILITY_MACHINE, CONFIRMATION_MACHINE

#: Beginning of the action → (what it is done to, the machine whose steps follow).
MACHINES: Mapping[str, tuple[Any, Machine]] = {
    "accounts.organisation": (_("机构"), ORGANISATION_MACHINE),
    "accounts.role": (_("角色授权"), PROPOSAL_MACHINE),
    "scenarios.scenario": (_("需求"), SCENARIO_MACHINE),
    "scenarios.quarterly_list": (_("季度清单"), LIST_MACHINE),
    "vendors.capability": (_("场景能力"), CAPABILITY_MACHINE),
    "vendors.case_confirmation": (_("案例确认"), CONFIRMATION_MACHINE),
    "matching.engagement": (_("对接"), ENGAGEMENT_MACHINE),
    "challenges.programme": (_("揭榜计划"), PROGRAMME_MACHINE),
    "challenges.annual_list": (_("年度榜单"), ANNUAL_LIST_MACHINE),
    "challenges.challenge": (_("榜单项"), CHALLENGE_MACHINE),
    "challenges.project": (_("揭榜项目"), PROJECT_MACHINE),
}

WORDS: Mapping[str, Any] = {
    # People and organisations.
    "accounts.invitation.accept": _("接受加入机构的邀请"),
    "accounts.invitation.create": _("邀请加入机构"),
    "accounts.invitation.decline": _("谢绝加入机构的邀请"),
    "accounts.invitation.withdraw": _("撤回加入机构的邀请"),
    "accounts.membership.begin": _("成为机构成员"),
    "accounts.membership.end": _("请成员离开机构"),
    "accounts.membership.leave": _("离开机构"),
    "accounts.membership.set_roles": _("授予或收回角色"),
    "accounts.organisation.name_confirm": _("确认机构使用所填名称"),
    "accounts.organisation.name_refuse": _("不予机构使用所填名称"),
    "accounts.organisation.register": _("登记机构"),
    "accounts.organisation.switch": _("切换办理机构"),
    "accounts.organisation.update": _("修改机构信息"),
    "accounts.password.change": _("修改密码"),
    "accounts.platform.appoint": _("从控制台设立管理员"),
    "accounts.role.propose": _("角色授权：提议"),
    "accounts.second_factor.add": _("设置两步验证"),
    "accounts.second_factor.change": _("更改两步验证"),
    "accounts.second_factor.failed": _("两步验证未通过"),
    "accounts.second_factor.reset": _("清除两步验证"),
    "accounts.second_factor.use": _("通过两步验证"),
    "accounts.session.lapse": _("登录过期"),
    "accounts.sign_in": _("登录"),
    "accounts.sign_in.failed": _("登录失败"),
    "accounts.sign_in.locked_out": _("登录被暂时锁定"),
    "accounts.sign_out": _("退出登录"),
    "accounts.token.create": _("生成访问令牌"),
    "accounts.token.end_all": _("全部访问令牌失效"),
    "accounts.token.revoke": _("撤销访问令牌"),
    "accounts.user.create": _("建立账号"),
    "accounts.user.disable": _("停用账号"),
    "accounts.user.enable": _("恢复账号"),
    "accounts.user.password_link": _("发送重设密码的链接"),
    "accounts.user.unlock": _("解除登录锁定"),
    # Demands and quarterly lists.
    "scenarios.erratum_draft.prepare": _("勘误：草拟"),
    "scenarios.erratum_draft.return": _("勘误：退回"),
    "scenarios.quarter.overdue": _("季度清单逾期"),
    "scenarios.quarterly_list.add_items": _("季度清单：列入需求"),
    "scenarios.quarterly_list.create": _("季度清单：新建"),
    "scenarios.quarterly_list.erratum": _("季度清单：发布勘误"),
    "scenarios.quarterly_list.remove_item": _("季度清单：移出需求"),
    "scenarios.quarterly_list.reorder": _("季度清单：调整次序"),
    "scenarios.scenario.create": _("需求：新建"),
    "scenarios.scenario.fair_competition_review": _("需求：公平竞争审查"),
    "scenarios.scenario.import": _("需求：批量导入"),
    "scenarios.scenario.save": _("需求：保存"),
    # Vendors and capabilities.
    "vendors.capability.create": _("场景能力：新建"),
    "vendors.capability.import": _("场景能力：批量导入"),
    "vendors.capability.save": _("场景能力：保存"),
    "vendors.capability.set_members": _("场景能力：填写联合成员"),
    "vendors.case.remove": _("删除交付案例"),
    "vendors.case.save": _("保存交付案例"),
    "vendors.case_confirmation.ask": _("案例确认：请客户确认"),
    "vendors.credential.remove": _("删除资质证书"),
    "vendors.credential.save": _("保存资质证书"),
    "vendors.vendor_profile.open": _("开通供给方资料"),
    "vendors.vendor_profile.save": _("保存供给方资料"),
    # Matching.
    "matching.capability.match": _("为能力匹配需求"),
    "matching.engagement.begin": _("对接：表达意向"),
    "matching.engagement.confirm": _("对接：确认"),
    "matching.list_matching.finish": _("清单匹配完成"),
    "matching.recommendation.dismiss": _("不再推荐某项需求"),
    "matching.scenario.match": _("为需求匹配能力"),
    "matching.scoring_profile.change": _("修改评分方案"),
    # 揭榜挂帅.
    "challenges.affiliation.end": _("终止关联关系"),
    "challenges.affiliation.record": _("登记关联关系"),
    "challenges.annual_list.add": _("年度榜单：列入榜单项"),
    "challenges.annual_list.create": _("年度榜单：新建"),
    "challenges.annual_list.remove": _("年度榜单：移出榜单项"),
    "challenges.annual_list.reorder": _("年度榜单：调整次序"),
    "challenges.bid.disqualify": _("取消揭榜资格"),
    "challenges.bid.formal_check": _("形式审查"),
    "challenges.bid.refused_late": _("截止后提交，未予接收"),
    "challenges.bid.supplement": _("要求补正"),
    "challenges.bid.supplement_answered": _("提交补正"),
    "challenges.bid_received": _("收到揭榜申请"),
    "challenges.bid_reconfirmed": _("重新确认揭榜申请"),
    "challenges.bid_withdrawn": _("撤回揭榜申请"),
    "challenges.bids.read_denied": _("查看密封标书被拒绝"),
    "challenges.challenge.clarify": _("榜单项：发布澄清"),
    "challenges.challenge.erase_contents": _("榜单项：到期清除标书内容"),
    "challenges.challenge.from_scenario": _("由需求转为技术需求"),
    "challenges.challenge.reissued": _("榜单项：重新发榜"),
    "challenges.challenge.terms_save": _("榜单项：保存揭榜条件"),
    "challenges.change.agree": _("项目变更：同意"),
    "challenges.change.ask": _("项目变更：申请"),
    "challenges.change.decide": _("项目变更：批复"),
    "challenges.credit_entry.record": _("登记失信记录"),
    "challenges.credit_entry.withdraw": _("撤销失信记录"),
    "challenges.draw_committed": _("公布抽取随机数承诺"),
    "challenges.envelope_keys.store": _("保存信封密钥"),
    "challenges.expert.edit": _("专家：更正登记"),
    "challenges.expert.enter": _("登记专家"),
    "challenges.expert.reinstated": _("专家：重新入库"),
    "challenges.expert.retired": _("专家：出库"),
    "challenges.experts_drawn": _("抽取专家"),
    "challenges.hint.handle": _("处理串通线索"),
    "challenges.hints.computed": _("计算串通线索"),
    "challenges.membership.look": _("复核新成员关系"),
    "challenges.milestone.assess": _("里程碑：评估"),
    "challenges.milestone.confirm": _("里程碑：最终用户确认"),
    "challenges.milestone.report": _("里程碑：报告"),
    "challenges.need.agree": _("技术需求：确认"),
    "challenges.need.create": _("技术需求：新建"),
    "challenges.need.save": _("技术需求：保存"),
    "challenges.objection.admit": _("异议：受理"),
    "challenges.objection.conclude": _("异议：作出结论"),
    "challenges.objection.file": _("异议：提出"),
    "challenges.objection.testing": _("异议：委托检测"),
    "challenges.officer_key.prove": _("开启人：证明持有密钥"),
    "challenges.officer_key.register": _("开启人：登记密钥"),
    "challenges.opener.appoint": _("指定开启人"),
    "challenges.opener.replace": _("更换开启人"),
    "challenges.opener.take_key": _("开启人：领取密钥"),
    "challenges.opening.done": _("开启完成"),
    "challenges.opening.peel": _("解封一层"),
    "challenges.opening.refused": _("开启被拒绝"),
    "challenges.opening.start": _("开始开启"),
    "challenges.panel.signed": _("评审组签署完成"),
    "challenges.programme.create": _("揭榜计划：新建"),
    "challenges.programme.save": _("揭榜计划：保存"),
    "challenges.project.draw_up": _("揭榜项目：拟定合同"),
    "challenges.project.sign": _("揭榜项目：签署"),
    "challenges.project.transfer_report": _("揭榜项目：报告成果转化"),
    "challenges.publicity.end": _("公示期满"),
    "challenges.publicity.resume": _("恢复公示"),
    "challenges.question.answer": _("答复提问"),
    "challenges.scores.locked": _("锁定评分"),
    "challenges.seat.declare": _("专家声明"),
    "challenges.seat.sign": _("专家签署"),
    "challenges.seat.submit": _("专家提交评分"),
    "challenges.seat_vacated": _("专家席位空缺"),
    "challenges.solver.invite": _("邀请揭榜"),
    "challenges.supplementary_draw_committed": _("公布补抽随机数承诺"),
    "challenges.supplementary_experts_drawn": _("补抽专家"),
    # The platform.
    "core.attachment.add": _("上传附件"),
    "core.attachment.found": _("附件检出问题"),
    "core.reference_data.save": _("修改代码表"),
    "core.rows.adopted": _("升级后补留校验值"),
    "core.workdays.load": _("载入工作日历"),
    "notifications.mail.resend": _("重发邮件"),
    "notifications.mail.settle": _("邮件记为送出"),
}


def action_words(action: str) -> str:
    """The name of an action; the code word itself for one of a former release that has none."""
    if action in WORDS:
        return str(WORDS[action])
    beginning, _dot, step = action.rpartition(".")
    if beginning in MACHINES and step in MACHINES[beginning][1]:
        subject, machine = MACHINES[beginning]
        return f"{subject}：{machine[step].label}"
    return action


def actions_called(words: str) -> list[str]:
    """The actions whose name holds these words, for the search of the trail."""
    steps = [f"{beginning}.{step}" for beginning, (_subject, machine) in MACHINES.items() for step in machine]
    return [action for action in (*WORDS, *steps) if words and words in action_words(action)]
