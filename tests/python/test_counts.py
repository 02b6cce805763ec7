"""The line that scripts/test ends with is the sum of what its junit files say."""

import count_tests

CTEST = """<testsuite><testcase name="a" status="run"/><testcase name="b" status="fail"><failure message=""/></testcase>
<testcase name="c" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
<testcase name="d" status="disabled"/></testsuite>"""
PYTEST = """<testsuites><testsuite><testcase name="e"/><testcase name="f"><error message=""/></testcase>
<testcase name="g"><skipped/></testcase></testsuite></testsuites>"""


def test_every_outcome_is_counted(tmp_path, capsys):
    (tmp_path / "release.xml").write_text(CTEST)
    (tmp_path / "python.xml").write_text(PYTEST)
    assert count_tests.main(str(tmp_path)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 2 failed, 3 skipped"


def test_nothing_run_is_a_failure(tmp_path, capsys):
    assert count_tests.main(str(tmp_path)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"
