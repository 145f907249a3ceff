"""The built browser modules on a page of their own, under the platform's content security policy."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: The folder `make install` builds into.
MODULES = Path(__file__).resolve().parents[3] / "var" / "frontend" / "sealing"
#: As marketplace/settings/base.py has it, without what the page does not use.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'"
PAGE = b"<!doctype html><meta charset=utf-8><title>sealing</title><script type=module src=page.js></script>"
SCRIPT = b"""
import { sealEnvelope } from "./sealing.js";
import { createOfficerKey, createEnvelopeKey, peel } from "./officer-keys.js";
import { decryptDraft, deriveDraftKey, encryptDraft } from "./draft.js";
import { verifyRecord } from "./verify.js";

Object.assign(window, { createOfficerKey, createEnvelopeKey, peel, decryptDraft, deriveDraftKey, encryptDraft });
window.judge = async (record, anchors) => {
  const { ok, rows } = await verifyRecord(record, anchors);
  return { ok, rows };
};
window.seal = async (call, size, upload) => {
  const content = new Uint8Array(size);
  for (let place = 0; place < size; place += 4096) content[place] = place / 4096;
  const file = new File([content], "plan.pdf", { type: "application/pdf" });
  const steps = [];
  const started = performance.now();
  const sealed = await sealEnvelope({
    call, organisation: "91370000100000001A", bid: "bid-1", version: 1, kind: "technical",
    manifest: { answers: { size } }, files: [file], onProgress: (done, total) => steps.push([done, total]),
  });
  const seconds = (performance.now() - started) / 1000;
  if (upload) await fetch("/upload", { method: "POST", body: sealed.blob });
  return { seconds, steps, size: sealed.size, sha256: sealed.sha256 };
};
window.ready = true;
"""
OWN_FILES = {"/": ("text/html; charset=utf-8", PAGE), "/page.js": ("text/javascript", SCRIPT)}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Page, modules, and a place to upload a sealed envelope to."""

    def __init__(self, *arguments: Any, uploads: list[bytes], **options: Any) -> None:
        self.uploads = uploads
        super().__init__(*arguments, **options)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path in OWN_FILES:
            self.answer(200, *OWN_FILES[self.path])
        elif self.path == "/favicon.ico":
            self.answer(204, "image/png", b"")
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.uploads.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(200, "text/plain", b"ok")

    def log_message(self, *arguments: Any) -> None:
        pass


@contextlib.contextmanager
def served_modules() -> Iterator[tuple[str, list[bytes]]]:
    """Address of the page, and the list its uploads go to."""
    uploads: list[bytes] = []
    handler = functools.partial(Handler, directory=str(MODULES), uploads=uploads)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", uploads
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
