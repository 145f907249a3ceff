"""Steps of the canary (S5) that need Django: people and a call before, the opening after.

`python -m tests.canary_steps build|open|write_plainly FILE [WORDS]`; FILE, outside the installation, holds what the
officers' browsers hold.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from challenges.enums import EnvelopeKind, ExpertKind
from challenges.models import Challenge, Expert
from challenges.services import bids
from core.clock import database_now
from tests.factories import challenges as make
from tests.sessions import record_as_the_sign_in_pages_do

PEOPLE = ("handler", "approver", "supervisor", "platform", "clerk", "city_reviewer")

#: Connected by being imported; in this process there is no conftest.
SIGNED_IN = record_as_the_sign_in_pages_do


def _cookies(user: User) -> str:
    """A session as after signing in with all it takes (tests/sessions.py), and a token of the page."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={'c' * 32}"


def build(path: Path) -> dict[str, Any]:
    """One challenge that takes bids, a bidder and the handler signed in."""
    stage = make.make_stage(expert_count=9)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder("申报单位")
    people = {name: getattr(stage, name).pk for name in PEOPLE}
    keys = {name: key.hex() for name, key in stage.private_keys.items()}
    path.write_text(json.dumps({"people": people, "keys": keys}), encoding="utf-8")
    return {"code": challenge.code, "bidder": _cookies(bidder), "handler": _cookies(stage.handler)}


def open_all(path: Path) -> dict[str, Any]:
    """The deadline passes, both ceremonies are held, the bid is reviewed in between; the bid's id."""
    held = json.loads(path.read_text(encoding="utf-8"))
    people = {name: User.objects.get(pk=key) for name, key in held["people"].items()}
    challenge = Challenge.objects.get()
    stage = make.Stage(
        department=challenge.programme.owner,
        demander=challenge.demander,
        private_keys={name: bytes.fromhex(key) for name, key in held["keys"].items()},
        experts=list(Expert.objects.filter(kind=ExpertKind.TECHNICAL)),
        **people,
    )
    Challenge.objects.filter(pk=challenge.pk).update(
        deadline_at=database_now(), question_deadline_at=database_now() - timezone.timedelta(hours=1)
    )
    bids.challenges_freeze_due()
    challenge.refresh_from_db()
    make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    make.pass_formal_check(stage, challenge)
    make.review_bids(stage, challenge)
    return {"bid": str(challenge.bids.get().public_id)}


def write_plainly(_path: Path, *words: str) -> dict[str, Any]:
    """The words in the clear, where a careless programmer could have put them: the search must find them there."""
    bid = Challenge.objects.get().bids.get()
    bid.form_comment = " ".join(words)
    bid.save(update_fields=["form_comment"])
    return {}


STEPS = {"build": build, "open": open_all, "write_plainly": write_plainly}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])), flush=True)
