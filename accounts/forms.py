"""Forms about people and organisations."""

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.enums import OrganisationKind, OrganisationLevel, Role, TokenScope
from accounts.models import Organisation
from core.forms import PageForm, input_attributes, name_the_remedy, offer_classification

TOKEN_DAYS = ((30, _("30 天")), (90, _("90 天")), (366, _("一年")))


class InOurWords(forms.Form):
    """For a form of the sign-in packages: fields by the names our pages use, refusals as everywhere else."""

    labels: dict[str, Any] = {}
    mark_optional = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, label in self.labels.items():
            if name in self.fields:
                self.fields[name].label = label
        name_the_remedy(self)


class OrganisationForm(forms.ModelForm):
    """An organisation's own data; the unified code may follow, but is needed for verification."""

    mark_optional = True

    class Meta:
        model = Organisation
        fields = [
            "name",
            "unified_code",
            "kind",
            "level",
            "region",
            "industry",
            "short_name",
            "address",
            "office_phone",
            "representative_name",
        ]
        help_texts = {
            "name": _("与营业执照或法人证书一致的全称。"),
            "unified_code": _("18 位，申请核验时必填。平台会检查校验位。"),
            "region": _("所在市或县区，决定由谁核验。"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kind"].choices = [("", _("请选择类型")), *OrganisationKind.choices]
        self.fields["level"].choices = OrganisationLevel.choices
        self.fields["unified_code"].max_length = None
        self.fields["unified_code"].validators = []
        self.fields["unified_code"].widget.attrs.pop("maxlength", None)
        self.fields["unified_code"].widget.attrs["class"] = "input-medium code"
        offer_classification(self)
        input_attributes(self)

    def _post_clean(self) -> None:
        """Leave the instance alone: the service sets and checks values under the row's lock."""


class MemberForm(PageForm):
    mark_optional = False

    username = forms.CharField(
        label=_("用户名或邮箱"),
        max_length=150,
        help_text=_("对方注册账号后凭用户名或已验证的邮箱邀请；对方接受后才成为成员。"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RolesForm(PageForm):
    """The roles of one member, limited to those the acting person may give and the organisation may hold."""

    roles = forms.MultipleChoiceField(
        label=_("角色"), required=False, widget=forms.CheckboxSelectMultiple, choices=Role.choices
    )
    grounds = forms.CharField(
        label=_("授权依据"),
        required=False,
        max_length=200,
        help_text=_("例如任命文件的名称和文号。确认的安全管理员会看到，并写入审计记录。"),
    )


class ProposalForm(PageForm):
    """What the second security administrator answers."""

    mark_optional = False

    comment = forms.CharField(
        label=_("理由"),
        required=False,
        max_length=200,
        help_text=_("不予确认时必须填写，提议人和当事人会看到。"),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class VerificationForm(PageForm):
    mark_optional = False

    comment = forms.CharField(label=_("核验意见"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class AccountForm(PageForm):
    """A new account, without any role."""

    mark_optional = False

    username = forms.CharField(label=_("用户名"), max_length=150)
    display_name = forms.CharField(label=_("姓名"), max_length=40)
    email = forms.EmailField(label=_("邮箱"))
    password = forms.CharField(
        label=_("初始密码"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("至少 12 位，不能是常见密码或纯数字。请本人首次登录后修改。"),
        min_length=12,
    )


class AccountKeepingForm(PageForm):
    """Why an account is disabled, enabled or freed of a lost second factor."""

    mark_optional = False

    reason = forms.CharField(
        label=_("理由"),
        max_length=200,
        help_text=_("写入审计记录。清除两步验证时，请写明怎样核实了本人身份。"),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class TokenForm(PageForm):
    mark_optional = False

    name = forms.CharField(label=_("用途说明"), max_length=60, help_text=_("写明用在哪个系统，便于日后撤销。"))
    scope = forms.ChoiceField(label=_("范围"), choices=TokenScope.choices)
    days = forms.TypedChoiceField(label=_("有效期"), choices=TOKEN_DAYS, coerce=int)
    once = forms.CharField(required=False, max_length=40, initial=uuid4, widget=forms.HiddenInput)
