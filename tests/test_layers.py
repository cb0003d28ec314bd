"""The architecture's rules, read from the code: arrows, light imports, small modules."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(p for top in ("engine", "dashboard") for p in (ROOT / top).rglob("*.py"))
TORCH_FREE = ["engine", "engine.pairs", "engine.runs", "engine.review", "engine.review.exports", "engine.batches",
              "engine.config", "engine.errors", "engine.cli", "engine.pipeline", "engine.sample",
              "engine.spreadsheets", "engine.learning", "engine.finetune", "engine.commands", "engine.asking",
              "engine.estimates", "engine.models"]  # fmt: skip


def imported(path: Path) -> set[str]:
    """Top-level names of everything a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def modules_of_ours(path: Path) -> set[str]:
    """Modules of the engine and the dashboard that a file imports by `from`."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name for name in found if name.partition(".")[0] in ("engine", "dashboard")}


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_must_be_light_imports_neither_torch_nor_streamlit(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('torch', 'transformers', 'streamlit') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.strip() == "[]"


def test_no_part_of_the_dashboard_loads_torch() -> None:
    views = {p for p in MODULES if "views" in p.parts or p.name in ("app.py", "server.py", "__main__.py")}
    parts = [p for p in MODULES if p.is_relative_to(ROOT / "dashboard") and p not in views]
    names = sorted({".".join(p.relative_to(ROOT).with_suffix("").parts) for p in parts})
    names += sorted({name for p in views for name in modules_of_ours(p)})
    code = (
        "import sys, importlib; [importlib.import_module(one) for one in sys.argv[1:]]; print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, cwd=ROOT, check=True)
    assert len(names) > 60 and found.stdout.strip() == "False"


def test_the_engine_never_imports_the_dashboard_or_streamlit() -> None:
    guilty = [p for p in MODULES if p.is_relative_to(ROOT / "engine") and imported(p) & {"dashboard", "streamlit"}]
    assert guilty == []


def test_streamlit_stands_only_where_pages_are_made() -> None:
    allowed = {"__main__.py", "server.py", "app.py", "state.py", "cache.py"}
    guilty = [
        p.relative_to(ROOT).as_posix()
        for p in MODULES
        if p.is_relative_to(ROOT / "dashboard") and "streamlit" in imported(p)
        and p.name not in allowed and not {"components", "views"} & set(p.parts)
    ]  # fmt: skip
    assert guilty == []


def test_modules_are_small() -> None:
    lines = {p.relative_to(ROOT).as_posix(): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: n for name, n in lines.items() if n > 350} == {}
    assert median(lines.values()) <= 150


def test_functions_fit_a_screen() -> None:
    long = [
        f"{path.name}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60
    ]
    assert long == []


def test_no_module_hides_behind_a_vague_name() -> None:
    vague = {"utils", "util", "common", "helpers", "misc"}
    assert [p for p in MODULES if p.stem in vague or vague & set(p.parts)] == []


def test_strangers_text_and_files_meet_no_dangerous_call() -> None:
    forbidden = ("unsafe_allow_html", "innerHTML", "pickle.load", "torch.load(", "shell=True", "allow_pickle=True")
    sources = [*MODULES, *(ROOT / "dashboard").rglob("*.js")]
    guilty = [(p.name, word) for p in sources for word in forbidden if word in p.read_text(encoding="utf-8")]
    assert guilty == []
