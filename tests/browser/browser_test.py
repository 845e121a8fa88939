#!/usr/bin/env python3
"""The harness: pages are used as people use them, and what goes wrong on one is heard. Usage: browser_test.py WORK"""

import pathlib
import shutil
import sys
import unittest

from browser import Browser, require_browser

WORK = pathlib.Path(sys.argv.pop(1)).resolve()

PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>A page</title>
<style>@media (prefers-color-scheme: dark) { body { color: rgb(1, 2, 3) } }</style>
<p style="margin-top: 3000px">
<button onclick="this.textContent = ++count">0</button><input onkeydown="last = event.key">
<a id="next" href="#next">next</a><a id="save" download="data.csv" href="data:text/csv,a,b">save</a>
<script>let count = 0, last = "";</script>"""


class Harness(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        cls.browser = cls.enterClassContext(Browser(WORK))

    def page(self, body=PAGE, **how):
        file = WORK / "page.html"
        file.write_text(body)
        return self.browser.open(file, **how)

    def test_a_page_is_used_as_a_person_uses_it(self):
        page = self.page(width=400, dark=True, fragment="there")
        self.assertEqual(page.run("[document.title, innerWidth, location.hash]"), ["A page", 400, "#there"])
        self.assertEqual(page.run("getComputedStyle(document.body).color"), "rgb(1, 2, 3)")
        page.click("button")
        page.press("Enter")
        self.assertEqual(page.wait("count == 2 && document.querySelector('button').textContent"), "2")
        page.press("Tab")
        page.press("a")
        page.type("bc")
        self.assertEqual(page.run("[last, document.querySelector('input').value]"), ["a", "abc"])
        page.click("#next")
        page.wait("location.hash == '#next'")
        page.back()
        page.wait("location.hash == '#there'")
        page.click("#save")
        page.wait("new Promise(done => setTimeout(() => done(true), 200))")
        self.assertEqual((self.browser.downloads / "data.csv").read_text(), "a,b")
        self.assertEqual(page.complaints, [])
        self.assertEqual({url.split("#")[0] for url in page.requests}, {(WORK / "page.html").as_uri()})
        page.screenshot(WORK / "page.png")
        self.assertTrue((WORK / "page.png").read_bytes().startswith(b"\x89PNG"))

    def test_without_scripts(self):
        body = "<p id=it>as written</p><script>it.textContent = 'by a script'</script>"
        self.assertIn(">by a script<", self.page(body).html())
        self.assertIn(">as written<", self.page(body, scripts=False).html())

    def test_what_is_wrong_with_a_page_is_heard(self):
        for body, complaint in (("<script>throw Error('mine')</script>", "mine"),
                                ("<script>Promise.reject(Error('late'))</script>", "late"),
                                ("<script>console.error('said', 3)</script>", "said 3"),
                                ("<script>alert('look')</script>", "look"),
                                ("<img src='none.png'>", "none.png"),
                                ("<img src='http://example.org/a.png'>", "example.org")):
            with self.subTest(body):
                page = self.page(body)
                page.run("new Promise(done => setTimeout(done, 100))")
                self.assertEqual(len(page.complaints), 1, page.complaints)
                self.assertIn(complaint, page.complaints[0])

    def test_what_is_not_there_or_covered_is_not_clicked(self):
        page = self.page("<button>a</button><div style='position: fixed; inset: 0'></div>")
        for selector, reason in (("b", "no such element"), ("button", "covered")):
            with self.assertRaisesRegex(RuntimeError, reason):
                page.click(selector)
        with self.assertRaises(TimeoutError):
            page.wait("false", seconds=0.1)
        with self.assertRaisesRegex(RuntimeError, "nothing_such"):
            page.run("nothing_such")


if __name__ == "__main__":
    require_browser()
    unittest.main()
