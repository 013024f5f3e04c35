"""Where a person's browser gets a page, and a program JSON."""

from .site import Site


def test_the_pages_are_served(site: Site) -> None:
    assert site.get("/").headers["content-type"].startswith("text/html")
    assert site.get("/static/style.css").headers["content-type"].startswith("text/css")


def test_no_such_address_is_a_page_for_a_browser_and_json_for_a_program(site: Site) -> None:
    page = site.get("/no/such/address/here", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]

    answer = site.get("/no/such/address/here")
    assert answer.status_code == 404
    assert "error" in answer.json()
