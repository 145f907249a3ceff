"""The page of working days: which years are there, and a year's arrangement loaded from the notice's own words."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.permissions import may_load_workdays, may_operate
from core.clock import today
from core.errors import DomainError, NotPermitted
from core.forms import PageForm
from core.models import WorkdayCalendar
from core.pages import posted
from core.workday_calendars import calendar_load, years_missing
from core.workday_notice import Reading, read_notice

LONGEST_NOTICE = 5000


class NoticeForm(PageForm):
    """The notice as it was published."""

    mark_optional = False

    year = forms.IntegerField(label=gettext_lazy("年份"), min_value=2000, max_value=2100)
    source = forms.CharField(
        label=gettext_lazy("通知名称和文号"),
        max_length=200,
        help_text=gettext_lazy("例如：国务院办公厅关于 2026 年部分节假日安排的通知（国办发明电〔2025〕7号）。"),
    )
    text = forms.CharField(
        label=gettext_lazy("通知原文"),
        max_length=LONGEST_NOTICE,
        help_text=gettext_lazy("粘贴“一、元旦：……”至“七、国庆节：……”各段，先预览再载入。"),
        widget=forms.Textarea(attrs={"rows": 10}),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def workdays(request: HttpRequest) -> HttpResponse:
    """Operators look; the system administrator previews a notice and loads it. What does not add up is not loaded."""
    loads = may_load_workdays(request.user)
    if not loads and (request.method == "POST" or not may_operate(request.user)):
        raise NotPermitted()
    missing = years_missing()
    form = NoticeForm(posted(request), initial={"year": missing[0] if missing else today().year + 1})
    reading: Reading | None = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        reading = read_notice(given["text"], given["year"])
        if request.POST.get("step") == "load" and not reading.problems:
            try:
                calendar_load(year=given["year"], days=reading.days, source=given["source"], acting_user=request.user)
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, _("%d 年的节假日安排已载入。") % given["year"])
                return redirect("workdays")
        for problem in reading.problems:
            form.add_error("text", problem)
    return render(
        request,
        "workdays.html",
        {
            "form": form,
            "loads": loads,
            "reading": reading,
            "missing": missing,
            "calendars": WorkdayCalendar.objects.order_by("-year").prefetch_related("exceptions"),
        },
        status=400 if form.errors else 200,
    )
