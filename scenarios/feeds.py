"""The feed of quarterly lists: each publication and each correction."""

from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.feeds import LONGEST_FEED, FeedEntry, PublicFeed, newest
from scenarios.models import Erratum
from scenarios.selectors import published_lists


class QuarterlyListFeed(PublicFeed):
    title = gettext_lazy("数字化应用场景需求清单")
    subtitle = gettext_lazy("每季度集中发布的清单，以及编号勘误。")
    link = reverse_lazy("scenarios:lists")

    def items(self) -> list[FeedEntry]:
        lists = [
            FeedEntry(
                row.title,
                reverse("scenarios:list", args=[row.code]),
                row.published_at,
                _("共 {count} 项需求。").format(count=row.item_count),
                row.publisher.name if row.publisher else "",
            )
            for row in published_lists().order_by("-published_at")[:LONGEST_FEED]
        ]
        errata = Erratum.objects.filter(quarterly_list__in=published_lists().values("pk")).select_related(
            "quarterly_list__publisher", "item"
        )
        return newest(lists + [_corrected(row) for row in errata.order_by("-published_at")[:LONGEST_FEED]])


def _corrected(erratum: Erratum) -> FeedEntry:
    of_item = _("条目 {number}：").format(number=erratum.item.number) if erratum.item else ""
    publisher = erratum.quarterly_list.publisher
    return FeedEntry(
        _("{list} 勘误 {number}").format(list=erratum.quarterly_list.title, number=erratum.number),
        f"{reverse('scenarios:list', args=[erratum.quarterly_list.code])}#erratum-{erratum.pk}",
        erratum.published_at,
        of_item + _("更正为：{text}\n更正原因：{reason}").format(text=erratum.corrected_text, reason=erratum.reason),
        publisher.name if publisher else "",
    )
