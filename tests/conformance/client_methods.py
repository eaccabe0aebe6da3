"""Lists in docs/defects.md which methods of the official client test_client.py calls, and which it does not.

    python tests/conformance/client_methods.py          fails if the list is out of date
    python tests/conformance/client_methods.py --write  writes it

Needs the packages of requirements.txt.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import sys

import pulp_engine

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "defects.md"
BEGIN, END = "<!-- client methods -->\n", "<!-- /client methods -->\n"


def methods() -> dict[str, set[str]]:
    """The methods of the client's resources."""
    client = pulp_engine.PulpEngineClient(base_url="http://127.0.0.1")
    resources = {name: value for name, value in vars(client).items() if not name.startswith("_")}
    return {
        name: {method for method, _ in inspect.getmembers(value, inspect.ismethod) if not method.startswith("_")}
        for name, value in resources.items()
        if type(value).__module__.startswith("pulp_engine")
    }


def called(resources: set[str]) -> set[tuple[str, str]]:
    """What test_client.py takes from a client: `client.templates.get`, or `templates.get` of a variable."""
    found = set()
    for node in ast.walk(ast.parse((HERE / "test_client.py").read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Attribute, ast.Name)):
            resource = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
            if resource in resources:
                found.add((resource, node.attr))
    return found


def table() -> str:
    known = methods()
    calls = called(set(known))
    rows = ["| resource | called by the conformance test | not called |", "|---|---|---|"]
    total = covered = 0
    for resource, names in sorted(known.items()):
        yes = sorted(name for name in names if (resource, name) in calls)
        no = sorted(names - set(yes))
        total, covered = total + len(names), covered + len(yes)
        shown = [", ".join(f"`{name}`" for name in part) or "-" for part in (yes, no)]
        rows.append(f"| `{resource}` | {shown[0]} | {shown[1]} |")
    count = f"{covered} of {total} methods of pulp-engine {pulp_engine.__version__} are called.\n"
    return count + "\n" + "\n".join(rows) + "\n"


def main() -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    page = before + BEGIN + table() + END + after
    if "--write" in sys.argv:
        PAGE.write_text(page)
    elif page != PAGE.read_text():
        sys.exit(f"{PAGE} is out of date: run {__file__} --write")


if __name__ == "__main__":
    main()
