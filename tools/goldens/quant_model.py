"""Goldens of whole quantized checkpoints: llm-compressor's output directories for tiny models, and their logits.

FOLDER/SCHEME is the complete output of oneshot + save_pretrained for the checkpoint of that form; FOLDER/goldens.safetensors:
  calibration_ids                                   [8, 32], what NVFP4 (W4A4) was calibrated with
  calibration.MODULE.largest_input_f32              that module's largest input on them, the forward done in f32
  promptK.input_ids, .unquantized_logits_f32
  SCHEME.promptK.logits_f32_weights_only            dequantized weights in f32
  SCHEME.promptK.logits_f32_with_activation_quant   the same with inputs rounded (schemes that round them)
  SCHEME.promptK.logits_bf16                        the checkpoint as transformers loads it
  SCHEME.decompressed.NAME                          two weights as the reference dequantizes them
"""

import shutil
from pathlib import Path

import torch
from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
from compressed_tensors.quantization.lifecycle.forward import forward_quantize
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import CompressedTensorsConfig, Gemma4ForConditionalGeneration, PreTrainedTokenizerFast

from goldens import tiny
from goldens.model import SEEDS, load, logits

# Folder of the goldens, form, schemes. The experts of a MoE model are stored one by one.
CASES = (
    ("quant-model", tiny.WITH_TOWERS, ("NVFP4A16", "NVFP4", "FP8_DYNAMIC")),
    ("quant-model-26b-a4b-like", "text-26b-a4b-like", ("NVFP4A16",)),
)
IGNORE = ["lm_head", "re:.*vision_tower.*", "re:.*audio_tower.*", "re:.*embed_vision.*", "re:.*embed_audio.*"]
PROMPT_LENGTHS = (7, 25)
TOWERS_SEED = 1105


def idle_tokenizer() -> PreTrainedTokenizerFast:
    """oneshot asks for a tokenizer beside any data set, though these rows are ids already."""
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"<pad>": 0})), pad_token="<pad>")


def quantize(source: Path, scheme: str, calibration: torch.Tensor, out: Path) -> None:
    model = Gemma4ForConditionalGeneration.from_pretrained(source, dtype=torch.bfloat16)
    data = {}
    if scheme == "NVFP4":
        rows = {"input_ids": calibration.tolist(), "attention_mask": torch.ones_like(calibration).tolist()}
        # The default sequential pipeline fails on every Gemma 4 whose layers share KV (KeyError: 'sliding_attention').
        data = {"dataset": Dataset.from_dict(rows), "num_calibration_samples": len(calibration),
                "max_seq_length": calibration.shape[1], "pipeline": "basic", "processor": idle_tokenizer()}
    oneshot(model=model, recipe=QuantizationModifier(targets="Linear", scheme=scheme, ignore=IGNORE), **data)
    model.save_pretrained(out, save_compressed=True)
    for file in out.iterdir():
        file.chmod(0o644)


def with_rounded_inputs(dense, quantized) -> None:
    """Lets the linears of `dense` round their inputs by the reference's own function, as those of `quantized` would."""
    modules = dict(dense.named_modules())
    for name, module in quantized.named_modules():
        scheme = getattr(module, "quantization_scheme", None)
        if scheme is None or scheme.input_activations is None:
            continue

        def round_input(_, arguments, module=module, scheme=scheme):
            return (forward_quantize(module, arguments[0], "input", scheme.input_activations),)

        modules[name].register_forward_pre_hook(round_input)


