"""What a password must be, said in the product's language."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _


class LongEnough(MinimumLengthValidator):
    """Django's own check; its sentences have no Chinese in Django 5.2."""

    def get_error_message(self) -> str:
        return _("密码太短，至少需要 %d 个字符。") % self.min_length

    def get_help_text(self) -> str:
        return _("密码至少 %d 个字符。") % self.min_length
