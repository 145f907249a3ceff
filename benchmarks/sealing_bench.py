"""Cost of sealed bids: `python benchmarks/sealing_bench.py [open] [verify] [browser]` (all three without arguments).

open     200 bids of 10 MB are opened, attachments written to disk; target 60 s and 300 MB of memory (own process)
verify   the record of a challenge with 1,000 bids and their receipts is verified; target 10 s
browser  50 MB are sealed in Chromium, from a page with the platform's content security policy; target 5 s
"""

import functools
import http.server
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
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

BIDS = 200
BID_SIZE = 10_000_000
RECORD_BIDS = 1_000
BROWSER_SIZE = 50 * (1 << 20)
MODULES = ROOT / "var" / "frontend" / "sealing"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'"


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

PAGE = "<!doctype html><meta charset=utf-8><title>sealing</title><script type=module src=page.js></script>"
PAGE_SCRIPT = """
import { sealEnvelope } from "./sealing.js";
window.seal = async (call, size) => {
  const content = new Uint8Array(size);
  for (let start = 0; start < size; start += 65536) crypto.getRandomValues(content.subarray(start, start + 65536));
  const file = new File([content], "方案.pdf", { type: "application/pdf" });
  let steps = 0;
  const started = performance.now();
  const sealed = await sealEnvelope({
    call, organisation: "91370000100000001A", bid: "bid-1", version: 1, kind: "technical",
    manifest: { answers: {} }, files: [file], onProgress: () => { steps += 1; },
  });
  const seconds = (performance.now() - started) / 1000;
  window.sealed = sealed.blob;
  return { seconds, steps, size: sealed.size, sha256: sealed.sha256 };
};
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """The modules under the platform's policy."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


def bench_browser() -> None:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None or not (MODULES / "sealing.js").is_file():
        report("seal 50 MB in Chromium", skipped="needs Chromium and `make install`")
        return
    folder = Path(tempfile.mkdtemp(prefix="sealing-page-"))
    shutil.copytree(MODULES, folder, dirs_exist_ok=True)
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "page.js").write_text(PAGE_SCRIPT, encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    complaints: list[str] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
            page.wait_for_function("window.seal !== undefined")
            call = RecordBuilder().call()
            runs = [page.evaluate("([call, size]) => window.seal(call, size)", [call, BROWSER_SIZE]) for _ in range(3)]
            version = browser.version
            browser.close()
        seconds = [round(run["seconds"], 2) for run in runs]
        report("seal 50 MB in Chromium", seconds=seconds, browser=version, size=runs[0]["size"], complaints=complaints)
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder)


BENCHMARKS = {"open": bench_open, "verify": bench_verify, "browser": bench_browser}

if __name__ == "__main__":
    if sys.argv[1:2] == ["open-child"]:
        open_child(Path(sys.argv[2]))
    else:
        for chosen in sys.argv[1:] or BENCHMARKS:
            BENCHMARKS[chosen]()
