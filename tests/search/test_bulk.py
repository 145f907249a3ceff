"""Several batches in flight: what is counted is written, whichever of them is done first."""

import threading

import pytest

from search.contract import Field, IndexDamaged, Kind, Put, Schema
from search.engines.bulk import write_batches

pytestmark = pytest.mark.unit

SCHEMA = Schema("book", 1, (Field("title", Kind.TOKENS),))


class TwoWriters:
    """An engine whose first batch is done after the second."""

    writers = 2

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.second_is_done = threading.Event()
        self.done: list[str] = []

    def write(self, _schema, _generation, operations) -> None:
        name = operations[0].id
        if name == "1":
            assert self.second_is_done.wait(10)
        if name == self.failing:
            raise IndexDamaged
        self.done.append(name)
        if name == "2":
            self.second_is_done.set()


def batches(*sizes: int) -> list[list[Put]]:
    return [[Put(str(place), 1, {})] * size for place, size in enumerate(sizes, start=1)]


def test_batches_count_in_their_order():
    engine = TwoWriters()
    assert list(write_batches(engine, SCHEMA, "one", batches(2, 3, 4))) == [2, 5, 9]
    assert engine.done == ["2", "1", "3"]


def test_nothing_is_counted_from_a_batch_that_failed_on():
    engine = TwoWriters(failing="1")
    counted = []
    with pytest.raises(IndexDamaged):
        counted.extend(write_batches(engine, SCHEMA, "one", batches(2, 3, 4)))
    assert counted == []
    assert "2" in engine.done


def test_no_batches_are_no_count():
    assert list(write_batches(TwoWriters(), SCHEMA, "one", [])) == []
