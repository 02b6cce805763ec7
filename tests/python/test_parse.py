"""nibble parse against vLLM's parsers: whole turns, turns in pieces, and turns as token ids."""

import gzip
import json

import pytest

from conftest import GOLDENS, SHARED

# Where we differ from the reference's answer to a whole turn; docs/api.md says why.
SPELLED_OUT = {  # text that spells a special token out is text
    "t0136": {"content": "<|tool_call>call:ping{}<tool_call|>", "tool_calls": []},
    "t0137": {"content": "Write <|tool_call>call:x{} to call.", "tool_calls": []},
    "t0139": {"tool_calls": [{"name": "run_code", "arguments": '{"code": "a<tool_call|>b"}'}]},
    "n0008": {"content": "<|tool_call>call:ping{}<tool_call|>", "tool_calls": []},
    "r0060": {"content": "<|channel>thought\na\n<channel|>b", "reasoning_content": None},
    "r0061": {"content": "ok", "reasoning_content": "use <channel|> to close"},
}
NO_JSON = {"p0078": {"tool_calls": [{"name": "search", "arguments": '{"query": "q", "threshold": 1e999}'}]}}
# Where a turn that arrives in pieces cannot be read as the whole one is: what came first has been sent.
ARRIVING = {
    "r0028": {"content": "just text\nok", "reasoning_content": None},
    "r0032": {"content": "abc", "reasoning_content": None},
    "r0049": {"content": "xy", "reasoning_content": None},
    "r0051": {"content": None, "reasoning_content": "Answer without close."},
    "n0011": {"content": "fine\n<channel|>It is 21C."},
}


def golden_folders() -> list:
    return [folder for folder in (GOLDENS / "parsers", SHARED / "parsers") if folder.exists()]


def read_lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture(scope="module", params=golden_folders(), ids=lambda folder: folder.parents[1].name)
def folder(request):
    return request.param


@pytest.fixture(scope="module")
def rows(folder) -> list[dict]:
    return read_lines(folder / "tool_calls.jsonl") + read_lines(folder / "reasoning.jsonl")


def common(row: dict, tools: dict) -> dict:
    line = {"prompt": row["prompt"], "enable_thinking": row["enable_thinking"], **row["request"]}
    line["tools"] = [tools[name] for name in row["tools"]] if row["tools"] else None
    return line


def run(nibble, folder, rows, make_lines, model=()):
    """Yields each row with the answers to its lines; a row's parsers are options, so rows of the same go together."""
    tools = json.loads((folder / "tools.json").read_text(encoding="utf-8"))
    groups = {}
    for row in rows:
        groups.setdefault((row["tool_parser"], row["reasoning_parser"]), []).append(row)
    for (tool_parser, reasoning_parser), group in groups.items():
        options = [*model]
        if tool_parser:
            options += ["--tool-parser", tool_parser]
        if reasoning_parser:
            options += ["--reasoning-parser", reasoning_parser]
        lines = [[common(row, tools) | line for line in make_lines(row)] for row in group]
        answers = iter(nibble.json_lines("parse", *options, requests=[line for of_row in lines for line in of_row]))
        for row, of_row in zip(group, lines):
            yield row, [next(answers) for _ in of_row]


def expected(row: dict, *differences: dict) -> dict:
    answer = {key: row["expected"][key] for key in ("content", "reasoning_content", "tool_calls")}
    for table in (NO_JSON, *differences):
        answer |= table.get(row["id"], {})
    return answer


def in_pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def test_whole_turns(nibble, folder, rows):
    """Without ids, a special token's text is the token."""
    for row, answers in run(nibble, folder, rows, lambda row: [{"text": row["output_text"]}]):
        assert answers == [expected(row)], row["id"]


def test_whole_turns_with_ids(nibble, folder, rows):
    for row, answers in run(nibble, folder, rows, lambda row: [{"text": row["output_text"], "output_ids": row["output_ids"]}]):
        assert answers == [expected(row, SPELLED_OUT)], row["id"]


def test_turns_in_pieces(nibble, folder, rows):
    """However the turn is cut, at tokens or within them, the message is the same."""
    def lines(row):
        texts = [stream["texts"] for stream in row["streams"]]
        texts += [in_pieces(row["output_text"], size) for size in (1, 2, 3, 7)]
        return [{"deltas": deltas, "output_ids": row["output_ids"]} for deltas in texts]
    n_consistent = 0
    for row, answers in run(nibble, folder, rows, lines):
        for answer in answers:
            assert answer == expected(row, SPELLED_OUT, ARRIVING), row["id"]
        n_consistent += row["consistent"]
    assert n_consistent > 20


