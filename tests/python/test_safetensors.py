"""Damaged and odd safetensors headers: `nibble inspect` accepts what the safetensors library accepts, and nothing else.

Where Nibble is stricter on purpose (see docs/threat-model.md), the case says so.
"""

import json
import random
import shutil

import pytest
import safetensors
from conftest import GOLDENS

SOURCE = GOLDENS / "model" / "text-31b-like" / "model"
WHOLE = (SOURCE / "model.safetensors").read_bytes()
LENGTH = int.from_bytes(WHOLE[:8], "little")
HEADER, DATA = WHOLE[8 : 8 + LENGTH], WHOLE[8 + LENGTH :]
NAME = "model.language_model.norm.weight"


def packed(header: bytes, data: bytes = DATA, length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


def edited(change) -> bytes:
    header = json.loads(HEADER)
    header = change(header) or header
    return packed(json.dumps(header).encode())


def with_entry(**fields):
    return edited(lambda header: header[NAME].update(fields))


def reordered(header):
    return dict(reversed(header.items()))


def moved(header, offset):
    begin, end = header[NAME]["data_offsets"]
    header[NAME]["data_offsets"] = [begin + offset, end + offset]


N_DATA = len(DATA)
# name -> (file, None: as the library decides; "stricter": refused by us whatever the library does)
CASES = {
    "unchanged": (WHOLE, None),
    "trailing spaces": (packed(HEADER + b" " * 64), None),
    "leading space": (packed(b" " + HEADER), "stricter"),
    "keys in another order": (edited(reordered), None),
    "no metadata": (edited(lambda header: header.pop("__metadata__", None) and None), None),
    "metadata in Chinese": (edited(lambda header: header.update(__metadata__={"說明": "小模型"})), None),
    "metadata not a string": (edited(lambda header: header.update(__metadata__={"a": 1})), None),
    "metadata a list": (edited(lambda header: header.update(__metadata__=[])), None),
    "empty file": (b"", None),
    "seven bytes": (WHOLE[:7], None),
    "only a length": (WHOLE[:8], None),
    "header cut": (WHOLE[: 8 + LENGTH // 2], None),
    "data cut": (WHOLE[:-1], None),
    "trailing byte": (WHOLE + b"\0", None),
    "length 0": (packed(HEADER, length=0), None),
    "length 2^64 - 1": (packed(HEADER, length=2**64 - 1), None),
    "length past the file": (packed(HEADER, length=len(WHOLE)), None),
    "length over the limit": (packed(HEADER, length=100_000_001), None),
    "one byte less": (packed(HEADER, length=LENGTH - 1), None),
    "not JSON": (packed(b"x" * LENGTH), None),
    "a list": (packed(b"[]", b""), None),
    "not UTF-8": (packed(HEADER.replace(b'"pt"', b'"\xff\xfe"')), None),
    "a lone surrogate": (packed(HEADER.replace(b'"pt"', b'"\\ud800"')), None),
    "text after the object": (packed(HEADER.rstrip() + b"x"), None),
    "a NUL after the object": (packed(HEADER.rstrip() + b"\0"), None),
    "deep nesting": (packed(b'{"a":' * 5000 + b"1" + b"}" * 5000), None),
    "unknown dtype": (with_entry(dtype="BF17"), None),
    "dtype of another size": (with_entry(dtype="F32"), None),
    "dtype a number": (with_entry(dtype=16), None),
    "no dtype": (edited(lambda header: header[NAME].pop("dtype") and None), None),
    "no shape": (edited(lambda header: header[NAME].pop("shape") and None), None),
    "no offsets": (edited(lambda header: header[NAME].pop("data_offsets") and None), None),
    "negative size": (with_entry(shape=[-1]), None),
    "fractional size": (with_entry(shape=[80.5]), None),
    "size as text": (with_entry(shape=["80"]), None),
    "shape that wraps": (with_entry(shape=[2**63, 2, 80]), None),
    "shape of 2^64": (with_entry(shape=[2**64]), None),
    "offsets reversed": (with_entry(data_offsets=[200, 100]), None),
    "offset negative": (with_entry(data_offsets=[-2, 158]), None),
    "offset of 2^64 - 1": (with_entry(data_offsets=[2**64 - 1, 2**64 - 1]), None),
    "offsets of one number": (with_entry(data_offsets=[0]), None),
    "a hole": (edited(lambda header: moved(header, 16)), None),
    "an overlap": (edited(lambda header: moved(header, -16)), None),
    "outside the file": (edited(lambda header: moved(header, N_DATA)), None),
    "entry null": (edited(lambda header: header.update({NAME: None})), None),
    "entry a number": (edited(lambda header: header.update({NAME: 7})), None),
    "duplicate tensor": (packed(HEADER.replace(b'{"', b'{"' + NAME.encode() + b'":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"', 1)),
                         "stricter"),
    "duplicate metadata": (packed(HEADER.replace(b'"pt"', b'"pt","format":"tf"', 1)), "stricter"),
    "unknown field": (with_entry(compression="zip"), "stricter"),
}


def library_accepts(content: bytes) -> bool:
    try:
        safetensors.deserialize(content)
        return True
    except safetensors.SafetensorError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    copy = tmp_path_factory.mktemp("mutated")
    for name in ("config.json", "generation_config.json"):
        shutil.copyfile(SOURCE / name, copy / name)
    return copy


def accepts(nibble, folder, content: bytes) -> bool:
    """Our verdict; whatever it is, it has to be an orderly one."""
    (folder / "model.safetensors").write_bytes(content)
    result = nibble("inspect", "--json", folder, timeout=60)
    assert result.returncode in (0, 1), f"exit {result.returncode}: {result.stderr}"
    if result.returncode == 1:
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1, f"one line of explanation, found: {result.stderr}"
        assert "model.safetensors" in result.stderr or "model.language_model" in result.stderr
    return result.returncode == 0


@pytest.mark.parametrize("name", CASES)
def test_same_verdict_as_the_library(nibble, folder, name):
    content, stricter = CASES[name]
    expected = library_accepts(content) and not stricter
    assert accepts(nibble, folder, content) == expected


def test_nothing_is_accepted_that_the_library_refuses(nibble, folder):
    """Random bytes of the header changed, removed or doubled. A changed name is a missing tensor for us and fine for
    the library, so only one direction holds."""
    rng = random.Random(20261123)
    refused = 0
    for _ in range(200):
        header = bytearray(HEADER)
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(header))
            kind = rng.randrange(4)
            if kind == 0:
                header[at] = rng.randrange(256)
            elif kind == 1:
                header[at] ^= 1 << rng.randrange(8)
            elif kind == 2:
                del header[at]
            else:
                header.insert(at, rng.choice(b'0123456789{}[]",: -eE.'))
        content = packed(bytes(header))
        ours = accepts(nibble, folder, content)
        if not library_accepts(content):
            refused += 1
            assert not ours, content[8 : 8 + len(header)][:200]
    assert refused > 20
