"""The sign-in packages' forms in our words: a refusal names the field and what to do, as on every other page.

Named in ACCOUNT_FORMS and MFA_FORMS; a test wants every form that the packages show among them.
"""

from allauth.account import forms as account_forms
from allauth.mfa.base import forms as second_factor_forms
from allauth.mfa.recovery_codes import forms as recovery_forms
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as passkey_forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import InOurWords

SAME_PASSWORD_AGAIN = _("密码（再输一次）")


class LoginForm(InOurWords, account_forms.LoginForm):
    labels = {"login": _("用户名或邮箱")}


class SignupForm(InOurWords, account_forms.SignupForm):
    labels = {"email": _("邮箱"), "password2": SAME_PASSWORD_AGAIN}


class AddEmailForm(InOurWords, account_forms.AddEmailForm):
    labels = {"email": _("邮箱")}


class ChangePasswordForm(InOurWords, account_forms.ChangePasswordForm):
    labels = {"oldpassword": _("当前密码"), "password1": _("新密码"), "password2": _("新密码（再输一次）")}


class SetPasswordForm(InOurWords, account_forms.SetPasswordForm):
    labels = {"password1": _("密码"), "password2": SAME_PASSWORD_AGAIN}


class ResetPasswordForm(InOurWords, account_forms.ResetPasswordForm):
    labels = {"email": _("邮箱")}


class ResetPasswordKeyForm(InOurWords, account_forms.ResetPasswordKeyForm):
    labels = {"password1": _("新密码"), "password2": _("新密码（再输一次）")}


class ReauthenticateForm(InOurWords, account_forms.ReauthenticateForm):
    labels = {"password": _("密码")}


class AuthenticateForm(InOurWords, second_factor_forms.AuthenticateForm):
    labels = {"code": _("口令或恢复码")}


class ReauthenticateSecondFactorForm(InOurWords, second_factor_forms.ReauthenticateForm):
    labels = {"code": _("口令或恢复码")}


class ActivateTotpForm(InOurWords, totp_forms.ActivateTOTPForm):
    labels = {"code": _("动态口令")}


class DeactivateTotpForm(InOurWords, totp_forms.DeactivateTOTPForm):
    labels = {}


class GenerateRecoveryCodesForm(InOurWords, recovery_forms.GenerateRecoveryCodesForm):
    labels = {}


class AddPasskeyForm(InOurWords, passkey_forms.AddWebAuthnForm):
    labels = {"name": _("名称")}


class EditPasskeyForm(InOurWords, passkey_forms.EditWebAuthnForm):
    labels = {"name": _("名称")}


class AuthenticatePasskeyForm(InOurWords, passkey_forms.AuthenticateWebAuthnForm):
    labels = {}


class ReauthenticatePasskeyForm(InOurWords, passkey_forms.ReauthenticateWebAuthnForm):
    labels = {}
