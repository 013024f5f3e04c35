"""Draw what a program printed as a picture of a terminal: ``make demo | python docs/images/terminal.py demo.svg``."""

import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

text = sys.stdin.read().rstrip()
console = Console(record=True, width=max(map(len, text.splitlines())) + 2, file=StringIO())
for line in text.splitlines():
    shown = Text(line)
    shown.highlight_regex("✓.*?(?= |$)", "green")
    shown.highlight_regex("✗.*?(?= |$)", "red")
    shown.highlight_regex(r"(admin|http://)[\w:/.-]+", "cyan")
    shown.highlight_regex(r"^  together.*|^Tukar.*|^Every file.*", "bold")
    console.print(shown)
picture = console.export_svg(title="make run")
# No fonts from elsewhere: a picture in a README must not make its readers' browsers fetch anything.
picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
Path(__file__).with_name(sys.argv[1]).write_text(picture.replace("Fira Code", "DejaVu Sans Mono"))
