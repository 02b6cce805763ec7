"""Writes a random GGUF with the shapes of a Gemma 4 checkpoint, to measure llama.cpp and its fork at real size.

    bench/peers/random_gguf.py MODEL VOCABULARY.gguf FORMAT OUT.gguf

MODEL is a checkpoint's directory, of which only config.json is read; VOCABULARY.gguf is one of the vocabularies that
llama.cpp keeps in models/. Speeds are real, texts are noise: a tensor repeats one random piece whose block scales give
its values the spread of trained ones. Nothing is held in memory.
"""

import argparse
import functools
import json
import math
import os
import random
import struct
import sys
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import checkpoint_shapes  # noqa: E402

ALIGNMENT = 32
PIECE_BLOCKS = 1 << 16
# Type number, values and bytes of a block.
TYPES = {"F32": (0, 1, 4), "Q4_0": (2, 32, 18), "Q8_0": (8, 32, 34), "Q6_K": (14, 256, 210), "BF16": (30, 1, 2),
         "NVFP4": (40, 64, 36)}
# Of the layers' matrices and of the head: what llama.cpp's own quantizer and converter choose.
FORMATS = {"q4_0": ("Q4_0", "Q6_K"), "nvfp4": ("NVFP4", "BF16"), "q8_0": ("Q8_0", "Q8_0"), "bf16": ("BF16", "BF16")}

LAYER_NAMES = {
    "input_layernorm.weight": "attn_norm.weight", "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight", "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight", "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight", "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight", "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight", "mlp.down_proj.weight": "ffn_down.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight", "per_layer_input_gate.weight": "inp_gate.weight",
    "per_layer_projection.weight": "proj.weight", "post_per_layer_input_norm.weight": "post_norm.weight",
    "layer_scalar": "layer_output_scale.weight"}
MODEL_NAMES = {
    "embed_tokens.weight": "token_embd.weight", "embed_tokens_per_layer.weight": "per_layer_token_embd.weight",
    "per_layer_model_projection.weight": "per_layer_model_proj.weight",
    "per_layer_projection_norm.weight": "per_layer_proj_norm.weight", "norm.weight": "output_norm.weight"}
KV_NAMES = ("attn_k.weight", "attn_v.weight", "attn_k_norm.weight")


def gguf_tensors(text: dict, format: str) -> list[tuple[str, str, tuple[int, ...], float]]:
    """(name, type, shape, spread); a spread of 0 means that all values are 1."""
    matrix, head = FORMATS[format]
    # A token reads one row of the per-layer table, so its type costs disk, not time; llama.cpp leaves the projection.
    special = {"token_embd.weight": head, "per_layer_token_embd.weight": "Q8_0", "per_layer_model_proj.weight": "BF16"}
    n_own_kv = text["num_hidden_layers"] - text["num_kv_shared_layers"]
    found = []
    for name, shape, fill in checkpoint_shapes.text_tensors(text):
        name = name.removeprefix("model.language_model.")
        if name.startswith("layers."):
            _, layer, part = name.split(".", 2)
            if int(layer) >= n_own_kv and LAYER_NAMES[part] in KV_NAMES:
                continue
            name = f"blk.{layer}.{LAYER_NAMES[part]}"
        else:
            name = MODEL_NAMES[name]
        is_matrix = len(shape) == 2
        found.append((name, special.get(name, matrix) if is_matrix else "F32", shape, fill if is_matrix else 0))
    return found


def gguf_keys(text: dict) -> list[bytes]:
    rope, full = text["rope_parameters"], checkpoint_shapes.FULL
    sliding = checkpoint_shapes.SLIDING
    values = {
        "block_count": text["num_hidden_layers"], "context_length": text["max_position_embeddings"],
        "embedding_length": text["hidden_size"], "feed_forward_length": text["intermediate_size"],
        "embedding_length_per_layer_input": text["hidden_size_per_layer_input"],
        "final_logit_softcapping": float(text["final_logit_softcapping"]),
        "attention.head_count": text["num_attention_heads"], "attention.head_count_kv": text["num_key_value_heads"],
        "attention.layer_norm_rms_epsilon": float(text["rms_norm_eps"]),
        "attention.key_length": text["global_head_dim"], "attention.value_length": text["global_head_dim"],
        "attention.key_length_swa": text["head_dim"], "attention.value_length_swa": text["head_dim"],
        "attention.sliding_window": text["sliding_window"],
        "attention.sliding_window_pattern": [kind == sliding for kind in text["layer_types"]],
        "attention.shared_kv_layers": text["num_kv_shared_layers"],
        "rope.dimension_count": text["global_head_dim"], "rope.dimension_count_swa": text["head_dim"],
        "rope.freq_base": float(rope[full]["rope_theta"]), "rope.freq_base_swa": float(rope[sliding]["rope_theta"])}
    return [pair("general.architecture", "gemma4")] + [pair("gemma4." + name, value) for name, value in values.items()]


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def pair(name: str, value) -> bytes:
    """The format's numbers of types: 4 is uint32, 6 float32, 7 bool, 8 a string, 9 an array."""
    if isinstance(value, str):
        return string(name) + struct.pack("<I", 8) + string(value)
    if isinstance(value, list):
        return string(name) + struct.pack(f"<IIQ{len(value)}?", 9, 7, len(value), *value)
    if isinstance(value, float):
        return string(name) + struct.pack("<If", 6, value)
    return string(name) + struct.pack("<II", 4, value)