def fill_experts(dense, quantized, file: Path) -> None:
    """transformers does not read the experts that llm-compressor stored one by one: the reference's own decompression
    does, and the results are put where the dense model keeps them."""
    with safe_open(file, "pt") as stored:
        def weight(module: str, scheme) -> torch.Tensor:
            names = NVFP4PackedCompressor.compression_param_names(scheme)
            return NVFP4PackedCompressor.decompress({n: stored.get_tensor(f"{module}.{n}") for n in names}, scheme)["weight"]

        for i, layer in enumerate(dense.model.language_model.layers):
            scheme = quantized.model.language_model.layers[i].mlp.gate_proj.quantization_scheme
            for e in range(layer.experts.num_experts if layer.enable_moe_block else 0):
                prefix = f"model.language_model.layers.{i}.experts.{e}."
                gate, up, down = (weight(prefix + name, scheme) for name in ("gate_proj", "up_proj", "down_proj"))
                layer.experts.gate_up_proj.data[e] = torch.cat([gate, up])
                layer.experts.down_proj.data[e] = down


def scheme_goldens(folder: Path, scheme: str, prompts: list[torch.Tensor], tensors: dict) -> None:
    dense = Gemma4ForConditionalGeneration.from_pretrained(
        folder / scheme, dtype=torch.float32, quantization_config=CompressedTensorsConfig(dequantize=True)).eval()
    as_loaded = load(folder / scheme, torch.bfloat16)
    for model in (dense, as_loaded):
        fill_experts(model, as_loaded, folder / scheme / "model.safetensors")
    for k, ids in enumerate(prompts):
        tensors[f"{scheme}.prompt{k}.logits_f32_weights_only"] = logits(dense, ids)
        tensors[f"{scheme}.prompt{k}.logits_bf16"] = logits(as_loaded, ids)
    weights = dict(dense.named_parameters())
    for name in ("self_attn.q_proj.weight", "mlp.gate_proj.weight"):
        name = f"model.language_model.layers.0.{name}"
        tensors[f"{scheme}.decompressed.{name}"] = weights[name].detach().to(torch.bfloat16)
    if scheme != "NVFP4A16":
        with_rounded_inputs(dense, as_loaded)
        for k, ids in enumerate(prompts):
            tensors[f"{scheme}.prompt{k}.logits_f32_with_activation_quant"] = logits(dense, ids)


@torch.no_grad()
def largest_inputs(model, calibration: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the reference's observers would see were they not to look at a BF16 forward, which is off by a few percent."""
    found = {}

    def observe(name):
        def hook(_module, inputs):
            largest = inputs[0].abs().amax().reshape(1)
            found[name] = torch.maximum(found.get(name, largest), largest)
        return hook

    hooks = [module.register_forward_pre_hook(observe(name)) for name, module in model.named_modules()
             if isinstance(module, torch.nn.Linear) and ".language_model." in name]
    for row in calibration:
        model(input_ids=row[None])
    for hook in hooks:
        hook.remove()
    return {f"calibration.{name}.largest_input_f32": largest for name, largest in found.items()}


def main(out_dir: Path) -> None:
    source = out_dir / "model" / tiny.WITH_TOWERS / "model"
    shutil.rmtree(source, ignore_errors=True)
    tiny.write(tiny.WITH_TOWERS, TOWERS_SEED, source)
    for name, form, schemes in CASES:
        folder, source = out_dir / "model" / name, out_dir / "model" / form / "model"
        shutil.rmtree(folder, ignore_errors=True)
        n_vocab = tiny.FORMS[form]["vocab_size"]
        random = torch.Generator().manual_seed(SEEDS.get(form, TOWERS_SEED) + 2)
        calibration = torch.randint(3, n_vocab - 12, (8, 32), generator=random)
        prompts = [torch.randint(3, n_vocab - 12, (length,), generator=random) for length in PROMPT_LENGTHS]
        tensors = {"calibration_ids": calibration} if "NVFP4" in schemes else {}
        unquantized = load(source, torch.float32)
        if "NVFP4" in schemes:
            tensors |= largest_inputs(unquantized, calibration)
        for k, ids in enumerate(prompts):
            tensors[f"prompt{k}.input_ids"] = ids
            tensors[f"prompt{k}.unquantized_logits_f32"] = logits(unquantized, ids)
        for scheme in schemes:
            quantize(source, scheme, calibration, folder / scheme)
            scheme_goldens(folder, scheme, prompts, tensors)
        save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, folder / "goldens.safetensors")
