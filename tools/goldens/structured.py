"""Goldens of src/grammar: JSON Schemas with values, sorted into valid and invalid by the jsonschema library.

schemas.jsonl: `name`, `schema` -> `valid`, `invalid`. Of formats only date is checked.
"""

import json
from pathlib import Path

import jsonschema

POINT = {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"]}
CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["kind", "lives"]}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "breed": {"type": "string"}}, "required": ["kind", "breed"]}
TREE = {"type": "object", "properties": {"v": {"type": "integer"}, "c": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
        "required": ["v"], "additionalProperties": False}
SCALARS = [None, True, False, 0, 1, -1, 1.0, 1.5, -0.25, 3, 10, 99, 100, 1e-7, 12345678901234567890, "", "a", "ab", "abc", "x-1", "臺北", "2024-02-29", "2023-02-29"]
ARRAYS = [[], [1], [1, 2], [1, 2, 3], ["a"], ["a", 1], ["a", "b"], ["a", "a"], [[1]], [None, "a", 2.5]]
OBJECTS = [{}, {"a": 1}, {"a": "x"}, {"b": 2}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 2, "c": 3}, {"x_1": "y"}, {"x_1": 2, "z": "q"},
           {"x": 1, "y": 2.5}, {"y": 2, "x": 1, "z": 0}, {"x": "1", "y": 2}, {"kind": "cat", "lives": 9}, {"lives": 9, "kind": "cat"},
           {"kind": "dog", "breed": "b"}, {"kind": "dog", "lives": 9}, {"v": 1}, {"v": 1, "c": [{"v": 2, "c": []}]}, {"v": 1, "c": [{}]}]
SCHEMAS = {
    "anything": True,
    "nothing_but_objects": {"type": "object"},
    "integer": {"type": "integer"},
    "integer_range": {"type": "integer", "minimum": 0, "maximum": 99},
    "number_open_range": {"exclusiveMinimum": -0.25, "exclusiveMaximum": 100},
    "tiny": {"type": "number", "maximum": 0.001, "exclusiveMinimum": 0},
    "multiple": {"multipleOf": 0.5},
    "not_integer": {"type": "number", "not": {"type": "integer"}},
    "length": {"type": "string", "minLength": 1, "maxLength": 2},
    "pattern": {"type": "string", "pattern": "^[a-z]+-?\\d*$"},
    "pattern_found_inside": {"pattern": "b"},
    "date": {"type": "string", "format": "date"},
    "enum": {"enum": [None, 1, "a", [1], {"a": 1, "b": 2}]},
    "const_object": {"const": {"b": 2, "a": 1}},
    "types": {"type": ["null", "boolean", "array"]},
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
    "contains": {"type": "array", "contains": {"type": "string"}, "maxContains": 1},
    "unique": {"type": "array", "items": {"type": ["string", "number"]}, "uniqueItems": True},
    "point": POINT,
    "closed": {"type": "object", "properties": {"a": {"type": "integer"}, "b": True}, "additionalProperties": False},
    "patterns": {"type": "object", "patternProperties": {"^x_": {"type": "string"}}, "additionalProperties": {"type": "number"}},
    "names": {"type": "object", "propertyNames": {"enum": ["a", "b", "v"]}},
    "members": {"type": "object", "minProperties": 1, "maxProperties": 2},
    "dependent": {"dependentRequired": {"a": ["b"]}, "type": "object"},
    "dependent_schema": {"type": "object", "dependentSchemas": {"b": {"required": ["c"]}}},
    "any_of": {"anyOf": [CAT, DOG]},
    "one_of": {"oneOf": [CAT, DOG, {"type": "integer"}, {"minimum": 50, "type": "number"}]},
    "one_required": {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    "all_of": {"allOf": [POINT, {"properties": {"x": {"minimum": 1}}}, {"maxProperties": 2}]},
    "unevaluated": {"allOf": [{"properties": {"a": True}}], "properties": {"b": True}, "unevaluatedProperties": False, "type": "object"},
    "if_then_else": {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"maxProperties": 1}},
    "not_required": {"not": {"required": ["a"]}},
    "tree": {"$defs": {"t": TREE}, "$ref": "#/$defs/t"},
}


def main(out_dir: Path) -> None:
    folder = out_dir / "structured"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "schemas.jsonl", "w", encoding="utf-8") as out:
        for name, schema in SCHEMAS.items():
            validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date"]))
            row = {"name": name, "schema": schema, "valid": [], "invalid": []}
            for value in SCALARS + ARRAYS + OBJECTS:
                row["valid" if validator.is_valid(value) else "invalid"].append(value)
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
