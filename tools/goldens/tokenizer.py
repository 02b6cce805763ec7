"""Goldens of src/tokenizer: small tokenizer.json files of the kinds it reads, and what the tokenizers library does with them.

Each folder holds tokenizer.json, encode.jsonl and decode.jsonl, with the fields that tests/tokenizer/goldens_test.cpp names.
    gemma   as Gemma 4's: merges in every way that makes a token, longest runs first; byte fallback; <bos> in front
    plain   no normalizer, an unknown token for each run of unknown characters, merges as strings, added tokens that are no special ones
    bytes   merges that join bytes of characters, and the unknown token of one character each
"""

import json
import random
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

SAMPLE = """
The quick brown fox jumps over the lazy dog while seven wizards box. Nothing in this text matters, but the words
repeat: the fox, the dog, the wizards and the text itself, so that pairs of letters are counted more than once.
Numbers come as 1234567890, 3.14159 and 2026-11-23; code comes as for (int i = 0; i < n; ++i) { total += x[i]; }
and def f(x):\n    return x * 2\n\n\tindented with a tab. Größe, façade, naïve, señor, Привет мир, 你好世界，天气很好。
今日は良い天気です。 안녕하세요 세계. Emoji: 😀😀 👩🏽‍💻 🤣🤣. HTML: <b>bold</b> <i>italics</i> &amp; more.
"""
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPACE = "▁"


def frequent_parts(text: str, longest: int, count: int) -> list[str]:
    """The substrings that occur most often: a stand-in for a trained vocabulary, in an order that never changes."""
    counts = Counter(text[i : i + n] for n in range(2, longest + 1) for i in range(len(text) - n + 1))
    wanted = [part for part in counts if counts[part] > 1 and SPACE not in part[1:] and "\n" not in part]
    return sorted(wanted, key=lambda part: (-counts[part] * len(part), part))[:count]


def all_merges(tokens: list[str]) -> list[tuple[str, str]]:
    known = set(tokens)
    return [
        (token[:cut], token[cut:])
        for token in tokens
        for cut in range(1, len(token))
        if token[:cut] in known and token[cut:] in known
    ]


def added(token: str, vocab: dict[str, int], special: bool, normalized: bool) -> dict:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized, "special": special}
    return {"id": vocab.setdefault(token, len(vocab)), "content": token, **flags}


def document(vocab, merges, added_tokens, normalizer, pre_tokenizer, decoder, post_processor=None, **model) -> dict:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "ignore_merges": False, **model, "vocab": vocab, "merges": merges},
    }


