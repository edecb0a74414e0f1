"""Keys in a real browser: made, shown once, used in a tab, revoked; a report opened with one."""

from __future__ import annotations

import json

from service.access.scopes import Scope
from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker, submit
from tests.service.pages.chromium import Browser
from tests.service.reports import samples

NEVER_MADE = "np_none"
SCRIPT = """(() => {
    const script = document.createElement('script');
    script.append('window.ran = true');
    document.body.append(script);
})()"""


def make_a_key(page: Browser, name: str) -> str:
    """With every scope."""
    page.go("/keys")
    page.wait_for_text("This is the first key")
    page.type("Name", name)
    ticked = "[...document.querySelectorAll('fieldset input:checked')].map((one) => one.value)"
    assert page.look(ticked) == [Scope.ADMIN]
    page.click("Make the key")
    return str(page.wait("document.querySelector('.secret')?.textContent"))


def use(page: Browser) -> None:
    """The key that was just made; until then nothing is answered any more."""
    page.click("Use it in this tab")
    page.wait("sessionStorage.getItem('polarizer-key')")
    page.wait("document.querySelectorAll('td .badge.succeeded').length === 1")
    page.wait_for_text("with the key")
    assert page.look("document.querySelectorAll('main [role=alert]').length") == 0


def test_a_key_is_shown_once_and_stays_in_the_tab(page: Browser, small_site: Site) -> None:
    page.go("/keys")
    page.wait_for_text("without a key")
    key = make_a_key(page, "mine")
    headers = {"Authorization": f"Bearer {key}"}
    assert small_site.client.get("/v1/whoami", headers=headers).status_code == 200
    use(page)
    page.go("/defenses")
    page.wait_for_text("There are none yet.")
    page.wait(f"sessionStorage.getItem('polarizer-key') === {json.dumps(key)}")
    assert page.look("localStorage.length + document.cookie.length") == 0
    assert key not in page.look("document.documentElement.outerHTML")
    page.wait("document.querySelector('.command pre').textContent.includes('$POLARIZER_API_KEY')")


def test_a_key_is_revoked(page: Browser, small_site: Site) -> None:
    key = make_a_key(page, "first <b>")
    use(page)
    with_key = {"Authorization": f"Bearer {key}"}
    body = {"name": "second", "scopes": ["read"]}
    made = small_site.client.post("/v1/keys", json=body, headers=with_key).json()
    page.go("/defenses")
    page.wait_for_text("There are none yet.")
    page.go("/keys")
    page.wait_for_text("first <b>")
    page.wait_for_text(made["id"])
    page.look("void (window.confirm = (text) => { window.asked = text; return true; })")
    page.look(
        "[...document.querySelectorAll('tr')]"
        f".find((row) => row.textContent.includes({json.dumps(made['id'])}))"
        ".querySelector('button').click()"
    )
    page.wait_for_text("revoked")
    assert "second" in page.look("window.asked")
    shown = small_site.client.get(f"/v1/keys/{made['id']}", headers=with_key).json()
    assert shown["revoked_at"] is not None


def test_a_key_that_is_not_good_is_told(page: Browser, small_site: Site) -> None:
    page.go("/keys")
    page.wait_for_text("without a key")
    page.type("Key", NEVER_MADE)
    page.click("Use it")
    page.wait("document.querySelectorAll('main [role=alert]').length === 2")
    page.click("Forget it")
    page.wait_for_text("without a key")
    page.forgive(401)


def test_the_whole_report_is_opened_with_a_key(
    page: Browser, small_site: Site, small_worker: Worker
) -> None:
    defense_id = submit(small_site).json()["id"]
    stored = samples.everything(("<b>one</b>", "two", "three")).model_dump_json().encode()
    small_worker.succeed(small_worker.claim(defense_id), stored)
    plain = f"/v1/defenses/{defense_id}/report"
    whole = (
        "[...document.querySelectorAll('main a')].find((one) => one.textContent.includes('whole'))"
    )
    page.go(f"/reports/{defense_id}")
    page.wait(f"{whole}?.getAttribute('href') === {json.dumps(plain)}")
    key = make_a_key(page, "reader")
    use(page)
    page.go(f"/reports/{defense_id}")
    address = page.wait(f"/^blob:/.test({whole}?.href ?? '') && {whole}.href")
    with page.another(lambda: page.look(f"{whole}.click()")) as tab:
        tab.wait("document.querySelector('main')?.innerText.includes('Before and after')")
        assert tab.look("location.href") == address
        styled = "getComputedStyle(document.querySelector('.verdict')).borderRadius"
        assert tab.look(styled) == "6px"
        assert "<b>one</b>" in tab.look("document.body.innerText")
        assert key not in tab.look("document.documentElement.outerHTML")
        assert tab.look("sessionStorage.length") == 0
        assert tab.look("window.opener") is None
        assert tab.complaints == []
        tab.look(SCRIPT)
        assert tab.look("window.ran === undefined")
