"""Writes a tokenizer of Gemma 4's size and layout, and English and Chinese text to measure it with.

    tools/make_tokenizer.py OUT [--megabytes 8]

OUT gets tokenizer.json, english.txt and chinese.txt. Everything but vocabulary and merges is that of models/demo; the
tokens are those that the tokenizers library's BPE trainer finds, filled up with joins of tokens to 262,144. As in the
release, each way to split a token into two others is a merge. English is the docstrings of the installed Python and its
packages, half to train and half to measure; Chinese is drawn word by word, since no installation has enough of it.
"""

import argparse
import json
import random
import re
import sysconfig
import unicodedata
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

N_VOCAB = 262144
MAX_CHARACTERS = 16  # of a token
LAYOUT = Path(__file__).resolve().parents[1] / "models" / "demo" / "tokenizer.json"
SCRIPTS = {
    "latin": [(0x21, 0x7E), (0xA1, 0x24F)],
    "greek": [(0x370, 0x3FF)],
    "cyrillic": [(0x400, 0x4FF)],
    "hebrew": [(0x5D0, 0x5EA)],
    "arabic": [(0x620, 0x65F)],
    "devanagari": [(0x900, 0x97F)],
    "thai": [(0xE01, 0xE4F)],
    "japanese": [(0x3041, 0x30FF)],
    "chinese": [(0x3001, 0x3002), (0x4E00, 0x9FA5), (0xFF01, 0xFF5E)],
    "korean": [(0xAC00, 0xB3FF)],  # the rest falls back to bytes, as rare characters do
    "emoji": [(0x2600, 0x27BF), (0x1F300, 0x1F64F), (0x200D, 0x200D), (0xFE0F, 0xFE0F)],
}


def characters_of(script: str) -> list[str]:
    every = (chr(code) for first, last in SCRIPTS[script] for code in range(first, last + 1))
    return [c for c in every if unicodedata.category(c) != "Cn"]


def tokenizer_json(trained: list[str], rng: random.Random) -> str:
    """tokenizer.json with these tokens of several characters and random ones behind them."""
    layout = json.loads(LAYOUT.read_text())
    tokens = [token["content"] for token in sorted(layout["added_tokens"], key=lambda token: token["id"])]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [c * n for n in range(31, 0, -1) for c in "\n▁\t"]
    parts = {script: characters_of(script) for script in SCRIPTS}
    script_of = {c: script for script, characters in parts.items() for c in characters}
    tokens += script_of
    vocabulary = dict.fromkeys(tokens)
    for token in trained:
        if token not in vocabulary and script_of.keys() >= set(token.replace("▁", "")) and len(vocabulary) < N_VOCAB:
            vocabulary[token] = None
            parts[script_of[token[-1]]].append(token)
    # Joins stay within a script, as real tokens do. Early tokens are the frequent ones, and are drawn more often.
    weights = [len(part) ** 0.5 for part in parts.values()]
    for script in rng.choices(list(parts), weights, k=4 * N_VOCAB):
        if len(vocabulary) == N_VOCAB:
            break
        part = parts[script]
        left, right = (part[int(len(part) * rng.random() ** 2)] for _ in range(2))
        if rng.random() < 0.2:
            left = "▁"
        token = left + right
        if len(token) <= MAX_CHARACTERS and "▁" not in right and token not in vocabulary:
            vocabulary[token] = None
            part.append(token)
    assert len(vocabulary) == N_VOCAB, len(vocabulary)
    fixed = len(layout["added_tokens"]) + 256
    layout["model"]["vocab"] = {token: i for i, token in enumerate(vocabulary)}
    layout["model"]["merges"] = [
        (token[:at], token[at:]) for i, token in enumerate(vocabulary) if i >= fixed
        for at in range(len(token) - 1, 0, -1) if token[:at] in vocabulary and token[at:] in vocabulary]
    return json.dumps(layout, ensure_ascii=False)


def trained_tokens(texts: list[str]) -> list[str]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    # The trainer wants words; the layout's own pre-tokenizer finds no space behind the normalizer and splits nothing.
    words = Regex(r"▁?[^\W\d_一-龥]+|[一-龥]+|\d|▁?[^\w\s▁]+|[\s_▁]")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(words, "isolated")
    trainer = trainers.BpeTrainer(vocab_size=200000, min_frequency=2, max_token_length=MAX_CHARACTERS,
                                  show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    vocabulary = tokenizer.get_vocab()
    return [token for token in sorted(vocabulary, key=vocabulary.get) if len(token) > 1]


def english_paragraphs(rng: random.Random) -> list[str]:
    docstring = re.compile(r'"""(.+?)"""', re.DOTALL)
    roots = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
    files = sorted({file for root in roots for file in Path(root).rglob("*.py")})
    found = {}
    for file in files:
        for text in docstring.findall(file.read_text(encoding="utf-8", errors="ignore")):
            found.update(dict.fromkeys(line for line in text.split("\n\n") if len(line) > 40))
    paragraphs = [text for text in found if len(text) < 4000]
    rng.shuffle(paragraphs)
    return paragraphs


def chinese_sentences(rng: random.Random, n_bytes: int) -> list[str]:
    """Sentences of 80,000 words, drawn with a frequency that falls as one over their place."""
    common = [bytes((row, cell)).decode("gb2312") for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFA)]
    rng.shuffle(common)
    words = ["".join(common[int(len(common) ** rng.random()) - 1] for _ in range(rng.choice((1, 2, 2, 2, 3, 4))))
             for _ in range(80000)]
    sentences, size = [], 0
    while size < n_bytes:
        drawn = [words[int(len(words) ** rng.random()) - 1] for _ in range(rng.randint(4, 30))]
        sentence = "".join(word + rng.choice(("，", "、", "", "", "", "", "", "")) for word in drawn) + "。"
        sentences.append(sentence)
        size += len(sentence.encode())
    return sentences


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("--megabytes", type=int, default=8, help="of each text")
    arguments = options.parse_args()
    n_bytes = arguments.megabytes * 1_000_000
    rng = random.Random(0)
    english = english_paragraphs(rng)
    chinese = chinese_sentences(rng, 2 * n_bytes)
    halves = {"english": (english[::2], english[1::2], "\n\n"), "chinese": (chinese[::2], chinese[1::2], "\n")}
    arguments.out.mkdir(parents=True, exist_ok=True)
    trained = trained_tokens([text for to_train, _, _ in halves.values() for text in to_train])
    (arguments.out / "tokenizer.json").write_text(tokenizer_json(trained, rng), encoding="utf-8")
    for name, (_, to_measure, between) in halves.items():
        text = between.join(to_measure)
        if len(text.encode()) < n_bytes:  # a small installation: the same words in other sentences
            lines = text.split("\n")
            while len(text) < n_bytes:
                rng.shuffle(lines)
                text += "\n".join(lines)
        text = text.encode()[:n_bytes].decode(errors="ignore")
        (arguments.out / f"{name}.txt").write_text(text, encoding="utf-8")
    print(f"{arguments.out}: {len(trained)} tokens from the trainer")


if __name__ == "__main__":
    main()
