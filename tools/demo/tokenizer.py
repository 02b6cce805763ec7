"""The demo model's tokenizer: Gemma 4's construction (byte fallback, spaces as "▁", its special tokens) on a small vocabulary."""
import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from . import tasks

SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>",
           "<|tool_response>", "<tool_response|>", '<|"|>', "<|think|>", "<|channel>", "<channel|>", "<|turn>", "<turn|>",
           "<|image>", "<|audio>", "<|image|>", "<|audio|>", "<image|>", "<audio|>", "<|video|>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
# Merges never cross a word, and a digit is always a token of its own.
WORD = r"▁?[A-Za-z_]+|[一-鿿]+|\n+|[,;]▁|▁+|[0-9]|[^A-Za-z_0-9▁\n一-鿿]"


def corpus(n):
    rng = random.Random(11)
    for _ in range(n):
        _, messages, tools, answer = tasks.training_sample(rng)
        yield messages[0]["content"]
        yield answer.replace('<|"|>', " ").replace("<|tool_call>", "").replace("<tool_call|>", "")
        for tool in tools or []:
            yield json.dumps(tool)


def build(directory: Path, n_vocab=1536):
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="isolated")
    ascii_characters = [chr(c) for c in range(33, 127)] + ["▁", "\n", "\t"]
    trainer = trainers.BpeTrainer(vocab_size=n_vocab - len(SPECIAL) - len(BYTES), initial_alphabet=ascii_characters,
                                  show_progress=False)
    trained.train_from_iterator(corpus(20000), trainer)
    model = json.loads(trained.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    vocab = {token: index for index, token in enumerate(SPECIAL + BYTES + pieces)}
    while len(vocab) % 64:
        vocab[f"<unused{len(vocab)}>"] = len(vocab)
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for index, token in enumerate(SPECIAL)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocab, "merges": model["merges"]}}
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n")
    (directory / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "GemmaTokenizer", "backend": "tokenizers", "bos_token": "<bos>", "eos_token": "<eos>",
        "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>", "padding_side": "left",
        "model_max_length": 4096, "eot_token": "<turn|>", "sot_token": "<|turn>", "escape_token": '<|"|>'}, indent=2) + "\n")
    return Tokenizer.from_file(str(directory / "tokenizer.json"))
