"""What the Python tests share: where the repository, its binary and the goldens are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
BINARY = Path(os.environ.get("NIBBLE_BINARY", ROOT / "build" / "release" / "nibble"))


class Nibble:
    """The release binary: runs one command and returns its CompletedProcess."""

    def __call__(self, *arguments, stdin: str | None = None, timeout: float = 300) -> subprocess.CompletedProcess:
        command = [str(BINARY), *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, encoding="utf-8", timeout=timeout)

    def json_lines(self, *arguments, requests: list[dict]) -> list[dict]:
        """Feeds one JSON object a line and returns the answers, one a line, in order."""
        result = self(*arguments, stdin="".join(json.dumps(request) + "\n" for request in requests))
        assert result.returncode == 0, result.stderr
        answers = [json.loads(line) for line in result.stdout.split("\n") if line]
        assert len(answers) == len(requests)
        return answers


@pytest.fixture(scope="session")
def nibble() -> Nibble:
    assert BINARY.exists(), f"{BINARY} is missing: run scripts/build"
    return Nibble()


@pytest.fixture(scope="session")
def goldens() -> Path:
    return ROOT / "tests" / "goldens"


def shared_goldens() -> Path | None:
    """The larger goldens beside the repository, where they are."""
    folder = Path(os.environ.get("NIBBLE_SHARED", ROOT / ".." / "shared")) / "goldens"
    return folder if folder.is_dir() else None
