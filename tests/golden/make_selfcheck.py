"""The test data itself: the bits that both sides must agree on before any other golden means something."""

from common import Golden, fill

golden = Golden("selfcheck")
golden.add("unit", fill("selfcheck.unit", (2, 13)))
golden.add("range", fill("selfcheck.range", (127,), -0.3, 5.7))
golden.save()
