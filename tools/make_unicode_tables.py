"""Writes src/chat/unicode_tables.cpp from Python's own character database, so that the template engine's upper(),
isalpha() or repr() agree with the reference on every character."""

import pathlib
import sys
import unicodedata

LIMIT = 0x110000
PROPERTIES = {
    "alpha": str.isalpha,
    "decimal": str.isdecimal,
    "digit": str.isdigit,
    "numeric": str.isnumeric,
    "upper": str.isupper,
    "lower": str.islower,
    "title": lambda c: unicodedata.category(c) == "Lt",
    "unprintable": lambda c: not c.isprintable(),
    # What casing looks through when it decides whether a sigma ends a word.
    "case_ignorable": lambda c: ("a" + c + "\u03a3").lower()[-1] == "\u03c2" and not cased(c) and case_ignorable(c),
}


def cased(c):
    return c.islower() or c.isupper() or unicodedata.category(c) == "Lt"


def case_ignorable(c):
    # A sigma behind "a" is final also behind any letter without case; one before it tells the two apart:
    # only an ignorable character lets the sigma see the cased letter further on.
    return ("\u03a3" + c + "a").lower()[0] == "\u03c3" and ("a\u03a3" + c + "a").lower()[1] == "\u03c3"


def characters():
    return (chr(i) for i in range(LIMIT) if not 0xD800 <= i <= 0xDFFF)


def strided(points):
    """[first, last, stride]: runs of equally spaced points."""
    runs = []
    i = 0
    while i < len(points):
        j = i + 1
        stride = points[j] - points[i] if j < len(points) else 1
        if stride > 2:
            stride = 1
        while j < len(points) and points[j] - points[j - 1] == stride:
            j += 1
        if j == i + 2 and stride == 2:
            j, stride = i + 1, 1
        runs.append((points[i], points[j - 1], stride))
        i = j
    return runs


def mapping(convert):
    """Single-character results as [first, last, stride, delta]; longer ones as [from, to...]."""
    by_delta, long = {}, []
    for c in characters():
        to = convert(c)
        if to == c:
            continue
        if len(to) == 1:
            by_delta.setdefault(ord(to) - ord(c), []).append(ord(c))
        else:
            long.append([ord(c)] + [ord(x) for x in to] + [0] * (3 - len(to)))
    rows = sorted((run + (delta,) for delta, points in by_delta.items() for run in strided(points)))
    return rows, long


def table(kind, name, rows):
    text = [f"const {kind} {name}[] = {{"]
    line = "   "
    for row in rows:
        if kind == "LongCase":
            item = f" {{{row[0]}, {{{', '.join(map(str, row[1:]))}}}}},"
        else:
            item = " {" + ", ".join(f"{v:#x}" if i < 2 else str(v) for i, v in enumerate(row)) + "},"
        if len(line) + len(item) > 190:
            text.append(line)
            line = "   "
        line += item
    text += [line, "};", f"const std::size_t {name}_count = {len(rows)};", ""]
    return text


def main(path):
    out = [
        "// Made by tools/make_unicode_tables.py from the character database of Unicode "
        f"{unicodedata.unidata_version}: do not edit.",
        '#include "chat/unicode_tables.h"',
        "",
        "namespace nibble::chat::tables {",
        "",
        "// clang-format off",
    ]
    for name, test in PROPERTIES.items():
        points = [ord(c) for c in characters() if test(c)]
        out += table("PointRun", "k_" + name, strided(points))
    for name, convert in {
        "upper": str.upper,
        "lower": str.lower,
        "title": str.title,
        "fold": str.casefold,
    }.items():
        rows, long = mapping(convert)
        out += table("CaseRun", f"k_to_{name}", rows)
        out += table("LongCase", f"k_to_{name}_long", long or [[0, 0, 0, 0]])
    out += ["// clang-format on", "", "}  // namespace nibble::chat::tables", ""]
    pathlib.Path(path).write_text("\n".join(out))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "src/chat/unicode_tables.cpp")
