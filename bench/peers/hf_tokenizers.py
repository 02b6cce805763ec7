"""Hugging Face's tokenizers and Nibble side by side, one thread each, in turns: medians of MB/s and their ratio.

    bench/peers/hf_tokenizers.py MODEL... [--texts FILE...] [--rounds 5]

A text is encoded as one call and as prompts of 4 KB, a call each. Both must find the same number of ids.
"""

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")  # read when the library is loaded

from tokenizers import Tokenizer  # noqa: E402

BENCH = Path(__file__).resolve().parents[2] / "build" / "release" / "bench" / "tokenizer"
PROMPT_BYTES = 4096


def prompts_of(text: bytes) -> list[str]:
    prompts, begin = [], 0
    while begin < len(text):
        end = min(begin + PROMPT_BYTES, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        prompts.append(text[begin:end].decode())
        begin = end
    return prompts


def library_rates(library: Tokenizer, text: bytes) -> tuple[float, float, int]:
    whole, prompts = text.decode(), prompts_of(text)
    begin = time.perf_counter()
    n_ids = len(library.encode(whole, add_special_tokens=False))
    middle = time.perf_counter()
    for prompt in prompts:
        library.encode(prompt, add_special_tokens=False)
    end = time.perf_counter()
    return len(text) / 1e6 / (middle - begin), len(text) / 1e6 / (end - middle), n_ids


def our_rates(model: Path, text: Path) -> tuple[float, float, int]:
    line = subprocess.run([BENCH, "--rates", model, text], check=True, capture_output=True, text=True).stdout
    whole, prompts, n_ids = line.split()
    return float(whole), float(prompts), int(n_ids)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    options.add_argument("--texts", type=Path, nargs="+", required=True)
    options.add_argument("--rounds", type=int, default=5)
    arguments = options.parse_args()
    print(f"{'MB/s, one thread':44}{'nibble':>9}{'tokenizers':>12}{'ratio':>8}")
    for model in arguments.models:
        library = Tokenizer.from_file(str(model / "tokenizer.json"))
        for text in arguments.texts:
            content = text.read_bytes()
            ours, theirs = [], []
            for _ in range(arguments.rounds):
                ours.append(our_rates(model, text))
                theirs.append(library_rates(library, content))
                if ours[-1][2] != theirs[-1][2]:
                    raise SystemExit(f"{model}, {text}: {ours[-1][2]} ids, the library has {theirs[-1][2]}")
            for column, kind in enumerate(("one call", "4 KB calls")):
                our, their = (statistics.median(row[column] for row in rows) for rows in (ours, theirs))
                name = f"{model.name}, {text.stem}, {len(content) / 1e6:.1f} MB, {kind}"
                print(f"{name:44}{our:9.1f}{their:12.2f}{our / their:8.1f}", flush=True)


if __name__ == "__main__":
    main()
