"""The format of docs/how-to/add-a-format.md works as the page says."""

from pathlib import Path

from tukar.testing.pages import code_blocks, run_blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/add-a-format.md"

_, example = run_blocks(PAGE, "src/tukar/formats/npy.py", "tests/formats/test_npy.py")
globals().update({name: value for name, value in vars(example).items() if name.lower().startswith("test")})


def test_the_page_shows_the_registry_and_one_line_more() -> None:
    path = "src/tukar/formats/__init__.py"
    shown = code_blocks(PAGE)[path]
    assert shown.count("    Npy(),\n") == 1
    assert shown.replace("    Npy(),\n", "") in (ROOT / path).read_text()
