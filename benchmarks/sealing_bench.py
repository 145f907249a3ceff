"""Cost of sealed bids: `python benchmarks/sealing_bench.py [open] [verify] [browser]` (all three without arguments).

open     200 bids of 10 MB are opened, attachments written to disk; target 60 s and 300 MB of memory (own process)
verify   the record of a challenge with 1,000 bids and their receipts is verified; target 10 s
browser  50 MB are sealed in Chromium, from a page with the platform's content security policy; target 5 s
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from challenges.sealing.containers import Attachment  # noqa: E402
from challenges.sealing.envelopes import open_envelope, seal_envelope  # noqa: E402
from challenges.sealing.keys import generate_key_pair  # noqa: E402
from challenges.sealing.verification import verify_record  # noqa: E402
from tests.challenges.sealing.builders import RecordBuilder, context  # noqa: E402
from tests.challenges.sealing.page_server import MODULES, served_modules  # noqa: E402

BIDS = 200
BID_SIZE = 10_000_000
RECORD_BIDS = 1_000
BROWSER_SIZE = 50 * (1 << 20)


def report(name: str, **figures: Any) -> None:
    print(json.dumps({"benchmark": name, **figures}, ensure_ascii=False))


# -- Opening ----------------------------------------------------------------------------------------------------------


def bench_open() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sealing-bench-"))
    try:
        pair = generate_key_pair()
        (folder / "key").write_bytes(pair.private_key)
        source = folder / "source"
        source.write_bytes(os.urandom(BID_SIZE))
        started = time.perf_counter()
        for number in range(BIDS):
            with source.open("rb") as content, (folder / f"{number}.sealed").open("wb") as sink:
                one = Attachment("方案.pdf", "application/pdf", BID_SIZE, content)
                seal_envelope(sink, pair.public_key, context(bid=f"bid-{number}"), {"answers": [1] * 100}, [one])
        sealed = time.perf_counter() - started
        done = subprocess.run(
            [sys.executable, __file__, "open-child", str(folder)], capture_output=True, text=True, check=True
        )
        report("open 200 × 10 MB", seal_seconds=round(sealed, 1), **json.loads(done.stdout))
    finally:
        shutil.rmtree(folder)


def open_child(folder: Path) -> None:
    """In a process of its own, so that its memory is that of opening."""
    private_key = (folder / "key").read_bytes()
    started = time.perf_counter()
    for number in range(BIDS):
        with (folder / f"{number}.sealed").open("rb") as source, (folder / "opened").open("wb") as sink:
            opened = open_envelope(source, private_key, context(bid=f"bid-{number}"), lambda *_: sink)
            assert opened.contents.attachments[0].size == BID_SIZE
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"open_seconds": round(seconds, 1), "peak_megabytes": round(peak)}))


# -- Verifying --------------------------------------------------------------------------------------------------------


def bench_verify() -> None:
    builder = RecordBuilder(bids=RECORD_BIDS)
    record = json.loads(json.dumps(builder.play()))
    started = time.perf_counter()
    result = verify_record(record, builder.anchors())
    seconds = time.perf_counter() - started
    assert result.ok
    report("verify 1,000 bids", seconds=round(seconds, 2), checks=len(result.rows), receipts=len(record["receipts"]))


# -- The browser ------------------------------------------------------------------------------------------------------


def bench_browser() -> None:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None or not (MODULES / "sealing.js").is_file():
        report("seal 50 MB in Chromium", skipped="needs Chromium and `make install`")
        return
    complaints: list[str] = []
    with served_modules() as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_function("window.ready === true")
        arguments = [RecordBuilder().call(), BROWSER_SIZE]
        runs = [page.evaluate("([call, size]) => window.seal(call, size, false)", arguments) for _ in range(3)]
        version = browser.version
        browser.close()
    seconds = [round(run["seconds"], 2) for run in runs]
    report("seal 50 MB in Chromium", seconds=seconds, browser=version, size=runs[0]["size"], complaints=complaints)


BENCHMARKS = {"open": bench_open, "verify": bench_verify, "browser": bench_browser}

if __name__ == "__main__":
    if sys.argv[1:2] == ["open-child"]:
        open_child(Path(sys.argv[2]))
    elif set(sys.argv[1:]) <= BENCHMARKS.keys():
        for chosen in sys.argv[1:] or BENCHMARKS:
            BENCHMARKS[chosen]()
    else:
        print(__doc__)
        sys.exit(0 if "--help" in sys.argv else 2)
