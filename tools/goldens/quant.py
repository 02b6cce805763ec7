"""Goldens of single tensors and fused groups: weights that a rounding can go wrong on, as llm-compressor stores them.

quant/goldens.safetensors:
  weight.single.KIND, weight.group.{attn,mlp}.NAME   BF16 [rows, cols]; a group shares its global scale
  activation.{bf16,f32}.KIND.x                       [rows, cols], and what the reference rounds it to:
  activation.*.KIND.FP8_DYNAMIC.fake_quant, activation.*.KIND.NVFP4.SCALE.fake_quant   SCALE: see goldens.json
  NVFP4A16.X.{weight_packed,weight_scale,weight_global_scale}, FP8_DYNAMIC.X.{weight,weight_scale}
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from compressed_tensors.quantization.lifecycle.forward import forward_quantize
from safetensors.torch import load_file, save_file
from transformers import Gemma4ForConditionalGeneration

from goldens import tiny
from goldens.model import SEEDS, load
from goldens.quant_model import quantize

FORM = "text-e4b-like"
SCHEMES = {"NVFP4A16": ("weight_packed", "weight_scale", "weight_global_scale"), "FP8_DYNAMIC": ("weight", "weight_scale")}
PREFIX = "model.language_model.layers."


def hostile(kind: str, shape: torch.Size, random: torch.Generator) -> torch.Tensor:
    normal = torch.randn(shape, generator=random)
    signs = torch.randint(0, 2, shape, generator=random) * 2 - 1
    if kind == "all_zero":
        return torch.zeros(shape)
    if kind == "negative_zero":
        return torch.where(normal > 0.5, torch.tensor(-0.0), normal * 0.1)
    if kind == "ties":  # with 6 in every block and 2688 / 6 = 448 each block scale is exact: codes meet their ties
        ties = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 0.5])
        values = ties[torch.randint(0, 8, shape, generator=random)] * signs
        values[:, ::16] = 6.0
        return values
    if kind == "small_negatives":
        values = -normal.abs() * 0.01
        values[:, ::16] = 6.0
        return values
    if kind == "blocks_all_zero":
        return normal * (torch.arange(shape[1]) // 16 % 2)
    if kind == "outlier":
        normal[0, 0] = 3e4
        return normal
    return normal * {"normal": 0.02, "tiny": 1e-30, "subnormal": 1e-39, "huge": 1e36}[kind]


KINDS = ("normal", "all_zero", "negative_zero", "ties", "small_negatives", "blocks_all_zero", "outlier", "tiny", "subnormal",
         "huge")


INPUT_SCALES = {"g48": 48.0, "g700": 700.0, "g2000": 2000.0}
ACTIVATION_KINDS = {"normal": 1.0, "outliers": 1.0, "tiny": 1e-6, "zeros": 0.0}


@torch.no_grad()
def activations(work: Path, random: torch.Generator, tensors: dict) -> None:
    """The reference's own rounding of inputs, by a linear that it loaded with the scale at hand."""
    linears = {scheme: load(work / scheme, torch.bfloat16).get_submodule(f"{PREFIX}0.mlp.down_proj")
               for scheme in ("FP8_DYNAMIC", "NVFP4")}
    cols = linears["NVFP4"].in_features
    for kind, factor in ACTIVATION_KINDS.items():
        x = torch.randn((5, cols), generator=random) * factor
        if kind == "outliers":
            x[:, 3] *= 200
            x[0] = -x[0].abs() * 1e-3
        for name, dtype in (("bf16", torch.bfloat16), ("f32", torch.float32)):
            base, value = f"activation.{name}.{kind}", x.to(dtype)
            tensors[f"{base}.x"] = value
            fp8 = linears["FP8_DYNAMIC"].to(dtype)
            tensors[f"{base}.FP8_DYNAMIC.fake_quant"] = forward_quantize(
                fp8, value[None], "input", fp8.quantization_scheme.input_activations)[0]  # a token is a row of a batch
            for scale_name, scale in INPUT_SCALES.items():
                nvfp4 = linears["NVFP4"]
                nvfp4.input_global_scale.data = torch.tensor([scale])
                tensors[f"{base}.NVFP4.{scale_name}.fake_quant"] = forward_quantize(
                    nvfp4, value[None], "input", nvfp4.quantization_scheme.input_activations)[0]


def main(out_dir: Path) -> None:
    random = torch.Generator().manual_seed(41)
    with tempfile.TemporaryDirectory() as work:
        source, changed = Path(work) / "model", Path(work) / "changed"
        tiny.write(FORM, SEEDS[FORM], source)
        model = Gemma4ForConditionalGeneration.from_pretrained(source, dtype=torch.bfloat16)
        names = {}
        # A layer's down_proj and o_proj stand alone; the first layer's other linears are the groups.
        alone = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n.startswith(PREFIX)
                 and n.endswith(("down_proj", "o_proj"))]
        assert len(alone) >= len(KINDS)
        for kind, name in zip(KINDS, alone):
            weight = model.get_submodule(name).weight
            weight.data = hostile(kind, weight.shape, random).to(torch.bfloat16)
            names[name] = f"single.{kind}"
        for leaf, scale in (("q_proj", 1.0), ("k_proj", 0.3), ("v_proj", 2.0)):
            model.get_submodule(f"{PREFIX}0.self_attn.{leaf}").weight.data *= scale
            names[f"{PREFIX}0.self_attn.{leaf}"] = f"group.attn.{leaf}"
        for leaf, scale in (("gate_proj", 1.0), ("up_proj", 0.4)):
            model.get_submodule(f"{PREFIX}0.mlp.{leaf}").weight.data *= scale
            names[f"{PREFIX}0.mlp.{leaf}"] = f"group.mlp.{leaf}"
        model.save_pretrained(changed)
        tensors = {f"weight.{short}": model.get_submodule(name).weight.detach() for name, short in names.items()}
        for scheme, parts in SCHEMES.items():
            quantize(changed, scheme, None, Path(work) / scheme)
            stored = load_file(Path(work) / scheme / "model.safetensors")
            for name, short in names.items():
                for part in parts:
                    tensors[f"{scheme}.{short}.{part}"] = stored[f"{name}.{part}"]
        calibration = torch.randint(3, 200, (2, 16), generator=random)
        quantize(changed, "NVFP4", calibration, Path(work) / "NVFP4")
        activations(Path(work), random, tensors)
    folder = out_dir / "model" / "quant"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "goldens.safetensors")
    (folder / "goldens.json").write_text(json.dumps({"activation_input_global_scales": INPUT_SCALES}, indent=1) + "\n")
    for file in folder.iterdir():
        file.chmod(0o644)
