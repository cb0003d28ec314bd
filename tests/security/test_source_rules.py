"""Read from the code: no text of a stranger can reach a shell, SQL, markup, an unpickler or the network."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for top in ("engine", "dashboard", "sample_data", ".ci") for p in (ROOT / top).rglob("*.py"))
SCRIPTS = sorted((ROOT / "dashboard").rglob("*.js"))
NEVER_CALLED = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execvp", "os.startfile",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "dill.loads", "joblib.load", "shelve.open",
    "marshal.loads", "yaml.load", "yaml.unsafe_load", "pd.read_pickle", "pandas.read_pickle", "torch.jit.load",
    "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp", "st.html_unsafe",
}  # fmt: skip
NETWORK = {"requests", "urllib.request", "urllib3", "http.client", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib",
           "xmlrpc", "fsspec", "paramiko"}  # fmt: skip
QUOTING = {"int", "float", "quoted", "quoted_texts"}
MAY_USE_NETWORK = {".ci/smoke.py"}
MARKUP = ("st.markdown", "st.html", "st.write", "st.caption", "st.title", "st.header", "st.subheader")
DANGEROUS_SCRIPT = re.compile(
    r"\.(innerHTML|outerHTML|srcdoc)\b|insertAdjacentHTML|document\.write|\beval\(|new Function\(|DOMParser|"
    r"createContextualFragment|setTimeout\(\s*[\"'`]|javascript:|\bimport\(|XMLHttpRequest|\bfetch\(|WebSocket|"
    r"postMessage|https?://(?!www\.w3\.org/)"
)


def dotted(node: ast.expr) -> str:
    """`os.path.join` of the expression that names it; empty for another."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value) or '?'}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def named(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def is_fixed(node: ast.expr | None) -> bool:
    """Whether a text is written in the code."""
    if isinstance(node, ast.BinOp):
        return is_fixed(node.left) and is_fixed(node.right)
    return isinstance(node, ast.Constant)


def faults(path: Path) -> Iterator[str]:
    """What is forbidden in a file, as sentences."""
    where = path.relative_to(ROOT).as_posix()
    for name, call in calls(path):
        line = f"{where}:{call.lineno}"
        if name in NEVER_CALLED:
            yield f"{line} calls {name}"
        shell = named(call, "shell")
        if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
            yield f"{line} gives a command to a shell"
        if (
            name.startswith("subprocess.")
            and call.args
            and not isinstance(call.args[0], ast.List | ast.Name | ast.Call)
        ):
            yield f"{line} starts a program from a text"
        if name.endswith(("torch.load", "np.load", "numpy.load")):
            wanted = ("weights_only", True) if "torch" in name else ("allow_pickle", False)
            given = named(call, wanted[0])
            if not (isinstance(given, ast.Constant) and given.value is wanted[1]):
                yield f"{line} opens a file without {wanted[0]}={wanted[1]}"
        trust = named(call, "trust_remote_code")
        if trust is not None and not (isinstance(trust, ast.Constant) and trust.value is False):
            yield f"{line} may run a stranger's code"
        if named(call, "unsafe_allow_html") is not None or named(call, "unsafe_allow_javascript") is not None:
            yield f"{line} lets markup through"
        is_sql = name.split(".")[-1] in ("text", "execute", "executemany", "exec_driver_sql", "read_sql")
        if is_sql and name not in ("st.text", "self.text") and call.args and made_of_texts(call.args[0]):
            yield f"{line} puts a value into SQL"
        if name in MARKUP and call.args and shows_a_strangers_column(call.args[0]):
            yield f"{line} shows a stranger's text as markup"
    for module in imported(path) & NETWORK:
        if where not in MAY_USE_NETWORK:
            yield f"{where} imports {module}"


def made_of_texts(node: ast.expr) -> bool:
    """Whether SQL is put together from values that are neither numbers nor quoted."""
    if isinstance(node, ast.JoinedStr):
        parts = [one.value for one in node.values if isinstance(one, ast.FormattedValue)]
        return any(not (isinstance(one, ast.Call) and dotted(one.func) in QUOTING) for one in parts)
    if isinstance(node, ast.BinOp):
        return not is_fixed(node)
    return isinstance(node, ast.Call) and dotted(node.func).endswith(".format")


def shows_a_strangers_column(node: ast.expr) -> bool:
    """Whether a text has a caption, image, label or id of a table in it."""
    columns = {"caption", "image", "label", "pair_id", "split", "source", "true_label", "predicted_label", "thumbnail"}
    for one in ast.walk(node):
        if isinstance(one, ast.Subscript) and isinstance(one.slice, ast.Constant) and one.slice.value in columns:
            return True
        if isinstance(one, ast.Attribute) and one.attr in columns and isinstance(one.value, ast.Name):
            return one.value.id in ("row", "pair", "tile")
    return False


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for full in found for name in (full, full.partition(".")[0])}


def test_no_source_holds_a_dangerous_call() -> None:
    assert len(SOURCES) > 200
    assert [sentence for path in SOURCES for sentence in faults(path)] == []


def test_no_script_makes_markup_or_talks_to_another_machine() -> None:
    assert len(SCRIPTS) > 5
    found = [
        f"{path.name}:{number} {line.strip()[:80]}"
        for path in SCRIPTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if DANGEROUS_SCRIPT.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["import os\nos.system(x)", "import subprocess\nsubprocess.run(f'ls {x}', shell=True)",
     "import subprocess\nsubprocess.run(f'ls {x}')", "import pickle\npickle.load(x)", "import torch\ntorch.load(x)",
     "import torch\ntorch.load(x, weights_only=False)", "import numpy as np\nnp.load(x)", "eval(x)", "import requests",
     "from urllib import request", "import urllib.request", "c.execute(f'SELECT {x}')", "c.execute(text('a' + x))",
     "text('a {}'.format(x))", "AutoModel.from_pretrained(x, trust_remote_code=True)",
     "AutoModel.from_pretrained(x, trust_remote_code=t)", "st.markdown(x, unsafe_allow_html=True)",
     "st.caption(f\"{pair['caption']}\")", "st.markdown(row.caption)"],
)  # fmt: skip
def test_the_rules_find_what_they_forbid(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "x.py").write_text(code)
    assert list(faults(tmp_path / "x.py")) != []


def test_the_rules_let_through_what_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "x.py").write_text(
        "import subprocess\nsubprocess.run(['ls', x])\nc.execute(f'SET lock_timeout = {int(x)}')\n"
        "st.text(pair['caption'])\nnp.load(x, allow_pickle=False)\nmodel.eval()\nre.compile('x')\n"
        "st.markdown('**x** ' + 'y')"
    )
    assert list(faults(tmp_path / "x.py")) == []
    assert not DANGEROUS_SCRIPT.search("node.textContent = caption;")
