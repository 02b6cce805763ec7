"""`nibble quantize` killed at random moments: the output is whole or it is not there."""

import random
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, raw_tensors

KILLS = 50


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Large enough that writing it takes a while."""
    folder = tmp_path_factory.mktemp("source") / "model"
    subprocess.run([sys.executable, ROOT / "tools" / "make_checkpoint.py", folder, "--shape", "small"], check=True,
                   capture_output=True)
    return folder


def contents(folder) -> dict:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def looks_finished(folder) -> bool:
    return (folder / "config.json").exists() and any(folder.glob("*.safetensors"))


def test_killed_at_any_moment_leaves_no_finished_looking_wreck(nibble, model, tmp_path):
    good = tmp_path / "good"
    started = time.monotonic()
    nibble.succeed("quantize", model, "--scheme", "NVFP4A16", "--output", good)
    duration = time.monotonic() - started
    expected = contents(good)
    rng = random.Random(6)
    out = tmp_path / "work" / "out"
    out.parent.mkdir()
    interrupted = 0
    for _ in range(KILLS):
        process = subprocess.Popen(nibble.command("quantize", model, "--scheme", "NVFP4A16", "--output", out),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 1.1 * duration))
        process.kill()
        interrupted += process.wait() == -signal.SIGKILL
        if out.exists():
            assert contents(out) == expected
            for path in out.iterdir():
                path.unlink()
            out.rmdir()
        for other in out.parent.iterdir():
            assert other.name.startswith("."), f"{other.name} is not marked as partial"
    assert interrupted > KILLS // 2
    # What killed runs left does not stand in the way of the next one.
    nibble.succeed("quantize", model, "--scheme", "NVFP4A16", "--output", out)
    assert contents(out) == expected


def test_killed_while_replacing_keeps_one_whole_output(nibble, model, tmp_path):
    out = tmp_path / "out"
    nibble.succeed("quantize", model, "--scheme", "FP8_DYNAMIC", "--output", out)
    old = raw_tensors(out)
    good = tmp_path / "good"
    started = time.monotonic()
    nibble.succeed("quantize", model, "--scheme", "NVFP4A16", "--output", good)
    duration = time.monotonic() - started
    new = raw_tensors(good)
    rng = random.Random(7)
    for _ in range(10):
        process = subprocess.Popen(nibble.command("quantize", model, "--scheme", "NVFP4A16", "--output", out, "--force"),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 1.1 * duration))
        process.kill()
        process.wait()
        assert looks_finished(out)
        assert raw_tensors(out) in (old, new)
