"""Goldens of src/chat: one small template a construct, rendered by jinja2 in the environment that transformers gives chat templates.

constructs.jsonl: `template`, `variables` -> `rendered` or `error` (`raised_by_template`: by raise_exception, so the message counts).
"""

import json
from pathlib import Path

from jinja2.exceptions import TemplateError
from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "messages": [{"role": "user", "content": " Hi <b>é "}, {"role": "assistant", "content": None, "n": 2}, {"role": "user"}],
    "tools": [{"name": "f", "p": {"b": {"type": "INTEGER"}, "a": [1, 2.5, None, True], "C": "x\"'\n\u2028😀"}}],
    "text": "one two  three\nfour",
    "words": ["b", "A", "c", "a"],
    "n": 7,
    "x": 1.5,
    "values": {"items": 1, "key": "v"},
}

# Each line is a list of expressions; ";;" parts them.
EXPRESSIONS = r"""
1 + 2 * 3 - 4 ;; 7 // 2 ;; -7 // 2 ;; 7 % 3 ;; -7 % 3 ;; 7 / 2 ;; 2 ** 10 ;; 2 ** -1 ;; 7.5 // 2 ;; -7.5 % 2 ;; 1e3 ;; 1.0 ;; 0.1 + 0.2 ;; 1e16 ;; 1e-5
1 < 2 < 3 ;; 1 < 3 < 2 ;; 1 == 1.0 ;; 'a' < 'b' ;; [1, 2] < [1, 3] ;; not 1 == 2 ;; not none ;; 1 if n > 3 else 2 ;; (1 if n > 30) is defined
'a' ~ 1 ~ none ~ true ;; 'a' 'b' ;; 'a' * 3 ;; [1] * 2 ;; [1] + [2] ;; (1,) ;; (1, 2) ;; () ;; n is odd ;; n is even ;; n is divisibleby 7 ;; n is number ;; n is not string
'x' in 'xy' ;; 1 in [1, 2] ;; 'key' in values ;; 3 not in [1] ;; 'q' in nothing ;; values.items is callable ;; values['items'] ;; values.key ;; values['key'] ;; values.get('z', 3)
messages[0].role ;; messages[-1]['role'] ;; messages[1:] ;; messages[0]['content'][1:3] ;; 'abcdef'[::-2] ;; [1, 2, 3, 4][1::2] ;; (1, 2, 3)[-2:]
nothing is defined ;; nothing is none ;; nothing ;; messages[0].nothing is undefined ;; true is sameas true ;; 1 is sameas 1.0 ;; none is none ;; true is true ;; 1 is true
'ab' is lower ;; 'AB' is upper ;; 'a' is sequence ;; values is mapping ;; values is sequence ;; 3 is iterable ;; x is float ;; true is integer ;; true is boolean ;; range is callable
words ;; values ;; tools ;; none ;; true ;; [none, 'a"b', "a'b", 'a\\b\n', 'é\u200b'] ;; text.split() ;; text.split(' ') ;; text.split(None, 1) ;; text.rsplit(' ', 1) ;; text.splitlines()
' a '.strip() ~ '|' ;; 'xxaxx'.lstrip('x') ;; 'xxaxx'.rstrip('x') ;; 'abc'.startswith('ab') ;; 'abc'.endswith(('x', 'c')) ;; 'abc'.find('c') ;; 'aXbX'.replace('X', '-', 1)
'straße ΑΣ Σ'.lower() ;; 'straße ŉ'.upper() ;; 'élan VITAL'.capitalize() ;; "they're bill's".title() ;; 'a-b,c'.partition(',') ;; 'a,b,c'.rpartition(',')
'12'.isdigit() ;; 'a1'.isalnum() ;; 'é'.isalpha() ;; ' '.isspace() ;; 'Ab'.isupper() ;; 'a,b'.count(',') ;; 'abc'.index('b') ;; 'abc'.removeprefix('a') ;; 'abc'.removesuffix('c') ;; '-'.join(words)
values.keys() | list ;; values.values() | list ;; values.items() | list ;; values | items | list ;; values.items() | list | tojson
text | upper ;; text | lower ;; text | title ;; text | capitalize ;; ' x ' | trim ~ '|' ;; 'xax' | trim('x') ;; text | replace('o', '0') ;; text | length ;; text | indent(2) ;; text | indent(2, true)
words | sort ;; words | sort(reverse=true) ;; words | sort(case_sensitive=true) ;; words | unique | list ;; words | first ;; words | last ;; words | reverse | list ;; 'abc' | reverse ;; words | min ;; words | max
words | join ;; words | join('-') ;; messages | map(attribute='role') | join(',') ;; words | map('upper') | list ;; [1, 2] | sum ;; messages | map(attribute='n', default=0) | sum
messages | selectattr('role', 'equalto', 'user') | list | length ;; messages | rejectattr('n', 'defined') | map(attribute='role') | list ;; [0, 1, none] | select | list ;; [1, 2, 3] | reject('odd') | list
nothing | default('d') ;; '' | default('d', true) ;; none | default('d') ;; none | d('d', boolean=true) ;; nothing | length ;; nothing | upper ;; nothing | list
tools | tojson ;; tools | tojson(indent=2) ;; tools | tojson(ensure_ascii=true) ;; values | tojson(sort_keys=true, separators=(',', ':')) ;; [] | tojson(indent=1) ;; {} | tojson ;; {1: 2, none: x, true: [[]]} | tojson
values | dictsort ;; {'b': 1, 'A': 2} | dictsort ;; {'b': 1, 'A': 2} | dictsort(true) ;; {'b': 1, 'A': 2} | dictsort(by='value', reverse=true)
'42' | int ;; ' 3.9 ' | int ;; 'x' | int(5) ;; 3.9 | int ;; '2.5' | float ;; 'x' | float ;; 2.567 | round(2) ;; 2.5 | round ;; 7 | round ;; 2.1 | round(0, 'ceil') ;; -3 | abs ;; 3 | string ;; none | string
'<a>' | e ;; '<' | safe ;; ('<' | safe) + '<' ;; ('<' | safe) ~ '<' ;; '<' ~ ('<' | e) ;; 'a' | list ;; range(5) | list ;; range(5, 0, -2) | list ;; range(3) ;; dict(a=1, b=2) ;; dict({'x': 1}, y=2)
strftime_now is defined ;; raise_exception is callable ;; 1_000 ;; 0x1f ;; 0b11 ;; 0o17 ;; -n ;; +n ;; -x ;; - 3 | abs ;; (-3) | abs ;; -3 ** 2 ;; 2 ** 3 ** 1
tools[0].p.C ;; tools[0]['p']['a'][1] ;; tools.0.name ;; values.nothing is defined ;; words[10] is defined ;; [1, 2, 3] is sequence ;; 'abc'[5] is defined
"""

