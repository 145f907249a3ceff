"""Names that tell nothing of how many rows there are."""

from uuid import UUID, uuid4

import pytest

from core.models import OutboxDelivery
from core.opaque import key_behind, opaque
from notifications.models import Delivery, Notification

pytestmark = pytest.mark.unit


def test_a_name_leads_back_to_its_row_and_to_no_other_kind() -> None:
    for number in (1, 2, 255, 2**40, 2**63 - 1):
        name = opaque(Notification(pk=number))
        assert key_behind(Notification, name) == number
        assert key_behind(Delivery, name) is None


def test_neighbours_have_nothing_in_common() -> None:
    names = [opaque(OutboxDelivery(pk=number)).bytes for number in range(1, 400)]
    assert len(set(names)) == len(names)
    first = {name[:4] for name in names}
    assert len(first) > 390
    assert names != sorted(names)


def test_a_name_not_made_here_leads_nowhere() -> None:
    assert [key_behind(Notification, name) for name in (UUID(int=0), UUID(int=1), uuid4())] == [None, None, None]


def test_names_live_on_through_a_change_of_the_secret(settings) -> None:
    name = opaque(Notification(pk=7))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-that-is-long-enough-to-be-one-0123456789"  # noqa: S105 - of a test
    assert opaque(Notification(pk=7)) != name
    assert key_behind(Notification, name) == 7
