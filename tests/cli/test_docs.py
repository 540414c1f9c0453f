"""`vch docs`: a module or a script as Markdown and as a document, and the reference of the language."""

from __future__ import annotations

from tests.cli.harness import Project, vch
from vchlang.cli.docs import modules


def test_a_module_of_the_standard_library() -> None:
    assert "std/loaders" in modules()
    for module in modules():
        answer = vch("docs", module)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith(f"# {module}\n")
    missing = vch("docs", "std/laoders")
    assert (missing.code, missing.out) == (3, "") and "did you mean `std/loaders`?" in missing.err


def test_a_script(project: Project) -> None:
    script = project.write("x.vch", "## Small.\n\n## How much.\nparam size: Bytes = 1GiB\n## It.\noutput a = size\n")
    answer = vch("docs", script)
    assert (answer.code, answer.err) == (0, "")
    assert "| `size` | `Bytes` | `1GiB` | How much. |" in answer.out and "| `a` |  | It. |" in answer.out
    found = vch("docs", script, "--format", "json").json()
    assert (found["format_version"], found["script"], found["doc"]) == (1, True, "Small.")
    assert found["params"] == [
        {
            "name": "size",
            "type": "Bytes",
            "doc": "How much.",
            "default": "1GiB",
            "where": "",
            "message": "",
            "clause": "",
        }
    ]


def test_what_cannot_be_described(project: Project) -> None:
    answer = vch("docs", project.write("x.vch", "let a = = 1\n"))
    assert (answer.code, answer.out) == (3, "") and "error[syntax]" in answer.err
    assert vch("docs", "nowhere.vch").code == 3
    assert vch("docs").code == 2
    assert vch("docs", "x.vch", "--reference", "out").code == 2


def test_the_reference_is_written_once(project: Project) -> None:
    first = vch("docs", "--reference", "out")
    assert (first.code, first.out) == (0, "") and "wrote out/grammar.md" in first.err
    project.write("out/std-gone.md", "old")
    before = (project.root / "out" / "grammar.md").stat().st_mtime_ns
    second = vch("docs", "--reference", "out")
    assert (second.code, second.err) == (0, "removed std-gone.md: its module is gone\n")
    assert (project.root / "out" / "grammar.md").stat().st_mtime_ns == before
    project.write("file", "")
    assert vch("docs", "--reference", "file").code == 3