TEMPLATES = [
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ m.role }} {% endfor %}",
    "{% for m in messages if m.content %}{{ loop.length }}{{ m.content }}{% else %}none{% endfor %}",
    "{% for m in [] %}x{% else %}none{% endfor %}|{% for k, v in values.items() %}{{ k }}={{ v }};{% endfor %}|{% for c in 'aé😀' %}{{ c }}.{% endfor %}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{{ loop.cycle('a', 'b') }}{{ loop.previtem }}-{{ loop.nextitem }}{{ loop.depth }} {% endfor %}",
    "{% for x in [1, [2, [3]]] recursive %}{% if x is number %}{{ x }}@{{ loop.depth }}{% else %}({{ loop(x) }}){% endif %}{% endfor %}",
    "{% set y = 1 %}{% for i in [1, 2] %}{{ y }}{% set y = 5 %}{{ y }}{% endfor %}{{ y }}{% if true %}{% set y = 6 %}{% endif %}{{ y }}",
    "{% set ns = namespace(a=1, b='x') %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% set ns.c = i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns.z is defined }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set t = 1, %}{{ t }}",
    "{% set b %} in {{ n }}{% endset %}[{{ b }}]{% set b | upper | trim %} in {% endset %}[{{ b }}]{% filter upper | trim %} é {{ n }} {% endfilter %}",
    "{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c=4) }}{{ f(b=1, a=2) }}{{ f() }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 'a', k=2) }}{% macro g(x) %}{{ caller(x) }}!{% endmacro %}{% call(y) g(3) %}<{{ y }}{{ n }}>{% endcall %}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}{{ f(*[2]) }}{{ f(**{'n': 1}) }}",
    "{% macro f() %}{{ later }}{% endmacro %}{% set later = 'now' %}{{ f() }}{% with a = 1, b = n %}{{ a }}{{ b }}{% set n = 9 %}{% endwith %}{{ n }}",
    "{%- if n %} a {%- endif -%}  \n b \n{% if n %}\n  c\n  {% endif %}\n  {# comment #}\n d {#- x -#} e\n  {%+ if n %} f{% endif +%}\n g\n",
    "  {{ n }}  {{- n -}}  {{ n }}\n\n{{ n }}\n\n", "{% raw %}{{ n }} {% if %}{% endraw %}|{%- raw -%} x {%- endraw -%} |", "a\r\nb\rc\n{{ 'x\\ty' }}{{ \"\\u00e9\\x41\\101\\q\" }}",
    "{% generation %}{{ n }}{% endgeneration %}{% if false %}a{% elif n == 7 %}b{% elif n == 7 %}c{% else %}d{% endif %}", "{{ '}}' }}{{ '%}' }}{{ {'a': {'b': 1}}['a']['b'] }}{{ {} }}",
]

FAILURES = [
    "{{ nothing.x }}", "{{ messages[1].content + 'x' }}", "{{ 1 + 'x' }}", "{{ nothing() }}", "{{ 1 / 0 }}", "{{ raise_exception('no: ' ~ n) }}", "{{ words.append(1) }}", "{{ nothing + 1 }}",
    "{{ 3 | join }}", "{{ x | nosuch }}", "{{ x is nosuch }}", "{% if %}{% endif %}", "{{ range(200000) }}", "{% for a, b in [[1]] %}{% endfor %}", "{{ ''.__class__.__mro__ }}", "{{ nothing | tojson }}",
    "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "{% set ns = namespace(_a=1) %}", "{{ 'a' < 1 }}", "{{ [] | first | upper | int }}{{ ([] | first) + 1 }}", "{{ 1 in 3 }}", "{{ {[]: 1} }}", "{% break %}",
]


def render(template: str) -> dict:
    golden = {"template": template, "variables": VARIABLES}
    try:
        golden["rendered"] = _compile_jinja_template(template).render(**VARIABLES)
    except Exception as error:  # whatever Python raises, the template fails
        raised = type(error) is TemplateError
        golden["error"] = {"message": str(error) if raised else type(error).__name__, "raised_by_template": raised}
    return golden


def main(out_dir: Path) -> None:
    folder = out_dir / "chat"
    folder.mkdir(parents=True, exist_ok=True)
    templates = TEMPLATES + FAILURES
    templates += ["{{ " + part.strip() + " }}" for line in EXPRESSIONS.strip().split("\n") for part in line.split(";;")]
    with open(folder / "constructs.jsonl", "w", encoding="utf-8") as file:
        for number, template in enumerate(templates):
            file.write(json.dumps({"id": f"c{number:03}", **render(template)}, ensure_ascii=False) + "\n")
