"""Tiny random Gemma 4 checkpoints, one of each form, in the releases' names and config spelling."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import checkpoint_shapes
from checkpoint_shapes import FULL, SLIDING

# Small special ids that fit the tiny vocabulary: the last twelve.
SPECIAL = ("boi_token_id", "boa_token_id", "image_token_id", "audio_token_id", "video_token_id", "eoi_token_id",
           "eoa_token_id")


def pattern(n_layers: int, every: int) -> list[str]:
    return [FULL if i % every == every - 1 else SLIDING for i in range(n_layers)]


FORMS = {
    # PLE and KV sharing.
    "text-e4b-like": {
        "hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 8, "layer_types": pattern(8, 4),
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 32,
        "hidden_size_per_layer_input": 16, "num_kv_shared_layers": 4, "sliding_window": 9, "vocab_size": 224},
    # The same with one KV head and a double-wide MLP in the layers that share KV.
    "text-e2b-like": {
        "hidden_size": 80, "intermediate_size": 48, "num_hidden_layers": 6, "layer_types": pattern(6, 3),
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "global_head_dim": 64,
        "hidden_size_per_layer_input": 32, "num_kv_shared_layers": 3, "sliding_window": 7, "vocab_size": 192,
        "use_double_wide_mlp": True},
    # Experts beside the dense MLP; K = V in full layers.
    "text-26b-a4b-like": {
        "hidden_size": 48, "intermediate_size": 32, "num_hidden_layers": 4, "layer_types": pattern(4, 2),
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 32,
        "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0, "sliding_window": 8, "vocab_size": 240,
        "enable_moe_block": True, "num_experts": 6, "top_k_experts": 2, "moe_intermediate_size": 16,
        "attention_k_eq_v": True, "num_global_key_value_heads": 1, "use_bidirectional_attention": "vision"},
    "text-31b-like": {
        "hidden_size": 80, "intermediate_size": 64, "num_hidden_layers": 4, "layer_types": pattern(4, 4),
        "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 16, "global_head_dim": 32,
        "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0, "sliding_window": 11, "vocab_size": 176,
        "attention_k_eq_v": True, "num_global_key_value_heads": 2, "use_bidirectional_attention": "vision"},
    # With towers, which quantization leaves alone: the source of quant-model.
    "mm-e4b-like": {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 6, "layer_types": pattern(6, 3),
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 32,
        "hidden_size_per_layer_input": 16, "num_kv_shared_layers": 3, "sliding_window": 10, "vocab_size": 208},
}
SHARDED = "text-e4b-like"
WITH_TOWERS = "mm-e4b-like"

VISION = {**checkpoint_shapes.VISION_CONFIG, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
          "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 16, "global_head_dim": 16,
          "position_embedding_size": 16, "patch_size": 4}
AUDIO = {**checkpoint_shapes.AUDIO_CONFIG, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1,
         "output_proj_dims": 24, "subsampling_conv_channels": [128, 4]}


def config(form: str) -> dict:
    shape = FORMS[form]
    n_vocab = shape["vocab_size"]
    text = {**checkpoint_shapes.e4b_text_config(), **shape, "vocab_size_per_layer_input": n_vocab}
    whole = checkpoint_shapes.config(text, towers=False)
    whole.update({name: n_vocab - 12 + i for i, name in enumerate(SPECIAL)})
    whole.update(eoa_token_index=whole["eoa_token_id"], eos_token_id=[1, n_vocab - 5])
    if form == WITH_TOWERS:
        whole.update(vision_config=VISION, audio_config=AUDIO)
    return whole


def values(shape, fill, random: torch.Generator) -> torch.Tensor:
    noise = torch.randn(shape, generator=random)
    if fill == "norm":
        return 1 + 0.2 * noise
    if fill == "one":  # layer_scalar: unlike 1, so that leaving it out shows
        return 0.8 + 0.1 * noise
    if fill in ("low", "high"):  # clip bounds that do clip now and then
        return (2.5 + 0.2 * noise.abs()) * (1 if fill == "high" else -1)
    return fill * noise


def gain(name: str) -> float:
    """Logits of spread 3 to 4, as a trained model's, and layers that outweigh the embedding: greedy choices then have a
    margin and do not repeat the last token."""
    if name.endswith(".embed_tokens.weight"):
        return 3.5
    written = ("post_attention_layernorm.weight", "post_feedforward_layernorm.weight", "post_per_layer_input_norm.weight")
    return 4 if "language_model" in name and name.endswith(written) else 1


def write(form: str, seed: int, folder: Path) -> dict:
    """The checkpoint in `folder`; returns its config."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = config(form)
    text = whole["text_config"]
    names = list(checkpoint_shapes.text_tensors(text))
    if form == WITH_TOWERS:
        names += checkpoint_shapes.vision_tensors(VISION, text["hidden_size"])
        names += checkpoint_shapes.audio_tensors(AUDIO, text["hidden_size"])
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape, fill in names:
        tensors[name] = gain(name) * values(shape, fill, random)
    tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in tensors.items()}
    if form == SHARDED:
        write_sharded(tensors, folder)
    else:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    generation = {**checkpoint_shapes.GENERATION_CONFIG, "eos_token_id": [*whole["eos_token_id"], 50]}
    write_json(folder / "config.json", whole)
    write_json(folder / "generation_config.json", generation)
    return whole


def write_sharded(tensors: dict, folder: Path) -> None:
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
    n_parameters = sum(tensor.numel() for tensor in tensors.values())
    metadata = {"total_parameters": n_parameters, "total_size": 2 * n_parameters}
    write_json(folder / "model.safetensors.index.json", {"metadata": metadata, "weight_map": weight_map})


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
