"""Pages of the administrators who keep accounts: list and search, disable, unlock, a lost password or second factor."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import account_keeping, second_factor
from accounts.forms import AccountKeepingForm
from accounts.permissions import may_create_account
from core.errors import DomainError
from core.pages import page_of, posted

STEPS = {
    "disable": (account_keeping.account_disable, gettext_lazy("账号已停用，其登录和访问令牌立即失效。")),
    "enable": (account_keeping.account_enable, gettext_lazy("账号已恢复，可以登录。")),
    "unlock": (account_keeping.account_unlock, gettext_lazy("登录锁定已解除，本人可以立即再试。")),
    "password": (account_keeping.password_link_send, gettext_lazy("重设密码的链接已发到本人确认过的邮箱。")),
    "reset": (account_keeping.second_factor_reset, gettext_lazy("两步验证已清除，本人下次登录时重新设置。")),
}


@never_cache
@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    """Every account, found by user name, name or address."""
    words = request.GET.get("q", "").strip()[:100]
    only = request.GET.get("state", "") == "disabled"
    found = account_keeping.accounts_for(request.user, words=words, disabled=only)
    return render(
        request,
        "accounts/accounts.html",
        {
            "page": page_of(request, found),
            "q": words,
            "disabled": only,
            "may_create": may_create_account(request.user),
        },
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest, user_id: int) -> HttpResponse:
    """One account: where it belongs, whether it is on, and the steps this administrator may take with it."""
    person = account_keeping.accounts_for(request.user).filter(pk=user_id).first()
    if person is None:
        raise Http404
    form = AccountKeepingForm(posted(request))
    step = request.POST.get("step", "")
    if request.method == "POST" and step not in STEPS:
        raise Http404
    if request.method == "POST" and form.is_valid():
        service, told = STEPS[step]
        try:
            service(user_id=person.pk, reason=form.cleaned_data["reason"], acting_user=request.user)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("“%(name)s”：%(told)s") % {"name": person, "told": told})
            return redirect("accounts:account", person.pk)
    return render(
        request,
        "accounts/account.html",
        {
            "person": person,
            "form": form,
            "may_keep": account_keeping.may_keep_account(request.user, person),
            "second_factor": second_factor.is_set_up(person),
            "second_factor_needed": second_factor.required(person),
            "memberships": person.memberships.active().select_related("organisation").prefetch_related("grants"),
            "locked": account_keeping.is_locked(person),
        },
        status=400 if form.errors else 200,
    )
