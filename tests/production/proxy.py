"""deploy/nginx.conf on this machine: the same file with this machine's addresses and folders."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.production.environment import ROOT


def nginx_for(folder: Path, upstream: str, *, http_port: int = 80, https_port: int = 443) -> tuple[str, Path]:
    """(program, configuration file) with a certificate of its own; skips where nginx or openssl is not installed."""
    nginx = os.environ.get("TEST_NGINX") or shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if nginx is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed here")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"]
        + ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")],
        check=True,
        capture_output=True,
        timeout=60,
    )
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for theirs, here in (
        ("server web:8000", f"server {upstream}"),
        ("/etc/nginx/tls", str(folder)),
        ("/tmp/nginx", str(folder / "nginx")),
        ("listen 80;", f"listen 127.0.0.1:{http_port};"),
        ("listen 443 ", f"listen 127.0.0.1:{https_port} "),
    ):
        assert theirs in text, theirs
        text = text.replace(theirs, here)
    path = folder / "nginx.conf"
    path.write_text(text, encoding="utf-8")
    return nginx, path
