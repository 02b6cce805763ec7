"""Compares two model directories tensor by tensor, byte by byte.

    tools/compare_tensors.py DIR DIR

Needs nothing but Python. Exit status 0 if all names, types, shapes and bytes are equal.
"""

import json
import sys
from pathlib import Path

CHUNK = 16 << 20


def tensors(folder: str) -> dict[str, tuple]:
    """Name -> (file, position in it, size, dtype, shape)."""
    found = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            found[name] = (path, 8 + length + begin, end - begin, entry["dtype"], entry["shape"])
    return found


def same_bytes(one: tuple, other: tuple) -> bool:
    with open(one[0], "rb") as a, open(other[0], "rb") as b:
        a.seek(one[1])
        b.seek(other[1])
        left = one[2]
        while left:
            n = min(CHUNK, left)
            if a.read(n) != b.read(n):
                return False
            left -= n
    return True


def main(first: str, second: str) -> int:
    ones, others = tensors(first), tensors(second)
    differences = [f"only in {first}: {name}" for name in sorted(ones.keys() - others.keys())]
    differences += [f"only in {second}: {name}" for name in sorted(others.keys() - ones.keys())]
    n_equal = 0
    for name in sorted(ones.keys() & others.keys()):
        if ones[name][2:] != others[name][2:]:
            differences.append(f"{name}: {ones[name][3:]} and {others[name][3:]}")
        elif not same_bytes(ones[name], others[name]):
            differences.append(f"{name}: other bytes")
        else:
            n_equal += 1
    for line in differences[:20]:
        print(line)
    print(f"{n_equal} tensors equal, {len(differences)} differences")
    return 1 if differences or not n_equal else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
