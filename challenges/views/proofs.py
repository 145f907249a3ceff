"""What sealing and verification prove, by whom it can be checked, and what they do not prove, in plain words."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe


@dataclass(frozen=True)
class Proof:
    """One thing that can be checked. `who` has what is needed for it, `how` names it."""

    what: Any
    who: Any
    how: Any


PROOFS = (
    Proof(
        _("您的标书在截止前完整收到，没有被换过、删过"),
        _("揭榜单位"),
        _("保存提交时下载的回执；开启之后在查证页面同时选择记录和回执。回执不在记录里，就是被删改。"),
    ),
    Proof(
        _("截止时有哪些标书，此后没有增加、减少、调换"),
        _("任何人"),
        _("截止时榜单页面公布封存根；把它抄下或截图保存，开启后与记录中的封存根核对。"),
    ),
    Proof(
        _("截止之前没有人能读到标书，包括平台运行人员"),
        _("审计人员"),
        _(
            "标书在揭榜单位自己的电脑上加密，平台只收到密文；"
            "解密的钥匙由不同机构的开启人员分别保管。加密程序和格式公开。"
        ),
    ),
    Proof(
        _("开启由规定人数、至少两个机构的在任人员共同完成，先开技术标，评分锁定后再开报价"),
        _("任何人"),
        _("记录里有每一步是谁、何时做的；查证会指出顺序不对、人数不足或人员已不在任的开启。"),
    ),
    Proof(
        _("公布的文本、截止时间、评审指标此后没有被悄悄改动"),
        _("任何人"),
        _("每一版文本都在记录里，更改必有新版本和说明。"),
    ),
    Proof(
        _("评分、结果、决定、公示、中榜在数据库里没有被绕过平台改动"),
        _("审计人员、监督人员"),
        _(
            "每一行决定性的数据都留有校验值，校验密钥不在数据库里；"
            "平台每天自动核对，审计人员可随时运行 verify_audit 和 verify_challenge。"
        ),
    ),
    Proof(
        _("操作记录没有被删去或改写"),
        _("任何保存过链头的人"),
        _("每天公布两条链的链头，并发给监督人员。手里有以前的链头，就能核对它还在不在链上。"),
    ),
)
LIMITS = (
    _(
        "两名（或规定人数的）开启人员串通，又拿到数据库副本，可以在自己的电脑上提前解开标书，平台不会知道。"
        "所以开启人员必须来自不同机构，其中一名是监督人员。"
    ),
    _("开启人员或揭榜单位自己的电脑被植入木马，平台无从发现。"),
    _(
        "网页上的加密程序由平台提供；如果平台只对某一家发送被改过的程序，那一家可能上当。"
        "不放心的，请用可以自行检查的命令行工具封标。"
    ),
    _(
        "同时掌握数据库、校验密钥和全部留存链头的人，可以重写历史而不被平台自己的核对发现；"
        "只有您手里的回执、封存根和链头能够揭穿。"
    ),
    _("刚写入、还没有封入链条的最后几秒的记录，如被立即删除，平台可能无法发现。"),
    _("专家打分是否公允、会议决定是否恰当，不是密码能证明的；平台只保证过程留痕、规则事先公布、计算可以重算。"),
)
STEPS = (
    _("揭榜单位：保存每一份回执；截止后抄下封存根；开启后用回执和封存根核对记录。"),
    _("监督和审计人员：保存每天收到的链头通知；定期用留存的链头核对。"),
    _("其他人：开启之后可以下载记录自行查证，不需要登录，也不需要信任本平台。"),
)


@login_not_required
@require_safe
def proofs(request: HttpRequest) -> HttpResponse:
    return render(request, "challenges/proofs.html", {"proofs": PROOFS, "limits": LIMITS, "steps": STEPS})
