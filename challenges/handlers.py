"""What the clock and changed organisations do in 揭榜挂帅, and who may download its files."""

from accounts.events import OrganisationChanged
from challenges.comparison import challenges_faults
from challenges.due_days import ANNOUNCER
from challenges.events import OpeningStep
from challenges.models import Bid, Challenge
from challenges.selectors import may_download_bid_file, may_download_challenge_file
from challenges.services.bids import challenges_freeze_due, ciphertexts_destroy
from challenges.services.clarification import deadlines_remind
from challenges.services.decision import contracts_flag_late, publicities_end
from challenges.services.due_days import due_days_announce
from challenges.services.hints import hints_compute
from challenges.services.movement import challenges_refresh
from challenges.services.programmes import programmes_collect
from challenges.services.projects import projects_flag_overdue
from challenges.services.review import seats_time_out
from core.attachments import register_reader
from core.integrity import checked_also
from core.outbox import subscribe
from core.schedule import every


@subscribe(OpeningStep, name="challenges.compute_hints")
def compute_hints(event: OpeningStep) -> None:
    """After each opening, look for signs of collusion; for the supervisor only."""
    if event.step == "done":
        hints_compute(challenge_id=event.challenge_id)


@subscribe(OrganisationChanged, name="challenges.refresh")
def refresh_challenges(event: OrganisationChanged) -> None:
    challenges_refresh(demander_id=event.organisation_id)


every(seconds=1, name="challenges.freeze")(challenges_freeze_due)
every(seconds=30, name="challenges.collect")(programmes_collect)
every(seconds=300, name="challenges.remind")(deadlines_remind)
every(seconds=600, name="challenges.time_out_seats")(seats_time_out)
every(seconds=60, name="challenges.end_publicities")(publicities_end)
every(seconds=3600, name=ANNOUNCER)(due_days_announce)
every(seconds=3600, name="challenges.flag_late_contracts")(contracts_flag_late)
every(seconds=3600, name="challenges.flag_overdue")(projects_flag_overdue)
every(seconds=86400, name="challenges.destroy_ciphertexts")(ciphertexts_destroy)
checked_also("challenges")(challenges_faults)
register_reader(Challenge._meta.label_lower, may_download_challenge_file)
register_reader(Bid._meta.label_lower, may_download_bid_file)
