"""Who is told of powers that two persons give: the other security administrators, the author, the person concerned."""

from accounts.enums import Role
from accounts.events import RoleProposalDecided, RoleProposed
from accounts.models import RoleProposal
from core.events import WorkdaysMissing
from core.outbox import subscribe
from notifications.selectors import people_with_role
from notifications.services import notify
from notifications.wording import comment_sentence


def _proposal(proposal_id: int) -> RoleProposal | None:
    return (
        RoleProposal.objects.select_related("membership__user", "membership__organisation", "proposed_by", "decided_by")
        .filter(pk=proposal_id)
        .first()
    )


def _values(proposal: RoleProposal) -> dict[str, str]:
    return {
        "person": str(proposal.membership.user),
        "role": str(proposal.get_role_display()),
        "organisation": proposal.membership.organisation.name,
        "proposer": str(proposal.proposed_by or "—"),
        "decider": str(proposal.decided_by or "—"),
        "outcome": str(proposal.get_state_display()),
        "comment": comment_sentence(proposal.comment),
    }


@subscribe(RoleProposed, name="notifications.role_proposed")
def role_proposed(event: RoleProposed) -> None:
    """The author is told, too: nobody else's proposal goes out under one's name unnoticed."""
    proposal = _proposal(event.proposal_id)
    if proposal is None:
        return
    others = people_with_role(Role.SECURITY_ADMINISTRATOR).exclude(
        pk__in=[proposal.proposed_by_id or 0, proposal.membership.user_id]
    )
    key, values = str(proposal.pk), _values(proposal)
    arguments = [str(proposal.public_id)]
    notify("role.waits_for_confirmation", recipients=others, key=key, values=values, url_arguments=arguments)
    author = [proposal.proposed_by] if proposal.proposed_by else []
    notify("role.proposed", recipients=author, key=key, values=values, url_arguments=arguments)
    notify("role.proposed_for_you", recipients=[proposal.membership.user], key=key, values=values)


@subscribe(RoleProposalDecided, name="notifications.role_decided")
def role_decided(event: RoleProposalDecided) -> None:
    """Whoever proposed, whoever decided, and the person concerned."""
    proposal = _proposal(event.proposal_id)
    if proposal is None:
        return
    key, values = str(proposal.pk), _values(proposal)
    both = {person.pk: person for person in (proposal.proposed_by, proposal.decided_by) if person is not None}
    notify(
        "role.decided",
        recipients=both.values(),
        key=key,
        values=values,
        url_arguments=[str(proposal.public_id)],
    )
    notify("role.decided_for_you", recipients=[proposal.membership.user], key=key, values=values)


@subscribe(WorkdaysMissing, name="notifications.workdays_missing")
def workdays_missing(event: WorkdaysMissing) -> None:
    """Who can load them and who watches the platform, once a week while it lasts."""
    people = {
        person.pk: person for role in (Role.SYSTEM_ADMINISTRATOR, Role.OPERATOR) for person in people_with_role(role)
    }
    notify(
        "workdays.missing",
        recipients=people.values(),
        key=f"{event.year}:{event.week}",
        values={"year": str(event.year)},
    )
