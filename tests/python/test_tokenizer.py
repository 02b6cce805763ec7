"""`nibble tokenize` and `nibble detokenize` against the tokenizers library, on texts made to be awkward."""

import gzip
import random

import pytest
from conftest import GOLDENS, ROOT, SHARED
from tokenizers import Tokenizer

# One generator a kind of text; each returns a piece of a few characters.
ALPHABETS = {
    "latin": "abcdefghijklmnopqrstuvwxyz     ABCDEFGHIJKLMNOPQRSTUVWXYZ.,;!?'\"-",
    "digits": "0123456789.,-+*/=()%$ ",
    "white": " \t\n\r\v\f\u00a0\u2003\u3000\u200b\ufeff",
    "chinese": "我們在臺灣說中文的一是不了人有他這個上來到時大地為子你說生國年著就那和要她出也得裡後自以會家可下而過天去能對小多然",
    "mixed": "éàüßñçøžğışāđłčαβγδεжзийклмאבגדשלוםمرحباनमस्तेไทยสวัสดี日本語かなカナ한국어",
    "emoji": "😀😃👍🏽👨‍👩‍👧‍👦🇹🇼🏳️‍🌈❤️☃✂",
    "rare": "\u0000\u0001\u007f\u0085\u0300\u0301\u0327\u061c\u202e\u2028\ufffd\uffff\U0001f9ff\U000e0041\U0010ffff",
    "code": "{}[]()<>|_=;:#@\\/`~^&*\n    def return if else for",
}
# What looks like a special token, whole or in pieces.
MARKERS = ["<bos>", "<eos>", "<pad>", "<unk>", "<|turn>", "<turn|>", "<|tool_call>", "<tool_call|>", "<|channel>",
           "<channel|>", "<|image|>", "<mask>", "<|\"|>", "<|", "|>", "<b", "os>", "<0x0A>", "<0xFF>", "▁", "▁▁"]


def awkward_texts(n: int) -> list[str]:
    rng = random.Random(4)
    texts = ["", " ", "  ", "\n", "a", "▁", "<bos><bos>", "a" * 3000, " " * 500, "é" * 400, "abc " * 400]
    while len(texts) < n:
        parts = []
        for _ in range(rng.randint(1, 12)):
            if rng.random() < 0.15:
                parts.append(rng.choice(MARKERS))
            else:
                alphabet = ALPHABETS[rng.choice(list(ALPHABETS))]
                parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 20))))
        texts.append("".join(parts))
    return texts


def tokenizer_folders() -> list:
    found = [folder for folder in (ROOT / "models" / "demo", GOLDENS / "tokenizer") if (folder / "tokenizer.json").exists()]
    if (SHARED / "tokenizer" / "tokenizer.json.gz").exists():
        found.append(SHARED / "tokenizer")
    return found


@pytest.fixture(scope="module", params=tokenizer_folders(), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def tokenizer(request, tmp_path_factory):
    """A directory for us and the library's tokenizer of the same file."""
    folder = tmp_path_factory.mktemp("tokenizer")
    source = request.param
    packed = source / "tokenizer.json.gz"
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else (source / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(content)
    for name in ("tokenizer_config.json", "generation_config.json", "config.json"):
        if (source / name).exists():
            (folder / name).write_bytes((source / name).read_bytes())
    return folder, Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_ids_are_the_librarys(nibble, tokenizer):
    folder, library = tokenizer
    texts = awkward_texts(600)
    answers = nibble.json_lines("tokenize", folder, requests=[{"text": text} for text in texts])
    for text, answer in zip(texts, answers):
        assert answer["ids"] == library.encode(text, add_special_tokens=False).ids, repr(text)


def test_ids_with_special_tokens_as_text_are_the_librarys(nibble, tokenizer):
    folder, library = tokenizer
    texts = awkward_texts(600)
    answers = nibble.json_lines("tokenize", folder, requests=[{"text": text, "parse_special": False} for text in texts])
    library.encode_special_tokens = True
    for text, answer in zip(texts, answers):
        assert answer["ids"] == library.encode(text, add_special_tokens=False).ids, repr(text)
    library.encode_special_tokens = False


def test_texts_of_random_ids_are_the_librarys(nibble, tokenizer):
    folder, library = tokenizer
    rng = random.Random(5)
    n_vocab = library.get_vocab_size()
    rows = [[rng.randrange(n_vocab) for _ in range(rng.randint(0, 24))] for _ in range(400)]
    # Byte tokens, whole and broken characters.
    first_byte = library.token_to_id("<0x00>")
    if first_byte is not None:
        for _ in range(200):
            character = "é中😀"[rng.randrange(3)].encode()
            cut = character[: rng.randint(1, len(character))]
            rows.append([rng.randrange(n_vocab), *(first_byte + byte for byte in cut), rng.randrange(n_vocab)])
    answers = nibble.json_lines("detokenize", folder, requests=[{"ids": row} for row in rows])
    for row, answer in zip(rows, answers):
        assert answer["text"] == library.decode(row, skip_special_tokens=False), row