@pytest.fixture(scope="module")
def gemma_tokenizer(tmp_path_factory):
    packed = SHARED / "tokenizer" / "tokenizer.json.gz"
    if not packed.exists():
        pytest.skip(f"no {packed}")
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.json").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


def test_turns_of_token_ids(nibble, gemma_tokenizer, folder, rows):
    for row, answers in run(nibble, folder, rows, lambda row: [{"output_ids": row["output_ids"]}], [gemma_tokenizer]):
        assert answers == [expected(row, SPELLED_OUT)], row["id"]


def test_arguments_without_a_schema(nibble, folder):
    goldens = read_lines(folder / "gemma4_args.jsonl")
    # `raw` is all that stands behind the opening bracket.
    lines = [{"text": f"<|tool_call>call:f{{{golden['raw']}<tool_call|>"} for golden in goldens]
    lines += [{"deltas": list(line["text"])} for line in lines]
    answers = nibble.json_lines("parse", "--tool-parser", "gemma4", requests=lines)
    for golden, answer in zip(goldens + goldens, answers):
        assert [call["arguments"] for call in answer["tool_calls"]] == [golden["json"]], golden["id"]


def test_values_by_the_types_their_schema_allows(nibble, folder):
    goldens = read_lines(folder / "coerce.jsonl")
    lines = []
    for golden in goldens:
        # A schema without any type is a string's; the golden without types has a name of no type here.
        schema = {"type": golden["types"] or ["anything"]}
        tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"v": schema}}}}
        lines.append({"text": f'<|tool_call>call:f{{v:<|"|>{golden["value"]}<|"|>}}<tool_call|>', "tools": [tool]})
    answers = nibble.json_lines("parse", "--tool-parser", "gemma4", requests=lines)
    for golden, answer in zip(goldens, answers):
        value = json.loads(answer["tool_calls"][0]["arguments"])["v"]
        assert (value, type(value)) == (golden["result"], type(golden["result"])), golden["id"]


def test_tools_that_were_not_asked_for(nibble):
    turn = {"text": '<|tool_call>call:f{n:<|"|>1<|"|>}<tool_call|>'}
    tool = {"name": "f", "parameters": {"properties": {"n": {"type": "integer"}}}}
    lines = [turn, turn | {"tools": [tool]}, turn | {"tools": []}, turn | {"tools": None},
             turn | {"tools": [tool], "tool_choice": "none"}]
    answers = nibble.json_lines("parse", "--tool-parser", "gemma4", requests=lines)
    assert [answer["tool_calls"] for answer in answers] == [
        [{"name": "f", "arguments": '{"n": "1"}'}], [{"name": "f", "arguments": '{"n": 1}'}], [], [], []]
    assert all(answer["content"] is None for answer in answers)


@pytest.mark.parametrize("line, complaint", [
    ('{"output_ids": [1]}', 'expected "text", "deltas" or, with MODEL, "output_ids"'),
    ('{"text": "a", "output_ids": [-1]}', "expected token ids, found -1"),
    ('{"text": "a", "tools": "f"}', '"tools": expected a list'),
])
def test_lines_that_cannot_be_answered(nibble, line, complaint):
    result = nibble("parse", "--tool-parser", "gemma4", stdin=line + "\n")
    assert result.returncode == 1 and complaint in result.stderr and result.stderr.count("\n") == 1


def test_hostile_turns_end(nibble):
    """A mebibyte of what would make a second pass over the text noticed; that it ends at all is the test."""
    size = 1 << 20
    for repeated in ("<", "<|tool_cal", " ", "<|tool_call>", '<|tool_call>call:f{a:{"', "[f(a=["):
        text = (repeated * (size // len(repeated) + 1))[:size]
        deltas = in_pieces(text, 5)
        for form in ("gemma4", "pythonic"):
            answers = nibble.json_lines(
                "parse", "--tool-parser", form, "--reasoning-parser", "gemma4", requests=[{"text": text}, {"deltas": deltas}])
            assert answers[0] == answers[1], (repeated, form)
