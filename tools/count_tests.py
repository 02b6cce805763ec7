"""Adds up the junit files of a test run: names what failed or was skipped, then one line `N passed, N failed, N skipped`."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def main(folder: str) -> int:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sorted(Path(folder).glob("*.xml")):
        for case in ElementTree.parse(path).iter("testcase"):
            result = outcome(case)
            counts[result] += 1
            if result != "passed":
                print(f"{result}: {path.stem}: {case.get('name')}")
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
