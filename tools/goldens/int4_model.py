"""Goldens of a pack-quantized int4 checkpoint (symmetric, group 32), the form Google's QAT checkpoints have: llm-compressor's
output directory for a tiny model, and its logits. model/int4-model/W4A16G32 is the directory, goldens.safetensors beside it:
  promptK.input_ids, .unquantized_logits_f32
  W4A16G32.promptK.logits_f32_weights_only   dequantized weights in f32
  W4A16G32.promptK.logits_bf16               the checkpoint as transformers loads it
  W4A16G32.decompressed.NAME                 every quantized weight of layer 0 as the reference dequantizes it, BF16
"""

import shutil
from pathlib import Path

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from safetensors.torch import save_file
from transformers import CompressedTensorsConfig, Gemma4ForConditionalGeneration

from goldens import tiny
from goldens.model import load, logits
from goldens.quant_model import IGNORE

SCHEME = "W4A16G32"
# 16 columns are no group of 32.
NARROW = ["re:.*per_layer_projection$"]


def main(out_dir: Path) -> None:
    torch.set_num_threads(1)
    source = out_dir / "model" / tiny.WITH_TOWERS / "model"
    folder = out_dir / "model" / "int4-model"
    shutil.rmtree(folder, ignore_errors=True)
    weights = QuantizationArgs(num_bits=4, type="int", strategy="group", group_size=32, symmetric=True)
    modifier = QuantizationModifier(
        config_groups={"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}, ignore=IGNORE + NARROW)
    model = Gemma4ForConditionalGeneration.from_pretrained(source, dtype=torch.bfloat16)
    oneshot(model=model, recipe=modifier)
    model.save_pretrained(folder / SCHEME, save_compressed=True)
    for file in (folder / SCHEME).iterdir():
        file.chmod(0o644)

    random = torch.Generator().manual_seed(1202)
    n_vocab = tiny.FORMS[tiny.WITH_TOWERS]["vocab_size"]
    dense = Gemma4ForConditionalGeneration.from_pretrained(
        folder / SCHEME, dtype=torch.float32, quantization_config=CompressedTensorsConfig(dequantize=True)).eval()
    as_loaded, unquantized = load(folder / SCHEME, torch.bfloat16), load(source, torch.float32)
    tensors = {}
    for k, length in enumerate((7, 25)):
        ids = torch.randint(3, n_vocab - 12, (length,), generator=random)
        tensors[f"prompt{k}.input_ids"] = ids
        tensors[f"prompt{k}.unquantized_logits_f32"] = logits(unquantized, ids)
        tensors[f"{SCHEME}.prompt{k}.logits_f32_weights_only"] = logits(dense, ids)
        tensors[f"{SCHEME}.prompt{k}.logits_bf16"] = logits(as_loaded, ids)
    for name, weight in dense.named_parameters():
        if ".language_model.layers.0." in name and name.endswith(("_proj.weight", "_gate.weight")):
            tensors[f"{SCHEME}.decompressed.{name}"] = weight.detach().to(torch.bfloat16)
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, folder / "goldens.safetensors")