def vocabulary_keys(path: Path) -> list[bytes]:
    """The pairs `tokenizer.*` of a GGUF, byte for byte."""
    data, at = path.read_bytes(), 24
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def end_of_string(begin: int) -> int:
        return begin + 8 + struct.unpack_from("<Q", data, begin)[0]

    def end_of_value(begin: int, kind: int) -> int:
        if kind == 8:
            return end_of_string(begin)
        if kind != 9:
            return begin + sizes[kind]
        kind, length = struct.unpack_from("<IQ", data, begin)
        begin += 12
        if kind != 8:
            return begin + length * sizes[kind]
        for _ in range(length):
            begin = end_of_string(begin)
        return begin

    found = []
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        name_end = end_of_string(at)
        end = end_of_value(name_end + 4, struct.unpack_from("<I", data, name_end)[0])
        if data[at + 8:].startswith(b"tokenizer."):
            found.append(data[at:end])
        at = end
    return found


@functools.lru_cache(maxsize=8)
def piece(type: str, spread: float) -> bytes:
    """Random blocks; the scales make the root mean square of the values `spread`."""
    _, _, size = TYPES[type]
    if not spread:
        return struct.pack("<f", 1.0) * PIECE_BLOCKS
    blocks = bytearray(random.Random(0).randbytes(size * PIECE_BLOCKS))

    def set_bytes(first: int, values: bytes) -> None:
        for i, value in enumerate(values):
            blocks[first + i::size] = bytes([value]) * PIECE_BLOCKS

    if type == "BF16":  # random sign, lowest bit of the exponent and fraction
        high = struct.pack(">f", spread / 2)[0]
        blocks[1::2] = bytes(b & 0x80 | high for b in blocks[1::2])
    elif type == "NVFP4":  # codes of rms 2.93; E4M3 counts in steps of 2^-9 up to 15 of them
        set_bytes(0, bytes([min(max(round(spread / 2.93 * 512), 1), 15)]) * 4)
    elif type == "Q6_K":  # six bits of rms 18.5 times a signed byte of rms 73.9
        set_bytes(208, struct.pack("<e", spread / 18.5 / 73.9))
    else:
        set_bytes(0, struct.pack("<e", spread / {"Q4_0": 4.64, "Q8_0": 73.9}[type]))
    return bytes(blocks)


def n_bytes(type: str, shape: tuple[int, ...]) -> int:
    _, values, size = TYPES[type]
    return math.prod(shape) // values * size


def bytes_per_token(text: dict, format: str) -> int:
    """Of weights, that decoding a token reads: all but the per-layer table."""
    return sum(n_bytes(type, shape) for name, type, shape, _ in gguf_tensors(text, format)
               if name != "per_layer_token_embd.weight")


def pad(file: BinaryIO) -> None:
    file.write(b"\0" * (-file.tell() % ALIGNMENT))


def write(text: dict, vocabulary: Path, format: str, out: Path) -> None:
    tensors = gguf_tensors(text, format)
    pairs = gguf_keys(text) + vocabulary_keys(vocabulary)
    # Full layers turn a part of each head: the frequencies of the rest are divided away.
    half = text["global_head_dim"] // 2
    n_turned = int(half * text["rope_parameters"][checkpoint_shapes.FULL]["partial_rotary_factor"])
    factors = struct.pack(f"<{half}f", *[1.0] * n_turned, *[1e30] * (half - n_turned))
    tensors.append(("rope_freqs.weight", "F32", (half,), 0))
    with open(out, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs))
        offset = 0
        for name, type, shape, _ in tensors:
            number = TYPES[type][0]
            file.write(string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), number, offset))
            offset += -(-n_bytes(type, shape) // ALIGNMENT) * ALIGNMENT
        pad(file)
        for name, type, shape, spread in tensors:
            left, content = n_bytes(type, shape), factors if name == "rope_freqs.weight" else piece(type, spread)
            while left:
                left -= file.write(memoryview(content)[:left])
            pad(file)
        file.flush()
        os.fsync(file.fileno())  # so that nobody's measurement pays for it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("format", choices=list(FORMATS))
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    write(json.loads((options.model / "config.json").read_text())["text_config"], options.vocabulary, options.format,
          options.out)


if __name__ == "__main__":
    main()
