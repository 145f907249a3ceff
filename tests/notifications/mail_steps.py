"""Steps of the mail tests in processes of their own: `python -m tests.notifications.mail_steps promise|report|…`."""

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from accounts.enums import Role
from core import relay
from core.clock import frozen, now
from core.models import OutboxDelivery
from notifications import services
from notifications.models import Delivery
from tests.factories import make_person


def promise() -> dict[str, Any]:
    """One notice with one mail, and nothing else in the outbox."""
    person = make_person(Role.DEMAND_SUBMITTER)
    OutboxDelivery.objects.all().delete()
    services.notify("scenario.expired", recipients=[person], key="1", values={"title": "供水漏损识别", "comment": ""})
    return {"promised": Delivery.objects.filter(channel="mail").count()}


def report() -> dict[str, Any]:
    mail = Delivery.objects.get(channel="mail")
    return {
        "mail": mail.state,
        "message_id": mail.message_id,
        "outbox": OutboxDelivery.objects.get(handler="notifications.send_mail").state,
    }


def relay_after_lease() -> dict[str, Any]:
    """A relay that starts after the lease of a dead one has run out."""
    with frozen(now() + relay.LEASE + timedelta(seconds=1)):
        return {"done": relay.drain()}


STEPS = {"promise": promise, "report": report, "relay_after_lease": relay_after_lease}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]]()))
