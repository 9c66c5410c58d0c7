"""Values that are meant to be filled in, as a shell does, and would be taken to the letter."""

import re
from pathlib import Path

_PLACEHOLDER = re.compile(r"\$\{|^\$\(|^\$(?=[A-Z_][A-Z0-9_]*(?:/|$))|\{\{.*\}\}", re.DOTALL)
_IN_EXPRESSION = re.compile(r"(?<!\\)\$\{[A-Za-z_]")  # which as an expression matches nothing
_ONE_VARIABLE = re.compile(r"\$\{?([A-Z_][A-Z0-9_]*)\}?")  # a secret has other letters too


def refuse_placeholders(value: str, key: str) -> None:
    """Refuse a value in which a variable or a template stands.

    Raises:
        ValueError: it does; the message says what to write, and repeats no value.
    """
    if key == "credentials_env" or not (found := _PLACEHOLDER.search(value)):
        return
    if key == "credentials":
        variable = _ONE_VARIABLE.fullmatch(value)
        advice = f"write credentials_env: {variable[1] if variable else 'MIHU_API_TOKEN'} instead"
    else:
        advice = "write the value itself, or let something else fill it in before, such as envsubst or Helm"
    kind = "{{…}}" if found[0].startswith("{{") else {"${": "${…}", "$(": "$(…)", "$": "$…"}[found[0]]
    raise ValueError(f"{kind} is not filled in, but taken to the letter; {advice}")


def refuse_variables_in_expression(value: str) -> None:
    """Refuse a regular expression in which a variable stands.

    Raises:
        ValueError: it does.
    """
    if _IN_EXPRESSION.search(value):
        raise ValueError("${…} is not filled in, and matches nothing; write the value itself")


def refuse_home(path: str) -> None:
    """Refuse a path that begins with ``~``.

    Raises:
        ValueError: it does; of the path, the message has the home alone.
    """
    if not path.startswith("~"):
        return
    home, _, _ = path.partition("/")
    try:
        advice = f"write {Path(home).expanduser()} in its place"
    except RuntimeError:
        advice = "write the path from / on"
    raise ValueError(f"~ is not expanded, but taken to the letter; {advice}, or ./~ if that is the name")
