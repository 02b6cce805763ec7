"""llm-compressor's data-free NVFP4A16 of one checkpoint, timed by phase; run it by bench/peers/quantize.

    python bench/peers/llm_compressor.py MODEL OUT
"""

import json
import sys
import time


def main(source: str, out: str) -> None:
    marks = [time.monotonic()]

    def mark() -> float:
        marks.append(time.monotonic())
        return round(marks[-1] - marks[-2], 2)

    import torch
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from transformers import Gemma4ForConditionalGeneration

    seconds = {"import": mark()}
    model = Gemma4ForConditionalGeneration.from_pretrained(source, dtype=torch.bfloat16)
    seconds["load"] = mark()
    ignore = ["lm_head", "re:.*vision_tower.*", "re:.*audio_tower.*", "re:.*embed_vision.*", "re:.*embed_audio.*"]
    oneshot(model=model, recipe=QuantizationModifier(targets="Linear", scheme="NVFP4A16", ignore=ignore))
    seconds["quantize"] = mark()
    model.save_pretrained(out, save_compressed=True)
    seconds["save"] = mark()
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
