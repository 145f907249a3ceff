"""Opening and verifying a challenge out of the database.

`python benchmarks/record_bench.py [--bids 1000 --size 20000]`: a challenge with so many sealed bids, each with a PDF of
that size, is handed in, frozen and opened by the real services on a database of its own (SQLite, or the PostgreSQL of
TEST_DATABASE_URL); then `manage.py verify_challenge` judges it in a process of its own: chain, receipts, root, opening,
and every ciphertext on disk. Target: 10 s, the process's start included. With `--bids 200 --size 10000000` the opening
is measured as the platform does it (files checked, scanned if a scanner is set, encrypted at rest): 60 s, 300 MB asked.
`--damaged 40`: instead, two challenges of `--bids 200` are opened, one of them with 40 bids damaged in 40 ways (files,
manifests, envelopes): complete, and in at most 1.2 × the time of the sound ones.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.production.environment import manage  # noqa: E402
from tests.seal_installation import sealed_ground  # noqa: E402

BID_SIZE = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bids", type=int, default=1_000, help="sealed bids (1000)")
    parser.add_argument("--size", type=int, default=BID_SIZE, help=f"bytes of each bid's file ({BID_SIZE})")
    parser.add_argument("--damaged", type=int, default=0, help="of one challenge's bids, in as many ways (0)")
    options = parser.parse_args()
    measure = partial(measure_damaged, options.damaged) if options.damaged else measure_verifying
    database_url = os.environ.get("TEST_DATABASE_URL", "")
    with tempfile.TemporaryDirectory(prefix="record-bench-") as name:
        folder = Path(name)
        if database_url.startswith("postgres"):
            with sealed_ground(database_url, folder) as ground, ground.installation() as made:
                return measure(options.bids, options.size, made.environment, "PostgreSQL")
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith(("DJANGO_", "TEST_"))},
            "MARKETPLACE_VAR_DIR": name,
            "DJANGO_SETTINGS_MODULE": "marketplace.settings.dev",
            "PYTHONWARNINGS": "ignore",
        }
        for command in (("migrate", "--verbosity", "0"), ("load_classification",), ("load_workdays", "2025", "2026")):
            done = manage(*command, environment=environment, timeout=300)
            assert done.returncode == 0, done.stderr[-3000:]
        return measure(options.bids, options.size, environment, "SQLite")


def measure_damaged(odd: int, count: int, size: int, environment: dict[str, str], database: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.seal_steps", "damaged", str(count), str(size), str(odd)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    ratio = found["damaged_seconds"] / found["sound_seconds"]
    print(
        json.dumps(
            {
                "benchmark": f"opening {count} bids of {size} bytes, {odd} damaged in {odd} ways, {database}",
                **found,
                "ratio": round(ratio, 3),
                "asked_ratio": 1.2,
                "load": os.getloadavg()[0],
                "at": datetime.now().astimezone().isoformat(timespec="seconds"),
            },
            ensure_ascii=False,
        )
    )
    return 0 if found["complete"] and found["verified"] and ratio <= 1.2 else 1


def measure_verifying(count: int, size: int, environment: dict[str, str], database: str) -> int:
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tests.seal_steps", "opened", str(count), str(size)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout.strip().splitlines()[-1])
    built = time.perf_counter() - begun
    begun = time.perf_counter()
    verified = manage("verify_challenge", made["code"], "--json", environment=environment, timeout=600)
    seconds = time.perf_counter() - begun
    answer = json.loads(verified.stdout.strip().splitlines()[-1])
    print(
        json.dumps(
            {
                "benchmark": f"verify_challenge, {count} bids of {size} bytes, {database}",
                "seconds": round(seconds, 2),
                "asked_seconds": 10,
                "ok": answer["ok"],
                "failures": [row for row in answer["rows"] if not row["ok"]][:5],
                "checks": len(answer["rows"]),
                "files_checked": sum(row["check"] == "file" for row in answer["rows"]),
                "links": made["links"],
                "open_seconds": made["open_seconds"],
                "files_opened": made["files"],
                "peak_megabytes_of_hand_in_and_opening": made["peak_megabytes"],
                "build_seconds": round(built),
                "peak_megabytes_of_a_child": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
                "load": os.getloadavg()[0],
                "at": datetime.now().astimezone().isoformat(timespec="seconds"),
            },
            ensure_ascii=False,
        )
    )
    return 0 if answer["ok"] and verified.returncode == 0 and seconds <= 10 else 1


if __name__ == "__main__":
    sys.exit(main())
