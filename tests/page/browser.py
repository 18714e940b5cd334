"""Opens a report's page in Chromium, and checks it as a person would use it.

usage: browser.py REPORT CHECK...

Prints each check, and "ok" at the end. KEYTRAIL_AXE names a folder with axe.min.js.
"""

import base64
import json
import os
import pathlib
import sys
import tempfile

import duckdb
from selenium import webdriver
from selenium.webdriver.common.by import By

REPORT = pathlib.Path(sys.argv[1]).resolve()
ADDRESS = (REPORT / "report.html").as_uri()
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1300,1000"]


def start(*flags):
    options = webdriver.ChromeOptions()
    for flag in [*FLAGS, *flags]:
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path="/usr/bin/chromedriver", env={**os.environ, "HOME": scratch})
    return webdriver.Chrome(options=options, service=service)


def requests(driver):
    """No request leaves, and no script fails."""
    urls = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    foreign = [url for url in urls if url.split("#")[0] != ADDRESS and not url.startswith("data:")]
    assert not foreign, foreign
    assert urls, "the page itself was not seen"
    problems = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not problems, problems


def shown(table):
    script = "return [...arguments[0].tBodies[0].rows].filter(row => row.getClientRects().length > 0).length"
    return table.parent.execute_script(script, table)


def filters(driver):
    """Filters give what DuckDB gives."""
    os.chdir(REPORT)
    compared = 0
    for word in ["decrypt", "denied", "111122223333", "zzz-nothing"]:
        for table in ["usage", "keys-table", "findings-table"]:
            found = driver.find_elements(By.ID, table)
            if not found or not found[0].get_attribute("data-sql"):
                continue
            box = driver.execute_script("return arguments[0].parentElement.previousElementSibling.querySelector('input')", found[0])
            if box is None:
                continue
            box.clear()
            box.send_keys(word)
            sql = found[0].get_attribute("data-sql")
            rows = [list(row.values()) for row in duckdb.connect().sql(sql).to_arrow_table().to_pylist()]
            # What the page's rows say: a key's id and place are parts of its ARN.
            expected = sum(any(word in str(value).lower() for value in row if value is not None) for row in rows)
            have = shown(found[0])
            assert have == expected, (table, word, have, expected)
            compared += 1
            box.clear()
            driver.execute_script("arguments[0].dispatchEvent(new Event('input'))", box)
    assert compared > 3, compared
    # A counter leads to its rows.
    for link in driver.find_elements(By.CSS_SELECTOR, "a[data-filter^=severity], a[data-filter^=status]"):
        tables = driver.find_elements(By.ID, "findings-table")
        if tables and tables[0].find_elements(By.CSS_SELECTOR, "tbody tr:nth-child(2)"):
            driver.execute_script("arguments[0].click()", link)
            value = int(link.find_element(By.TAG_NAME, "data").get_attribute("value"))
            assert shown(tables[0]) == value, (link.text, value)


def sorting(driver):
    """A click on a head sorts, and another one turns the order round."""
    table = driver.find_element(By.ID, "usage")
    head = table.find_elements(By.CSS_SELECTOR, "th")[5]
    assert "number" in head.get_attribute("class")
    values = lambda: [int(cell.text.replace(",", "")) for cell in table.find_elements(By.CSS_SELECTOR, "tbody td:nth-child(6)") if cell.text]
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert values() == sorted(values(), reverse=True)
    head.find_element(By.TAG_NAME, "button").click()
    assert values() == sorted(values())


def printing(driver):
    """It prints, with a page for each key at least."""
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "paperWidth": 8.27, "paperHeight": 11.69})
    pdf = base64.b64decode(printed["data"])
    assert pdf.startswith(b"%PDF") and len(pdf) > 100_000, len(pdf)
    parts = driver.find_elements(By.CSS_SELECTOR, "section.breaks")
    # What a filter hides is on paper all the same.
    box = driver.find_element(By.CSS_SELECTOR, "#findings input")
    box.send_keys("nothing-has-this-word")
    again = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "paperWidth": 8.27, "paperHeight": 11.69})
    assert len(base64.b64decode(again["data"])) > len(pdf) * 0.9, (len(again["data"]), len(printed["data"]))
    box.clear()
    driver.execute_script("arguments[0].dispatchEvent(new Event('input'))", box)
    assert pdf.count(b"/Type /Page\n") >= len(parts), (pdf.count(b"/Type /Page\n"), len(parts))


def plain(_):
    """Without JavaScript everything is there to read."""
    driver = start("--blink-settings=scriptEnabled=false")
    try:
        driver.get(ADDRESS)
        assert not driver.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
        assert driver.find_element(By.ID, "usage").is_displayed()
        assert not driver.find_elements(By.CSS_SELECTOR, ".bar")
        assert driver.find_element(By.ID, "sign").is_displayed()
    finally:
        driver.quit()


def narrow(driver):
    """On a telephone, only tables and pictures move sideways, each in its own box."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
    wide = driver.execute_script("""
        const inBox = (e) => e.closest('.table, .picture');
        return [document.scrollingElement.scrollWidth, [...document.querySelectorAll('main *, header *, nav *')]
            .filter((e) => !inBox(e) && e.getBoundingClientRect().right > 361 && e.getClientRects().length).slice(0, 5).map((e) => e.outerHTML.slice(0, 150))]""")
    assert wide == [360, []], wide
    boxes = driver.execute_script("return [...document.querySelectorAll('.table, .picture')].filter(e => e.scrollWidth > e.clientWidth).length")
    assert boxes > 3, boxes
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def hostile(driver):
    """Nothing of a record became an element or ran."""
    assert driver.execute_script("return window.pwned === undefined")
    assert len(driver.find_elements(By.TAG_NAME, "script")) == 1
    assert not driver.find_elements(By.CSS_SELECTOR, "img, iframe, object, embed, form, link, base")
    assert "<script>" in driver.find_element(By.TAG_NAME, "main").text
    attributes = driver.execute_script(
        "return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.name)).filter(n => n.startsWith('on') || n === 'style')")
    assert not attributes, attributes


def axe(driver):
    """axe-core finds no serious fault, in light and in dark."""
    script = (pathlib.Path(os.environ["KEYTRAIL_AXE"]) / "axe.min.js").read_text(encoding="utf-8")
    for _ in range(2):
        driver.execute_script(script)
        found = driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
        assert found["passes"], "axe did nothing"
        faults = [(v["id"], v["impact"], len(v["nodes"]), v["nodes"][0]["html"][:200]) for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert not faults, faults
        driver.find_element(By.ID, "theme").click()


with tempfile.TemporaryDirectory() as scratch:
    browser = start()
    try:
        # axe needs minutes on a machine that has much else to do.
        browser.command_executor.client_config.timeout = 600
        browser.set_script_timeout(500)
        browser.get(ADDRESS)
        for name in sys.argv[2:]:
            if name == "axe" and "KEYTRAIL_AXE" not in os.environ:
                assert os.environ.get("KEYTRAIL_REQUIRE_ALL") != "1", "KEYTRAIL_AXE is not set"
                print("SKIPPED axe: KEYTRAIL_AXE is not set")
                continue
            globals()[name](browser)
            print(name)
    finally:
        browser.quit()
print("ok")
