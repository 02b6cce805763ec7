"""The real transformers and compressed-tensors load what `nibble quantize` wrote, and their logits are ours.

Runs where the reference libraries are (scripts/setup --reference); reported as skipped elsewhere.
"""

import json
import subprocess

import numpy
import pytest
import safetensors
from conftest import label, quantize, quantized_goldens

CASES = [pytest.param(folder, scheme, id=f"{label(folder)}-{scheme}")
         for folder, scheme in quantized_goldens() if folder.name == "quant-model"]

# Runs in the reference's Python: the dequantized weights in f32, and the checkpoint as it loads.
REFERENCE = """
import json, sys, torch
from safetensors.numpy import save_file
from transformers import CompressedTensorsConfig, Gemma4ForConditionalGeneration
folder, ids, out = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
dense = Gemma4ForConditionalGeneration.from_pretrained(
    folder, dtype=torch.float32, quantization_config=CompressedTensorsConfig(dequantize=True)).eval()
loaded = Gemma4ForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()
with torch.no_grad():
    ids = torch.tensor([ids])
    save_file({"dense": dense(input_ids=ids).logits[0].numpy(),
               "loaded": loaded(input_ids=ids).logits[0].float().numpy()}, out)
"""


def read(path, name) -> numpy.ndarray:
    with safetensors.safe_open(path, "np") as file:
        return file.get_tensor(name)


def our_logits(nibble, folder, ids, out, *options) -> numpy.ndarray:
    nibble.succeed("logits", folder, "--input-ids", ",".join(map(str, ids)), "--output", out, *options)
    return read(out, "logits")


@pytest.mark.parametrize("golden, scheme", CASES)
def test_transformers_loads_it_and_agrees(nibble, reference_python, golden, scheme, tmp_path):
    out = quantize(nibble, golden, scheme, tmp_path / "out")
    ids = read(golden / "goldens.safetensors", "prompt0.input_ids").tolist()
    answer = tmp_path / "reference.safetensors"
    command = [reference_python, "-c", REFERENCE, str(out), json.dumps(ids), str(answer)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    # transformers has no use for the scale of inputs and says so, of llm-compressor's own files too.
    surprises = [line for line in result.stderr.splitlines() if "UNEXPECTED" in line and "|" in line
                 and "input_global_scale" not in line]
    assert "newly initialized" not in result.stderr and not surprises, result.stderr[-3000:]

    dense = read(answer, "dense")
    expected = read(golden / "goldens.safetensors", f"{scheme}.prompt0.logits_f32_weights_only")
    assert numpy.abs(dense - expected).max() < 1e-3, "the same weights as llm-compressor's"

    ours = our_logits(nibble, out, ids, tmp_path / "ours.safetensors", "--device", "reference")
    if scheme == "NVFP4A16":
        assert numpy.abs(ours - dense).max() < 5e-3
        return
    rounded = read(golden / "goldens.safetensors", f"{scheme}.prompt0.logits_f32_with_activation_quant")
    if scheme == "NVFP4":
        # Input scales that differ in the last percent (test_quantize bounds them) flip codes everywhere, so of 4-bit
        # inputs only the size of their effect can agree; the C++ tests run the reference's own scales exactly.
        assert numpy.abs(ours - dense).mean() < 1.5 * numpy.abs(rounded - dense).mean()
    else:
        bf16_error = numpy.abs(read(answer, "loaded") - rounded).mean()
        assert numpy.abs(ours - rounded).mean() < 0.5 * bf16_error