def replace(pattern: str, content: str) -> dict:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
BYTE_DECODER = {"type": "Sequence", "decoders": [replace(SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]}


def gemma() -> dict:
    text = SAMPLE.replace(" ", SPACE)
    runs = [character * n for n in range(16, 1, -1) for character in ("\n", SPACE, "\t")]
    parts = frequent_parts(text, 8, 420)
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>", "<|tool>", "<|tool_call>"]
    vocab: dict[str, int] = {}
    for token in specials + BYTES + ["<unused0>"] + runs + parts + sorted(set(text) - set("😀🤣ß")):
        vocab.setdefault(token, len(vocab))
    tokens = [added(token, vocab, True, False) for token in specials] + [added("<b>", vocab, False, False)]
    single = [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    bos = {"<bos>": {"id": "<bos>", "ids": [vocab["<bos>"]], "tokens": ["<bos>"]}}
    post = {"type": "TemplateProcessing", "single": single, "pair": single + single[1:], "special_tokens": bos}
    learned = [token for token in vocab if token not in specials and token not in BYTES]
    return document(vocab, all_merges(learned), tokens, replace(" ", SPACE), SPLIT, BYTE_DECODER, post,
                    fuse_unk=True, byte_fallback=True)


def plain() -> dict:
    # Merges as strings cannot hold a space, and the pieces end behind one.
    parts = [part for part in frequent_parts(SAMPLE.replace("\n", " "), 6, 300) if " " not in part]
    vocab = {"<unk>": 0}
    for token in sorted(set(SAMPLE) - set("xyz👩🏽")) + parts:
        vocab.setdefault(token, len(vocab))
    merges = [" ".join(merge) for merge in reversed(all_merges(parts + sorted(set(SAMPLE) & set(vocab))))]
    merges += merges[:3]  # the last of equals counts
    tokens = [added(token, vocab, special, normalized) for token, special, normalized in
              (("<unk>", True, False), ("the", False, True), ("the fox", False, False), ("fo", False, False))]
    vocab["far"] = 2000  # ids left out in between are nothing
    return document(vocab, merges, tokens, None, SPLIT, {"type": "Fuse"}, fuse_unk=True, byte_fallback=False)


def bytes_() -> dict:
    text = SAMPLE.replace(" ", "__")
    parts = frequent_parts(text, 5, 150)
    pairs = [("<0xF0>", "<0x9F>"), ("<0x98>", "<0x80>"), ("<0xF0><0x9F>", "<0x98><0x80>"), ("<0xC3>", "<0x9F>"), ("e", "<0xC3>"),
             ("<0x80>", "<0xF0>")]
    vocab: dict[str, int] = {"<unk>": 0}
    for token in BYTES + ["".join(pair) for pair in pairs] + sorted(set(text) - set("😀ß")) + parts:
        vocab.setdefault(token, len(vocab))
    merges = pairs + all_merges(parts + sorted(set(text) & set(vocab)))
    normalizer = {"type": "Sequence", "normalizers": [replace(" ", "_"), replace("_", "__"), replace("fo", "of")]}
    decoder = {"type": "Sequence", "decoders": [replace("__", " "), {"type": "ByteFallback"}, {"type": "Fuse"}]}
    tokens = [added("<unk>", vocab, True, False), added("lazy", vocab, False, True), added("<end>", vocab, True, True)]
    return document(vocab, merges, tokens, normalizer, None, decoder, fuse_unk=False, byte_fallback=True)


def random_text(source: random.Random, specials: list[str]) -> str:
    """A few stretches, each of another kind: what is common, what is rare, and what is made to go wrong."""
    words = SAMPLE.split()
    kinds = (
        lambda: " ".join(source.choices(words, k=source.randint(1, 6))),
        lambda: source.choice(SAMPLE) * source.randint(1, 20),
        lambda: "".join(source.choices(SAMPLE, k=source.randint(1, 12))),
        lambda: source.choice([" ", "\n", "\t", "  \n", SPACE, "__"]) * source.randint(1, 40),
        lambda: source.choice(specials),
        lambda: source.choice(specials)[: source.randint(1, 9)],
        lambda: source.choice(BYTES),
        lambda: "".join(chr(source.choice((source.randint(0, 0x7F), source.randint(0x80, 0xD7FF), source.randint(0xE000, 0x10FFFF))))
                        for _ in range(source.randint(1, 4))),
        lambda: "".join(source.choices("ab", k=source.randint(1, 30))),
    )
    return "".join(source.choice(kinds)() for _ in range(source.randint(1, 6)))


def streamed(tokenizer: Tokenizer, ids: list[int], prompt: list[int], skip_special: bool) -> tuple[list[str], int]:
    """The deltas of a server that begins a new stream where the old one fails, and how often it had to."""
    stream = DecodeStream(ids=prompt, skip_special_tokens=skip_special)
    deltas, restarts = [], 0
    for token in ids:
        try:
            delta = stream.step(tokenizer, token)
        except Exception as error:
            if not str(error).startswith("Invalid prefix"):
                raise
            restarts += 1
            stream = DecodeStream(skip_special_tokens=skip_special)
            delta = stream.step(tokenizer, token)
        deltas.append(delta or "")
    return deltas, restarts


def encode_case(tokenizer: Tokenizer, text: str) -> dict:
    case = {"text": text}
    for key, as_text in (("ids", True), ("ids_with_special_parsing", False)):
        tokenizer.encode_special_tokens = as_text
        case[key] = tokenizer.encode(text, add_special_tokens=False).ids
    return case


def decode_case(tokenizer: Tokenizer, ids: list[int], prompt: list[int]) -> dict:
    case = {"ids": ids}
    if prompt:
        case["prompt_ids"] = prompt
    for key, skip_special in (("", False), ("_skip_special", True)):
        case["text" + key] = tokenizer.decode(ids, skip_special_tokens=skip_special)
        case["stream_reset" + key], case["restarts" + key] = streamed(tokenizer, ids, prompt, skip_special)
    return case


def random_ids(source: random.Random, tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    """Ids of a text, with some of them replaced by bytes or by any id."""
    ids = tokenizer.encode(source.choice(texts), add_special_tokens=False).ids[:24]
    known = sorted(tokenizer.get_vocab(with_added_tokens=True).values())
    byte_ids = [tokenizer.token_to_id(token) for token in BYTES if tokenizer.token_to_id(token) is not None] or known
    noise = source.choice((0, 0.2, 0.8))
    pool = source.choice((byte_ids, known, byte_ids[0xC2:0xE0] + byte_ids[0x80:0x90]))
    return [source.choice(pool) if source.random() < noise else token for token in ids]


def write_lines(path: Path, lines: list[dict]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines))


def main(out_dir: Path) -> None:
    for name, made in (("gemma", gemma()), ("plain", plain()), ("bytes", bytes_())):
        folder = Path(out_dir) / "tokenizer" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
        (folder / "tokenizer.json").write_text(text)
        tokenizer = Tokenizer.from_str(text)
        source = random.Random(name)
        specials = [token["content"] for token in made["added_tokens"]]
        texts = ["", " ", SAMPLE] + [random_text(source, specials) for _ in range(110)]
        write_lines(folder / "encode.jsonl", [encode_case(tokenizer, text) for text in texts])
        tokenizer.encode_special_tokens = False
        cases = []
        for n in range(60):
            prompt = random_ids(source, tokenizer, texts)[:4] if n % 3 == 0 else []
            cases.append(decode_case(tokenizer, random_ids(source, tokenizer, texts), prompt))
        write_lines(folder / "decode.jsonl", cases)
