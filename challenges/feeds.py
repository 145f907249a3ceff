"""Feeds of 揭榜挂帅: one of the programme as a whole, one of each challenge with the root that closes its bids.

The root stands here the moment it is signed (security.md C.3), so that others than this platform have kept it.
"""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.enums import ChallengeState, OpeningState, PublicityState
from challenges.models import Challenge, Project, Publicity
from challenges.selectors import (
    challenge_for,
    public_challenges,
    public_lists,
    public_publicities,
    published_results,
    questions_of,
)
from challenges.services.bids import freeze_if_due
from core.clock import BEIJING
from core.feeds import LONGEST_FEED, FeedEntry, PublicFeed, newest


class ProgrammeFeed(PublicFeed):
    """Lists, frozen challenges, 公示 and results of all programmes."""

    title = gettext_lazy("揭榜挂帅")
    subtitle = gettext_lazy("年度榜单、截止封存、公示和成果。")
    link = reverse_lazy("challenges:catalogue")

    def items(self) -> list[FeedEntry]:
        lists = [
            FeedEntry(
                row.title,
                reverse("challenges:list", args=[row.code]),
                row.published_at,
                author=row.programme.owner.name,
            )
            for row in public_lists().filter(published_at__isnull=False).order_by("-published_at")[:LONGEST_FEED]
        ]
        closed = public_challenges().filter(frozen_at__isnull=False).order_by("-frozen_at")[:LONGEST_FEED]
        noticed = public_publicities().order_by("-started_at")[:LONGEST_FEED]
        results = published_results()[:LONGEST_FEED]
        return newest(
            lists
            + [_frozen(row) for row in closed]
            + [_publicity(row) for row in noticed]
            + [_result(row) for row in results]
        )


class ChallengeFeed(PublicFeed):
    """Everything public that happens to one challenge."""

    def get_object(self, _request: HttpRequest, key: str) -> Challenge:  # type: ignore[override]
        return freeze_if_due(challenge_for(AnonymousUser(), key))

    def title(self, challenge: Challenge) -> str:
        return f"{challenge.code} {challenge.title}"

    def link(self, challenge: Challenge) -> str:
        return _page(challenge)

    def items(self, challenge: Challenge) -> list[FeedEntry]:
        page = _page(challenge)
        entries = [
            FeedEntry(
                _("第 {number} 版").format(number=row.number) if row.number > 1 else _("发榜"),
                f"{page}#version-{row.number}",
                row.published_at,
                row.reason,
            )
            for row in challenge.versions.all()
        ]
        entries += [
            FeedEntry(
                _("答疑"),
                f"{page}#question-{row.public_id}",
                row.answered_at,
                _("问：{question}\n答：{answer}").format(question=row.text, answer=row.answer),
            )
            for row in questions_of(AnonymousUser(), challenge)
        ]
        if challenge.frozen_at is not None:
            entries.append(_frozen(challenge))
            if challenge.state == ChallengeState.NO_BID:
                entries.append(FeedEntry(_("流榜"), f"{page}#no-bid", challenge.frozen_at))
        entries += [
            FeedEntry(
                _("已开启：{kind}").format(kind=row.get_kind_display()),
                f"{page}#opening-{row.kind}",
                row.finished_at,
            )
            for row in challenge.openings.filter(state=OpeningState.DONE)
        ]
        entries += [_publicity(row) for row in challenge.publicities.exclude(state=PublicityState.VOID)]
        if challenge.awarded_at is not None:
            entries.append(FeedEntry(_("定榜"), f"{page}#awarded", challenge.awarded_at))
        entries += [
            FeedEntry(_("终止"), f"{page}#cancelled", row.at, challenge.closing_comment)
            for row in challenge.chain.filter(kind="cancelled")
        ]
        entries += [_result(row) for row in challenge.projects.filter(result_published_at__isnull=False)]
        return newest(entries)


def _page(challenge: Challenge) -> str:
    return reverse("challenges:challenge", args=[challenge.code])


def _frozen(challenge: Challenge) -> FeedEntry:
    """How many bid and who stays unknown until the opening; the root alone is public."""
    root: Any = challenge.freeze["body"]["root"]
    moment = challenge.frozen_at.astimezone(BEIJING)
    return FeedEntry(
        _("{code} 揭榜截止，标书封存").format(code=challenge.code),
        f"{_page(challenge)}#frozen",
        challenge.frozen_at,
        _("封存时间：{moment:%Y-%m-%d %H:%M:%S}（北京时间）\n封存根：{root}").format(moment=moment, root=root),
    )


def _result(project: Project) -> FeedEntry:
    return FeedEntry(
        _("成果：{title}").format(title=project.result_title or project.challenge.title),
        f"{reverse('challenges:results')}#{project.public_id}",
        project.result_published_at,
        project.result_text,
    )


def _publicity(publicity: Publicity) -> FeedEntry:
    about = publicity.challenge or publicity.annual_list
    return FeedEntry(
        _("公示：{about}").format(about=about),
        reverse("challenges:publicity", args=[publicity.public_id]),
        publicity.started_at,
        _("公示期 {first} 至 {last}。").format(first=publicity.first_day, last=publicity.last_day),
    )
