"""What rounding the inputs of matrix products costs: mean KL, in nats, of the next token's distribution.

    bench/activations_kl.py MODEL IDS.json...

MODEL is a quantized checkpoint; each IDS.json is a list of lists of token ids. Compares int8 with bf16 inputs and, for size,
bf16 with the f32 of the reference device.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

NIBBLE = Path(__file__).resolve().parents[1] / "build" / "release" / "nibble"


def log_probabilities(model: str, ids: list[int], *options: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.safetensors"
        command = [NIBBLE, "logits", model, "--input-ids", ",".join(map(str, ids)), "--output", out, "--log-level", "off"]
        subprocess.run([*command, *options], check=True)
        logits = load_file(out)["logits"].astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (np.exp(p) * (p - q)).sum(-1)


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    model = sys.argv[1]
    int8, bf16 = [], []
    for file in sys.argv[2:]:
        for ids in json.loads(Path(file).read_text()):
            usual = log_probabilities(model, ids, "--activations-dtype", "bf16")
            int8.append(kl(usual, log_probabilities(model, ids, "--activations-dtype", "int8")))
            bf16.append(kl(log_probabilities(model, ids, "--device", "reference"), usual))
    for name, values in (("int8 from bf16", int8), ("bf16 from f32", bf16)):
        every = np.concatenate(values)
        print(f"{name}: mean {every.mean():.2e}, 99 % {np.quantile(every, 0.99):.2e}, {every.size} positions")


if __name__ == "__main__":
    main()
