"""What the Python tests share: where the repository, its binary, the goldens and the reference libraries are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
BINARY = Path(os.environ.get("NIBBLE_BINARY", ROOT / "build" / "release" / "nibble"))
GOLDENS = ROOT / "tests" / "goldens"
SHARED = Path(os.environ.get("NIBBLE_SHARED", ROOT / ".." / "shared")) / "goldens"
SCHEMES = ("NVFP4A16", "NVFP4", "FP8_DYNAMIC")


class Nibble:
    """The release binary: runs one command and returns its CompletedProcess."""

    def command(self, *arguments) -> list[str]:
        return [str(BINARY), *map(str, arguments)]

    def __call__(self, *arguments, stdin: str | None = None, timeout: float = 300) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, encoding="utf-8", timeout=timeout)

    def succeed(self, *arguments, **options) -> str:
        result = self(*arguments, **options)
        assert result.returncode == 0, f"{' '.join(map(str, arguments))}: exit {result.returncode}: {result.stderr}"
        return result.stdout

    def json_lines(self, *arguments, requests: list[dict]) -> list[dict]:
        """Feeds one JSON object a line and returns the answers, one a line, in order."""
        output = self.succeed(*arguments, stdin="".join(json.dumps(request) + "\n" for request in requests))
        answers = [json.loads(line) for line in output.split("\n") if line]
        assert len(answers) == len(requests)
        return answers


@pytest.fixture(scope="session")
def nibble() -> Nibble:
    assert BINARY.exists(), f"{BINARY} is missing: run scripts/build"
    return Nibble()


@pytest.fixture(scope="session")
def reference_python() -> str:
    """A Python that has torch, transformers, compressed-tensors and llm-compressor, or the test is skipped."""
    for python in (os.environ.get("NIBBLE_REFERENCE_PYTHON"), sys.executable):
        if python and subprocess.run([python, "-c", "import torch, transformers, compressed_tensors, llmcompressor"],
                                     capture_output=True).returncode == 0:
            return python
    pytest.skip("no reference libraries: scripts/setup --reference installs them")


def model_goldens() -> list[Path]:
    """Every folder of model goldens: the repository's own, and the shared ones where they are."""
    return [root / "model" for root in (GOLDENS, SHARED) if (root / "model").is_dir()]


def label(path: Path) -> str:
    return f"{'own' if path.is_relative_to(GOLDENS) else 'shared'}-{path.name}"


def raw_tensors(folder: Path) -> dict[str, dict]:
    """Name -> dtype, shape and bytes of every tensor of a directory, by the safetensors library."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        found.update(safetensors.deserialize(file.read_bytes()))
    return {name: {**tensor, "data": bytes(tensor["data"])} for name, tensor in found.items()}


def calibration_ids(golden: Path) -> list[list[int]]:
    with safetensors.safe_open(golden / "goldens.safetensors", "np") as file:
        return file.get_tensor("calibration_ids").tolist()


def exact_input_scales(golden: Path) -> dict[str, float]:
    """Name of each input_global_scale -> what an f32 forward pass would make it, where the golden tells."""
    prefix, suffix = "calibration.", ".largest_input_f32"
    with safetensors.safe_open(golden / "goldens.safetensors", "np") as file:
        return {name[len(prefix):-len(suffix)] + ".input_global_scale": 448 * 6 / float(file.get_tensor(name)[0])
                for name in file.keys() if name.endswith(suffix)}


def quantize(nibble: Nibble, golden: Path, scheme: str, out: Path) -> Path:
    """Quantizes the source of a quant-model golden, with the calibration that the golden had."""
    source = golden.parent / golden.name.replace("quant-model-", "text-").replace("quant-model", "mm-e4b-like") / "model"
    extra = []
    if scheme == "NVFP4":
        calibration = out.with_suffix(".jsonl")
        calibration.write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in calibration_ids(golden)))
        extra = ["--calibration", calibration]
    nibble.succeed("quantize", source, "--scheme", scheme, "--output", out, *extra)
    return out


def quantized_goldens() -> list[tuple[Path, str]]:
    folders = [folder for root in model_goldens() for folder in sorted(root.glob("quant-model*"))]
    return [(folder, scheme) for folder in folders for scheme in SCHEMES if (folder / scheme).is_dir()]
