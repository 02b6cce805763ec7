"""Prompts of the demo model, rendered by its own chat template."""
import json
from pathlib import Path

import jinja2

SOURCE = Path(__file__).with_name("chat_template.jinja")


def _raise(message):
    raise ValueError(message)


_environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
_environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
_environment.globals["raise_exception"] = _raise
_template = _environment.from_string(SOURCE.read_text())


def prompt(messages, tools):
    return _template.render(messages=messages, tools=tools, bos_token="<bos>", add_generation_prompt=True)
