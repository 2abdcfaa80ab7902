"""House rules that the syntax tree shows: whose rows a query asks for, and how long things get.

What plain text shows is in `test_house.py`; which app imports which is `make imports`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.isolation.census import GLOBAL

ROOT = Path(__file__).resolve().parent.parent
APPS = ("omnicrm", "contacts", "integrations", "jobs", "ai")
LONGEST_FUNCTION, LONGEST_FILE = 45, 450

UNSCOPED = {"unscoped", "_default_manager", "_base_manager"}
CHOOSERS = {
    "ModelForm",
    "modelform_factory",
    "ModelChoiceField",
    "ModelMultipleChoiceField",
    "get_object_or_404",
}
GLOBAL_NAMES = {label.partition(".")[2] for label in GLOBAL}

Offences = Iterator[tuple[int, str]]


def sources(*folders: str) -> list[Path]:
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return sorted(file for file in found if "migrations" not in file.parts)


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def owner_not_named(tree: ast.AST) -> Offences:
    """`.objects` of anything but a global model is followed by `.for_user(`."""
    above = parents(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "objects":
            following = above[node]
            scoped = isinstance(following, ast.Attribute) and following.attr == "for_user"
            if not scoped and ast.unparse(node.value).rpartition(".")[2] not in GLOBAL_NAMES:
                yield node.lineno, f"{ast.unparse(following)}: say whose, with .objects.for_user(user)"


def unscoped(tree: ast.AST) -> Offences:
    """`.unscoped` writes in bulk, or names the owner itself, or reads in the role of the dispatcher or an operator."""
    above = parents(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in UNSCOPED and not allowed(node, above):
            yield node.lineno, f"{ast.unparse(above[node])}: begin with .objects.for_user(user)"


def allowed(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    following = above[node]
    if isinstance(following, ast.Attribute) and following.attr in ("bulk_create", "bulk_update"):
        return True
    call = above.get(following)
    if isinstance(call, ast.Call) and {keyword.arg for keyword in call.keywords} & {"user", "user_id"}:
        return True
    while node in above:
        node = above[node]
        if isinstance(node, ast.With) and any("as_role(" in ast.unparse(item) for item in node.items):
            return True
    return False


def chooses_unscoped(tree: ast.AST) -> Offences:
    """What Django would look up by itself, it looks up among the rows of all users."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        if name in CHOOSERS:
            yield node.lineno, f"{name}: use owned_or_404, or a plain form field and a look-up by for_user"


def long_functions(tree: ast.AST) -> Offences:
    """A function fits on a screen, unless it is a plain list without a turn, which is read as a table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            is_table = all(isinstance(line, ast.Expr | ast.Assign) for line in node.body)
            if length > LONGEST_FUNCTION and not is_table:
                yield node.lineno, f"{node.name} has {length} lines: split it where its comments would go"


@pytest.mark.parametrize("rule", [owner_not_named, unscoped, chooses_unscoped, long_functions])
def test_the_code_keeps_the_rule(rule: Callable[[ast.AST], Offences]) -> None:
    assert [
        f"{file.relative_to(ROOT)}:{line}: {words}"
        for file in sources(*APPS)
        for line, words in rule(ast.parse(file.read_text()))
    ] == []


@pytest.mark.parametrize(
    ("rule", "code", "found"),
    [
        (owner_not_named, "Contact.objects.for_user(me).get(pk=pk)", False),
        (owner_not_named, "Contact.objects.filter(pk=pk)", True),
        (owner_not_named, "models.Contact.objects.all()", True),
        (owner_not_named, "rows = model.objects", True),
        (owner_not_named, "User.objects.get(email=email)", False),
        (unscoped, "Contact.unscoped.bulk_create(rows)", False),
        (unscoped, "Contact.unscoped.filter(pk=pk)", True),
        (unscoped, "Contact._default_manager.filter(user=me)", False),
        (unscoped, "Contact._base_manager.get(pk=pk)", True),
        (unscoped, "with as_role('dispatch'):\n    Job.unscoped.get(pk=pk)", False),
        (unscoped, "with acting_as(me):\n    Job.unscoped.get(pk=pk)", True),
        (chooses_unscoped, "class F(forms.ModelForm): pass", True),
        (chooses_unscoped, "company = forms.ModelChoiceField(rows)", True),
        (chooses_unscoped, "company = forms.ChoiceField(choices)", False),
        (chooses_unscoped, "get_object_or_404(Contact, pk=pk)", True),
        (long_functions, "def f():\n" + "    pass\n" * LONGEST_FUNCTION, True),
        (long_functions, "def f():\n" + "    pass\n" * (LONGEST_FUNCTION - 1), False),
        (long_functions, "def f():\n" + "    track(1)\n" * LONGEST_FUNCTION, False),
    ],
)
def test_the_rule_sees_what_it_should(rule: Callable[[ast.AST], Offences], code: str, found: bool) -> None:
    assert bool(list(rule(ast.parse(code)))) is found


def test_files_stay_short_enough_to_read() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in sources(*APPS, "tests", "bench")}
    assert {str(file.relative_to(ROOT)): n for file, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_command_is_run_by_a_test() -> None:
    commands = {file.stem for file in sources(*APPS) if file.parent.name == "commands"} - {"__init__"}
    others = [file for file in sources("tests") if file != Path(__file__)]
    tests = "\n".join(file.read_text() for file in others)
    named = {command for command in commands if re.search(rf"""["']{command}["' ]""", tests)}
    assert commands - named == set(), "Write a test that runs it."
