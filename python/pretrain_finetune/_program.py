"""Where the program is, and one call of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from functools import lru_cache
from importlib import metadata
from typing import List, Optional, Sequence, Tuple

DISTRIBUTION = "pretrain-finetune"


def version() -> str:
    """The version of this package, which is the program's."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+unknown"


@lru_cache(maxsize=1)
def executable() -> str:
    """The path of the program: that of ``PIPELINE_EXECUTABLE``, else the one installed with this package, else the one
    on ``PATH``."""
    stated = os.environ.get("PIPELINE_EXECUTABLE")
    if stated:
        return stated
    for folder in _script_folders():
        path = os.path.join(folder, "pipeline")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = shutil.which("pipeline")
    if found is None:
        raise FileNotFoundError(
            f"the program `pipeline` is not installed: `pip install {DISTRIBUTION}` installs it, and "
            "PIPELINE_EXECUTABLE names another one"
        )
    return found


def _script_folders() -> List[str]:
    """Where installers put scripts: of this environment, of the user, and beside a package in ``--target``."""
    package = os.path.dirname(os.path.abspath(__file__))
    return [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")),
        os.path.join(os.path.dirname(package), "bin"),
    ]


def call(
    arguments: Sequence[str], *, progress: bool, cwd: Optional[str] = None
) -> Tuple[int, str, str]:
    """Runs the program. Returns exit code, standard output, and standard error as far as it is the error.

    With ``progress`` the lines of standard error are shown as they come, in a notebook below its cell. An interrupt
    is passed on, and the program writes a checkpoint before it ends.
    """
    command = [executable(), *arguments]
    if not progress:
        command.append("--quiet")
    # In a session of its own: a terminal's Ctrl-C would otherwise reach it twice, which means "at once".
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    lines: List[str] = []
    assert child.stdout is not None and child.stderr is not None
    stderr = child.stderr

    def listen() -> None:
        for line in stderr:
            lines.append(line)
            if progress:
                sys.stderr.write(line)
                sys.stderr.flush()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        output = child.stdout.read()
        code = child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise
    finally:
        if child.poll() is None:
            child.kill()
        listener.join(timeout=5)
        child.stdout.close()
        child.stderr.close()
    if code == 130:
        raise KeyboardInterrupt
    return code, output, _error_text(lines)


def _error_text(lines: List[str]) -> str:
    """From the first error on: what precedes it is progress and notes."""
    first = next((at for at, line in enumerate(lines) if line.startswith("error: ")), 0)
    text = "".join(lines[first:]).strip()
    return text[len("error: ") :] if text.startswith("error: ") else text
