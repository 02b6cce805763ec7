"""`nibble tokenize` and `nibble detokenize` against the tokenizers library, on texts made to be awkward."""

import gzip
import random
import unicodedata

import make_tokenizer
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


def unpacked(source, folder):
    """A directory for us and the library's tokenizer of the same file."""
    packed = source / "tokenizer.json.gz"
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else (source / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(content)
    for name in ("tokenizer_config.json", "generation_config.json", "config.json"):
        if (source / name).exists():
            (folder / name).write_bytes((source / name).read_bytes())
    return folder, Tokenizer.from_file(str(folder / "tokenizer.json"))


def label(folder) -> str:
    return f"{folder.parent.name}-{folder.name}"


@pytest.fixture(scope="module", params=tokenizer_folders(), ids=label)
def tokenizer(request, tmp_path_factory):
    return unpacked(request.param, tmp_path_factory.mktemp("tokenizer"))


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


@pytest.fixture(scope="module", params=[None, *tokenizer_folders()],
                ids=lambda folder: label(folder) if folder else "made")
def sized_tokenizer(request, tmp_path_factory):
    """As `tokenizer`, and one of the release's size, made of random joins."""
    folder = tmp_path_factory.mktemp("sized")
    if request.param:
        return unpacked(request.param, folder)
    made = make_tokenizer.tokenizer_json([], random.Random(6))
    (folder / "tokenizer.json").write_text(made, encoding="utf-8")
    return folder, Tokenizer.from_file(str(folder / "tokenizer.json"))


def random_part(rng: random.Random, tokens: list[str]) -> str:
    """A stretch of text of one kind; `tokens` are the vocabulary's."""
    n = rng.randint(1, 12)
    kind = rng.randrange(9)
    if kind == 0:  # any character there is but surrogates
        codes = (rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x110000))) for _ in range(n))
        return "".join(map(chr, codes))
    if kind == 1:
        characters = make_tokenizer.characters_of(rng.choice(list(make_tokenizer.SCRIPTS)))
        return "".join(rng.choice(characters) for _ in range(n))
    if kind == 2:
        return "".join(rng.choice(ALPHABETS["white"]) * rng.randint(1, 40) for _ in range(rng.randint(1, 3)))
    if kind == 3:
        return rng.choice(MARKERS)
    if kind == 4:
        return f"<0x{rng.randrange(256):02{rng.choice('xX')}}>"[: rng.randint(1, 6)]
    if kind == 5:
        accented = "".join(rng.choice("éàüñçøğÅ가각ệが") for _ in range(n))
        return unicodedata.normalize(rng.choice(("NFC", "NFD", "NFKC", "NFKD")), accented)
    if kind == 6:
        people = ("👨", "👩", "👧", "🏽", "🏳️", "🌈", "❤️", "🇹", "🇼", "1\ufe0f\u20e3")
        return "\u200d".join(rng.choice(people) for _ in range(n))
    # Whole and cut tokens, without which hardly anything in a random text would merge; some run on.
    token = rng.choice(tokens).replace("▁", " ")
    if kind == 7:
        return token[: rng.randint(1, len(token))] * rng.choice((1, 1, 1, rng.randint(2, 60)))
    return token + "".join(rng.choice(tokens).replace("▁", " ") for _ in range(n))


def random_texts(library: Tokenizer, n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    tokens = sorted(library.get_vocab())
    texts: dict[str, None] = {}  # each once
    for _ in range(40):  # long runs of one thing and of two in turn
        part = random_part(rng, tokens)[:8] + random_part(rng, tokens)[:8]
        texts[part * (rng.randint(2000, 40000) // len(part))] = None
    while len(texts) < n:
        texts["".join(random_part(rng, tokens) for _ in range(rng.choice((1, 1, 2, 3, 6))))] = None
    return list(texts)


def assert_all_equal(found: list, expected: list, inputs: list) -> None:
    """Shows the shortest of the inputs whose answers differ."""
    wrong = [i for i in range(len(inputs)) if found[i] != expected[i]]
    if wrong:
        i = min(wrong, key=lambda i: len(inputs[i]))
        pytest.fail(f"{len(wrong)} of {len(inputs)} differ; the shortest is {inputs[i]!r}: found {found[i]!r}, "
                    f"expected {expected[i]!r}", pytrace=False)


def test_ten_thousand_random_texts_are_the_librarys(nibble, sized_tokenizer):
    folder, library = sized_tokenizer
    texts = random_texts(library, 10000, seed=7)
    expected = [encoding.ids for encoding in library.encode_batch(texts, add_special_tokens=False)]
    merged = {i for token, i in library.get_vocab().items() if len(token) > 1 and not token.startswith("<")}
    assert sum(not merged.isdisjoint(ids) for ids in expected) > 2500, "hardly anything merges"
    answers = nibble.json_lines("tokenize", folder, requests=[{"text": text} for text in texts])
    assert_all_equal([answer["ids"] for answer in answers], expected, texts)

    for skip_special in (False, True):
        requests = [{"ids": ids, "skip_special": skip_special} for ids in expected]
        back = [answer["text"] for answer in nibble.json_lines("detokenize", folder, requests=requests)]
        assert_all_equal(back, library.decode_batch(expected, skip_special_tokens=skip_special), expected)


def test_ten_thousand_rows_of_random_ids_are_the_librarys(nibble, sized_tokenizer):
    folder, library = sized_tokenizer
    rng = random.Random(8)
    first_byte = library.token_to_id("<0x00>")
    rows = []
    for _ in range(10000):
        row = [rng.randrange(library.get_vocab_size()) for _ in range(rng.randint(0, 8))]
        for _ in range(rng.randint(0, 4)):  # bytes of a character, at times not all of them
            character = chr(rng.choice((0xE9, 0x4E2D, 0x1F600, 0xFFFD))).encode()
            at = rng.randint(0, len(row))
            row[at:at] = [first_byte + byte for byte in character[: rng.randint(1, 4)]]
        rows.append(row)
    texts = [answer["text"] for answer in nibble.json_lines("detokenize", folder, requests=[{"ids": row} for row in rows])]
    assert_all_equal(texts, library.decode_batch(rows, skip_special_tokens=False), rows)
