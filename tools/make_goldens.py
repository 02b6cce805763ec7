"""Makes the golden files of tests/goldens from the reference libraries. Needs scripts/setup --reference.

    tools/make_goldens.py [PART...]     PART: tokenizer, chat, structured, quant, model, quant_model (default: all)

Nothing a golden holds is computed by code of this repository: each part only calls the reference and stores its answer.
"""

import importlib
import sys
from pathlib import Path

PARTS = ("tokenizer", "chat", "structured", "quant", "codecs", "model", "quant_model", "int4_model")
LIMIT_BYTES = 8 << 20  # all goldens together: they are part of every clone


def main(parts: list[str]) -> None:
    unknown = set(parts) - set(PARTS)
    if unknown:
        sys.exit(f"unknown part {', '.join(sorted(unknown))}: give some of {', '.join(PARTS)}")
    out_dir = Path(__file__).resolve().parents[1] / "tests" / "goldens"
    out_dir.mkdir(parents=True, exist_ok=True)
    for part in parts or PARTS:
        print(f"== {part}", flush=True)
        importlib.import_module(f"goldens.{part}").main(out_dir)
    total = sum(path.stat().st_size for path in out_dir.rglob("*") if path.is_file())
    print(f"{total / 2**20:.2f} MiB in {out_dir}")
    if total > LIMIT_BYTES:
        sys.exit(f"the goldens are over {LIMIT_BYTES >> 20} MiB: make them smaller")


if __name__ == "__main__":
    main(sys.argv[1:])
