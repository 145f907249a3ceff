"""Loading many documents into a generation."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from search.contract import Engine, Operation, Schema


def write_batches(
    engine: Engine, schema: Schema, generation: str, batches: Iterable[Sequence[Operation]]
) -> Iterator[int]:
    """Write while the next batches are being prepared (engines release the interpreter); yields counts written.

    As many at once as the engine likes; counted in the order given, so that everything before a count is written.
    """
    written = 0
    waiting: deque[tuple[Future[None], int]] = deque()
    with ThreadPoolExecutor(max_workers=engine.writers, thread_name_prefix="index-writer") as pool:
        for batch in batches:
            if len(waiting) == engine.writers:
                written += _finished(*waiting.popleft())
                yield written
            waiting.append((pool.submit(engine.write, schema, generation, batch), len(batch)))
        while waiting:
            written += _finished(*waiting.popleft())
            yield written


def _finished(future: Future[None], size: int) -> int:
    future.result()
    return size
