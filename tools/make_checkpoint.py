"""Writes a random BF16 checkpoint of a released shape, to measure at real size without the real weights.

    tools/make_checkpoint.py OUT [--shape e4b|small] [--layers 42] [--towers] [--seed 0] [--shard-gb 5] [--tokenizer DIR]

Names, shapes and config.json are those of the release; values are noise, scaled so that a forward pass stays finite.
Needs numpy. Memory stays constant: values are made and written half a MB at a time.
"""

import argparse
import json
import math
import shutil
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import checkpoint_shapes

CHUNK = 1 << 18  # values made at a time: a chunk and the table stay in the cache
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "processor_config.json")


def bf16(values) -> np.ndarray:
    """Round to nearest even; the values here are finite."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


class Noise:
    """Normal BF16 values by table: 16 random bits choose one of 65,536 equally likely quantiles."""

    def __init__(self, seed: int):
        self.generator = np.random.SFC64(seed)
        self.values = np.empty(CHUNK, dtype=np.uint16)
        normal = statistics.NormalDist()
        self.quantiles = np.array([normal.inv_cdf((i + 0.5) / 65536) for i in range(65536)], dtype=np.float32)

    def table(self, fill) -> np.ndarray:
        if fill == "norm":
            return bf16(1 + 0.1 * self.quantiles)
        constants = {"one": 1.0, "low": -100.0, "high": 100.0}
        if fill in constants:
            return np.full(65536, bf16([constants[fill]])[0])
        return bf16(fill * self.quantiles)

    def write(self, file, n_values: int, fill) -> None:
        table = self.table(fill)
        for begin in range(0, n_values, CHUNK):
            n = min(CHUNK, n_values - begin)
            bits = self.generator.random_raw((n + 3) // 4).view(np.uint16)[:n]
            file.write(table.take(bits, out=self.values[:n], mode="wrap").data)


def split(tensors, shard_bytes: int):
    """Consecutive tensors, a new file when the next one does not fit; a tensor over the limit has a file of its own."""
    shards, used = [[]], 0
    for tensor in tensors:
        size = 2 * math.prod(tensor[1])
        if shards[-1] and shard_bytes and used + size > shard_bytes:
            shards.append([])
            used = 0
        shards[-1].append(tensor)
        used += size
    return shards


def write_shard(path: Path, tensors, noise: Noise) -> int:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in tensors:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape, fill in tensors:
            noise.write(file, math.prod(shape), fill)
    return offset


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--shape", choices=list(checkpoint_shapes.TEXT_CONFIGS), default="e4b")
    parser.add_argument("--layers", type=int, help="a multiple of 6; E4B has 42")
    parser.add_argument("--towers", action="store_true", help="with the vision and audio towers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard-gb", type=float, default=5, help="largest file; 0: one file")
    parser.add_argument("--tokenizer", type=Path, help="directory whose tokenizer and template files are copied")
    options = parser.parse_args()

    make_config = checkpoint_shapes.TEXT_CONFIGS[options.shape]
    text = make_config(options.layers) if options.layers is not None else make_config()
    tensors = checkpoint_shapes.tensors(text, options.towers)
    total = sum(2 * math.prod(shape) for _, shape, _ in tensors)
    options.out.mkdir(parents=True, exist_ok=True)
    if any(options.out.iterdir()):
        sys.exit(f"{options.out} is not empty: give a new directory")
    if shutil.disk_usage(options.out).free < total:
        sys.exit(f"{options.out}: {total / 1e9:.1f} GB are needed and the disk has less")

    started = time.monotonic()
    noise = Noise(options.seed)
    shards = split(tensors, int(options.shard_gb * 1e9))
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors" if len(shards) > 1 else "model.safetensors"
        size = write_shard(options.out / name, shard, noise)
        weight_map.update({tensor: name for tensor, _, _ in shard})
        print(f"{name}: {len(shard)} tensors, {size / 1e9:.2f} GB", flush=True)
    if len(shards) > 1:
        metadata = {"total_parameters": total // 2, "total_size": total}
        write_json(options.out / "model.safetensors.index.json", {"metadata": metadata, "weight_map": weight_map})
    write_json(options.out / "config.json", checkpoint_shapes.config(text, options.towers))
    write_json(options.out / "generation_config.json", checkpoint_shapes.GENERATION_CONFIG)
    for name in TOKENIZER_FILES if options.tokenizer else ():
        if (options.tokenizer / name).exists():
            shutil.copyfile(options.tokenizer / name, options.out / name)
    seconds = time.monotonic() - started
    print(f"{total / 1e9:.2f} GB in {seconds:.1f} s, {total / 1e6 / seconds:.0f} MB/s")


if __name__ == "__main__":
    main()
