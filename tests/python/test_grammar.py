"""`nibble grammar` against the jsonschema library: on the goldens, and on schemas and instances drawn at random."""

import json
import random

import jsonschema
import pytest
from conftest import GOLDENS, SHARED

FORMATS = jsonschema.FormatChecker(["date"])


def compact(value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def verdicts(nibble, folder, schema, texts: list[str]) -> list[bool]:
    file = folder / "schema.json"
    file.write_text(json.dumps(schema))
    return [answer["accepted"] for answer in
            nibble.json_lines("grammar", "--schema", file, requests=[{"instance": text} for text in texts])]


def goldens() -> list:
    return [pytest.param(row, root / "structured" / "not_json.json", id=f"{root.parent.name}-{row['name']}")
            for root in (GOLDENS, SHARED) if (root / "structured").is_dir()
            for row in map(json.loads, (root / "structured" / "schemas.jsonl").read_text().splitlines())]


@pytest.mark.parametrize("row, not_json", goldens())
def test_goldens(nibble, tmp_path, row, not_json):
    valid = [*map(compact, row["valid"]), *map(json.dumps, row["valid"])]
    invalid = [*map(compact, row["invalid"]), *map(json.dumps, row["invalid"])]
    texts = json.loads(not_json.read_text()) if not_json.exists() else []
    answers = verdicts(nibble, tmp_path, row["schema"], valid + invalid + texts)
    wrong = [text for text, answer, right in
             zip(valid + invalid + texts, answers, [True] * len(valid) + [False] * len(invalid + texts)) if answer != right]
    assert not wrong


# ---- schemas at random

KEYS = ["a", "b", "c", "ab", "é", "x y"]
TEXTS = ["", "a", "b", "ab", "abc", "aé", "臺北", "2024-02-29", "2023-02-29", "a\"b\\", "😀", "1", "null"]
NUMBERS = [0, 1, -1, 2, 3, 7, 10, 12, 99, 100, -12, 0.5, -0.5, 1.5, 2.25, 1e-7, 1e21, 120, 1.0, 100.0]
PATTERNS = ["^a", "b$", "^[ab]*$", "a|b", "^.{2}$", "[^a]", "^(ab|c){1,2}$", ""]


class Draw:
    def __init__(self, seed: int):
        self.rng = random.Random(seed)

    def some(self, values, low, high):
        return self.rng.sample(values, min(len(values), self.rng.randint(low, high)))

    def value(self, depth=0):
        kind = self.rng.randrange(7 if depth < 3 else 5)
        if kind == 0:
            return self.rng.choice([None, True, False])
        if kind < 3:
            return self.rng.choice(NUMBERS)
        if kind < 5:
            return self.rng.choice(TEXTS)
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.rng.randrange(4))]
        return {key: self.value(depth + 1) for key in self.some(KEYS, 0, 4)}

    def schema(self, depth=0):
        draw = self.rng.random
        if depth > 3 or draw() < 0.05:
            return self.rng.choice([True, False, {}, {"type": "integer"}, {"type": "string"}, {"$ref": "#/$defs/d"}])
        schema = {}
        kinds = self.some(["number", "integer", "string", "array", "object", "null", "boolean"], 1, 3)
        if draw() < 0.7:
            schema["type"] = kinds[0] if draw() < 0.7 else kinds
        if draw() < 0.1:
            schema["enum"] = [self.value() for _ in range(self.rng.randint(1, 5))]
        if draw() < 0.05:
            schema["const"] = self.value()
        for name, make in self.keywords(kinds, depth).items():
            if draw() < 0.3:
                schema[name] = make()
        for name in ("anyOf", "oneOf", "allOf"):
            if draw() < 0.08:
                schema[name] = [self.schema(depth + 1) for _ in range(self.rng.randint(1, 3))]
        if draw() < 0.06:
            schema["not"] = self.schema(depth + 2)
        if draw() < 0.05:
            schema |= {"if": self.schema(depth + 2), "then": self.schema(depth + 1), "else": self.schema(depth + 1)}
        return schema

    def keywords(self, kinds, depth):
        rng, sub = self.rng, lambda: self.schema(depth + 1)
        known = {}
        if "number" in kinds or "integer" in kinds:
            known |= {"minimum": lambda: rng.choice(NUMBERS), "maximum": lambda: rng.choice(NUMBERS),
                      "exclusiveMinimum": lambda: rng.choice(NUMBERS), "exclusiveMaximum": lambda: rng.choice(NUMBERS)}
        if "integer" in kinds:
            known |= {"multipleOf": lambda: rng.choice([1, 2, 3, 5, 10])}
        if "string" in kinds:
            known |= {"minLength": lambda: rng.randrange(4), "maxLength": lambda: rng.randrange(4),
                      "pattern": lambda: rng.choice(PATTERNS), "format": lambda: rng.choice(["date", "unknown"])}
        if "array" in kinds:
            known |= {"items": sub, "prefixItems": lambda: [sub() for _ in range(rng.randint(1, 2))],
                      "minItems": lambda: rng.randrange(3), "maxItems": lambda: rng.randrange(4), "contains": sub}
        if "object" in kinds:
            known |= {"properties": lambda: {key: sub() for key in self.some(KEYS, 0, 3)},
                      "patternProperties": lambda: {rng.choice(PATTERNS[:-1]): sub()},  # the library ignores "" here
                      "additionalProperties": sub, "required": lambda: self.some(KEYS, 0, 2),
                      "propertyNames": lambda: {"pattern": rng.choice(PATTERNS)},
                      "minProperties": lambda: rng.randrange(3), "maxProperties": lambda: rng.randrange(4),
                      "dependentRequired": lambda: {rng.choice(KEYS): self.some(KEYS, 0, 2)},
                      "dependentSchemas": lambda: {rng.choice(KEYS): sub()}}
        return known

    def instance(self, schema, root, depth=0):
        """A value that tries to be valid."""
        rng = self.rng
        if not isinstance(schema, dict) or depth > 5 or rng.random() < 0.1:
            return self.value(depth)
        if "$ref" in schema:
            return self.instance(root["$defs"]["d"], root, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        for name in ("anyOf", "oneOf", "allOf"):
            if name in schema and rng.random() < 0.6:
                return self.instance(rng.choice(schema[name]), root, depth + 1)
        kind = schema.get("type", rng.choice(["object", "array", "string", "integer"]))
        kind = rng.choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            properties = schema.get("properties", {})
            keys = {*schema.get("required", []), *self.some(list(properties), 0, 3), *self.some(KEYS, 0, 1)}
            rest = schema.get("additionalProperties", True)
            return {key: self.instance(properties.get(key, rest), root, depth + 1) for key in sorted(keys, key=lambda _: rng.random())}
        if kind == "array":
            prefix = schema.get("prefixItems", [])
            n = rng.randint(schema.get("minItems", 0), max(schema.get("minItems", 0), schema.get("maxItems", 3)))
            return [self.instance(prefix[i] if i < len(prefix) else schema.get("items", True), root, depth + 1) for i in range(n)]
        if kind == "string":
            return rng.choice(TEXTS)
        if kind in ("number", "integer"):
            return rng.choice([*NUMBERS, schema.get("minimum", 0), schema.get("maximum", 5), rng.randint(-20, 130)])
        return {"null": None, "boolean": rng.random() < 0.5}[kind]


@pytest.mark.parametrize("part", range(8))
def test_random_schemas(nibble, tmp_path, part):
    """Every verdict is the library's, or the schema is refused in one line that says why."""
    n_compared = n_valid = n_refused = 0
    for seed in range(part * 50, part * 50 + 50):
        draw = Draw(seed)
        schema = draw.schema()
        if not isinstance(schema, dict):
            continue
        schema["$defs"] = {"d": {"type": ["object", "string"], "properties": {"a": draw.schema(2), "b": {"$ref": "#/$defs/d"}}}}
        validator = jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
        instances = [draw.instance(schema, schema) for _ in range(40)] + [draw.value() for _ in range(20)]
        if "multipleOf" in json.dumps(schema):  # which goes with no exponent
            instances = [instance for instance in instances if "e+" not in compact(instance)]
        right = [validator.is_valid(instance) for instance in instances]
        file = tmp_path / "schema.json"
        file.write_text(json.dumps(schema))
        result = nibble("grammar", "--schema", file,
                        stdin="".join(json.dumps({"instance": compact(value)}) + "\n" for value in instances))
        if result.returncode != 0:
            assert result.returncode == 1 and result.stderr.startswith("nibble: schema: #"), f"{schema}\n{result.stderr}"
            if "no value can be valid" in result.stderr:
                assert not any(right), f"{schema}\n{[i for i, r in zip(instances, right) if r]}"
            else:
                n_refused += 1
            continue
        answers = [json.loads(line)["accepted"] for line in result.stdout.splitlines()]
        wrong = [(compact(i), r) for i, r, answer in zip(instances, right, answers) if r != answer]
        assert not wrong, f"seed {seed}: {json.dumps(schema)}\nthe library says: {wrong[:3]}"
        n_compared += len(answers)
        n_valid += sum(right)
    assert n_compared > 500 and n_valid > 50 and n_refused < 10


@pytest.mark.parametrize("text", ["[", "3", '{"type":"float"}', '{"pattern":"("}', '{"$ref":"#/x"}', '{"a":1,"a":2}'])
def test_bad_schemas_end_in_one_line(nibble, tmp_path, text):
    file = tmp_path / "schema.json"
    file.write_text(text)
    result = nibble("grammar", "--schema", file, stdin="")
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and result.stdout == ""


def test_other_grammars(nibble):
    requests = [{"instance": text} for text in ("yes", "no", "", '{"a":[]}', "[]")]
    assert [a["accepted"] for a in nibble.json_lines("grammar", "--regex", "yes|no", requests=requests)] == [True, True, False, False, False]
    assert [a["accepted"] for a in nibble.json_lines("grammar", "--choice", "no", "--choice", "", requests=requests)] == [False, True, True, False, False]
    assert [a["accepted"] for a in nibble.json_lines("grammar", "--json-object", requests=requests)] == [False, False, False, True, False]
    assert nibble("grammar", stdin="").returncode == 2
