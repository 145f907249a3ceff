"""Loading many documents into a generation."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from search.contract import Engine, Operation, Schema


def write_batches(
    engine: Engine, schema: Schema, generation: str, batches: Iterable[Sequence[Operation]]
) -> Iterator[int]:
    """Write one batch while the next is being prepared (engines release the interpreter); yields counts written."""
    written = 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="index-writer") as pool:
        pending: Future[None] | None = None
        for batch in batches:
            if pending is not None:
                pending.result()
                yield written
            pending = pool.submit(engine.write, schema, generation, batch)
            written += len(batch)
        if pending is not None:
            pending.result()
            yield written
