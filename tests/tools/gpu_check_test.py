#!/usr/bin/env python3
"""tools/gpu_check with programs that stand in for the driver, the toolkit and the build. Usage: gpu_check_test.py TOOLS"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(sys.argv.pop(1)).resolve()
# What the script itself uses; no driver and no toolkit is among them.
COMMANDS = "bash cat command cp date dirname env git grep head ls mkdir nproc printf readlink sed sh sort tail timeout tr".split()

STAND_INS = {
    "nvidia-smi": """case "$*" in
  *query-gpu=name,*) echo "Card X, 1000 MiB, 9.0, 2000 MHz, 700 W" ;;
  *query-gpu=name*) echo "Card X" ;;
  *driver_version*) echo 600.1 ;;
  *compute_cap*) echo 9.0 ;;
esac""",
    "nvcc": 'echo "Cuda compilation tools, release 13.0, V13.0.88"',
    "dpkg-query": 'echo "install ok installed"',
    "cmake": 'echo "cmake $*"; echo "$*" >>"$CALLS"; [ ! -e "$BROKEN/build" ]',
    "ctest": """echo "ctest $*" >>"$CALLS"
echo " 1/2 Test #1: relu on the GPU .... Passed 0.1 sec"
[ -e "$BROKEN/tests" ] || { echo; echo "100% tests passed, 0 tests failed out of 2"; exit 0; }
echo " 2/2 Test #2: add on the GPU ....***Failed 0.1 sec"
echo "test_add.cpp:7: ERROR: CHECK( 1 == 2 ) is NOT correct!"
echo
echo "50% tests passed, 1 tests failed out of 2"
echo "The following tests FAILED:"
echo "	  2 - add on the GPU (Failed)"
exit 8""",
    "compute-sanitizer": """echo "$*" >>"$CALLS"
echo "========= COMPUTE-SANITIZER"
[ ! -e "$BROKEN/sanitizer" ] || { echo "========= Invalid __global__ read of size 4 bytes"
  echo "========= ERROR SUMMARY: 1 error"; exit 9; }
echo "========= ERROR SUMMARY: 0 errors\"""",
}
BUILT = {
    "tools/backlight": 'echo "cuda:0  Card X"',
    "tools/bench/backlight-bench": """case $1 in
  explain) echo "$*" >>"$CALLS"; echo "| resnet50 | 1.0 | 3.0 | 2.0 | 1.5 |"; [ ! -e "$BROKEN/networks" ] ;;
  kernels) echo "# Kernels of the study" ; echo "| relu | 12.5 |"; [ ! -e "$BROKEN/kernels" ] ;;
esac""",
}


def script(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


class GpuCheck(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        (self.root / "tools").mkdir()
        for name in ("gpu_check", "setup.sh"):
            shutil.copy(TOOLS / name, self.root / "tools" / name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for name in COMMANDS:
            if path := shutil.which(name):
                (self.bin / name).symlink_to(path)
        self.broken = self.root / "broken"
        self.broken.mkdir()
        self.calls = self.root / "calls"
        self.report = self.root / "report.md"

    def place_stand_ins(self):
        for name, body in STAND_INS.items():
            script(self.bin / name, body)
        (self.root / "include").mkdir()
        (self.root / "include" / "cudnn_version.h").write_text(
            "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 19\n#define CUDNN_PATCHLEVEL 0\n")
        for name, body in BUILT.items():
            script(self.root / "build" / "gpu" / name, body)
        self.calls.write_text("")

    def check(self, *arguments):
        environment = {"PATH": str(self.bin), "HOME": str(self.root), "CALLS": str(self.calls),
                       "BROKEN": str(self.broken)}
        return subprocess.run(
            [self.root / "tools" / "gpu_check", "-o", self.report, *arguments], cwd=self.root, env=environment,
            capture_output=True, text=True, timeout=60)

    def test_without_a_gpu_it_says_so_and_does_nothing(self):
        # The script looks in the driver's and toolkit's usual folders, too, so the rest may be there.
        if pathlib.Path("/usr/local/nvidia/bin/nvidia-smi").exists():
            self.skipTest("a driver is installed")
        result = self.check()
        self.assertEqual(result.returncode, 5)
        self.assertIn("gpu_check: no GPU: nvidia-smi", result.stderr)
        self.assertIn("nothing was built or measured", result.stderr)
        self.assertFalse(self.report.exists())
        self.assertFalse((self.root / "build").exists())

    def test_every_part_is_in_the_report(self):
        self.place_stand_ins()
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stderr)
        report = self.report.read_text()
        for part in ("# backlight on Card X, 20", "driver: 600.1", "toolkit: V13.0.88", "cuDNN: 9.19.0",
                     "cuda:0  Card X", "100% tests passed", "memcheck:", "racecheck:", "0 errors", "### tf32, batch 8",
                     "| resnet50 | 1.0 |", "## Kernels of the study", "| relu | 12.5 |"):
            self.assertIn(part, report)
        self.assertNotIn("Failed", report)
        calls = self.calls.read_text()
        self.assertIn("-DBACKLIGHT_CUDA=REAL -DBACKLIGHT_TEST_GPU=ON -DBACKLIGHT_ALL_ARCHITECTURES=ON", calls)
        self.assertIn("-UCMAKE_CUDA_ARCHITECTURES", calls)
        self.assertIn("-L ^nvcc$ --no-tests=error", calls)
        self.assertIn("--tool memcheck", calls)
        self.assertIn("--device cuda:0 --repeat 50 --precision f16 --batch 8", calls)

    def test_what_fails_is_reported_and_the_rest_goes_on(self):
        self.place_stand_ins()
        for part in ("build", "tests", "sanitizer", "networks", "kernels"):
            (self.broken / part).touch()
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("12 failed; the report is", result.stderr)
        report = self.report.read_text()
        for part in ("**Failed: the build**", "**Failed: what nvcc says of the kernels**", "**Failed: the tests**",
                     "2 - add on the GPU (Failed)",
                     "test_add.cpp:7: ERROR", "**Failed: memcheck**", "Invalid __global__ read", "1 error",
                     "**Failed: networks, f16, batch 8**", "| relu | 12.5 |", "**Failed: the kernels' times**"):
            self.assertIn(part, report)

    def test_single_steps_can_be_asked_for(self):
        self.place_stand_ins()
        self.assertEqual(self.check("kernels").returncode, 0)
        self.assertIn("Kernels of the study", self.report.read_text())
        self.assertNotIn("resnet50", self.report.read_text())
        self.assertEqual(self.calls.read_text(), "")

    def test_a_report_is_not_overwritten(self):
        self.place_stand_ins()
        self.report.write_text("earlier")
        result = self.check()
        self.assertEqual(result.returncode, 2)
        self.assertIn("is there already", result.stderr)
        self.assertEqual(self.report.read_text(), "earlier")

    def test_an_unknown_step_is_refused(self):
        self.assertEqual(self.check("everything").returncode, 2)


if __name__ == "__main__":
    unittest.main()
