from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from comfyflow.batch import migration
from comfyflow.batch.ledger import Ledger, batch_ledger
from comfyflow.batch.migration import APPLICATION_ID, MIGRATIONS
from comfyflow.batch.record import (
    Added,
    Attempt,
    Completed,
    Returned,
    SavedOutput,
    Sent,
    SetAside,
    Settled,
)
from comfyflow.errors import LedgerError

URL = "http://127.0.0.1:8188"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path, create=True) as opened:
        yield opened


def attempt(row: int, server: str = URL) -> Attempt:
    return Attempt(row, server, str(uuid.uuid4()), f"{row:064x}")


def sent(ledger: Ledger, row: int) -> Attempt:
    """A row that was read and is on its way."""
    made = attempt(row)
    assert ledger.write([Added(row, {"seed": row}), Sent(made, 1.0)]) == set()
    return made


def test_a_row_goes_from_pending_to_completed_with_its_files_and_texts(ledger: Ledger) -> None:
    made = sent(ledger, 0)
    assert ledger.attempts() == [made]
    files = (SavedOutput("a.png", "9", 3, "00"), SavedOutput("b.png", "9", 4, "11"))
    ledger.write([Completed(0, made.prompt_id, 2.0, files, {"7": ["hi"]})])
    row = ledger.row(0)
    assert row is not None
    assert (row.state, row.files, row.texts, row.attempts) == ("completed", files, {"7": ["hi"]}, 1)
    assert (row.server, row.prompt_id, row.prompt_hash) == (URL, made.prompt_id, made.prompt_hash)
    assert (row.sent, row.ended, row.failure) == (1.0, 2.0, None)
    assert ledger.attempts() == []
    assert ledger.counts()["completed"] == 1
    assert ledger.size == 1


def test_a_row_that_failed_waits_again_and_how_it_failed_is_kept(ledger: Ledger) -> None:
    first = sent(ledger, 0)
    ledger.write([Returned(0, first.prompt_id, 2.0, "out_of_memory", "no room")])
    second = attempt(0)
    ledger.write([Sent(second, 3.0)])
    ledger.write([SetAside(0, second.prompt_id, 4.0, "failed", "out_of_memory", "no room again")])
    row = ledger.row(0)
    assert row is not None
    assert (row.state, row.failure, row.error, row.attempts) == (
        "failed",
        "out_of_memory",
        "no room again",
        2,
    )
    assert ledger.failures_of(0) == {"out_of_memory": 2}


def test_changes_are_made_together_or_not_at_all(ledger: Ledger) -> None:
    ledger.write([Added(0, {})])
    with pytest.raises(LedgerError, match="UNIQUE"):
        ledger.write([Added(1, {}), Added(0, {})])
    assert ledger.size == 1


def test_a_row_that_somebody_cancels_meanwhile_is_not_sent(path: Path, ledger: Ledger) -> None:
    ledger.write([Added(0, {}), Added(1, {})])
    before = ledger.version
    with Ledger(path) as other:
        assert other.cancel([0]) == 1
    assert ledger.version != before
    assert ledger.write([Sent(attempt(0), 1.0), Sent(attempt(1), 1.0)]) == {0}
    assert [each.row for each in ledger.attempts()] == [1]


def test_retry_takes_up_what_failed_and_leaves_the_rest(ledger: Ledger) -> None:
    for number in range(3):
        made = sent(ledger, number)
        if number < 2:
            ledger.write([SetAside(number, made.prompt_id, 2.0, "failed", "node_error", "it raised")])
    assert ledger.retry([1]) == 1
    assert ledger.retry() == 1
    assert ledger.counts() == {
        "pending": 2, "in_progress": 1, "completed": 0, "failed": 0, "invalid": 0, "cancelled": 0,
    }  # fmt: skip


def test_an_abandoned_prompt_is_known_until_it_is_settled(ledger: Ledger) -> None:
    made = sent(ledger, 0)
    ledger.write([Returned(0, made.prompt_id, 2.0, "abandoned", "away")])
    assert ledger.attempts() == []
    assert ledger.attempts(abandoned=True) == [made]
    ledger.write([Settled(made.prompt_id, 3.0, "cancelled")])
    assert ledger.attempts(abandoned=True) == []


def test_rows_come_in_their_order_a_page_at_a_time(ledger: Ledger) -> None:
    ledger.write([Added(number, {"seed": 2**64 - 1 - number}) for number in range(1203)])
    assert [row.number for row in ledger.rows()] == list(range(1203))
    assert next(ledger.rows(start=1200)).parameters == {"seed": 2**64 - 1201}
    assert list(ledger.rows(("completed",))) == []
    assert [json.loads(text) for text in ledger.parameters(1, 3)] == [
        {"seed": 2**64 - 2},
        {"seed": 2**64 - 3},
    ]


def test_a_row_has_no_files_before_it_is_completed(
    path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sent(ledger, 0)

    def files_later(reader: Ledger, first: int, last: int) -> dict[int, tuple[SavedOutput, ...]]:
        ledger.write([Completed(0, made.prompt_id, 2.0, (SavedOutput("a.png", "9", 3, "00"),))])
        return files_of(reader, first, last)

    files_of = Ledger._files
    with Ledger(path) as reader:
        monkeypatch.setattr(Ledger, "_files", files_later)
        before = reader.row(0)
        monkeypatch.undo()
        after = reader.row(0)
    assert before is not None
    assert (before.state, len(before.files)) == ("in_progress", 0)
    assert after is not None
    assert (after.state, len(after.files)) == ("completed", 1)


def test_processes_that_make_a_ledger_at_once_make_one(path: Path) -> None:
    program = (
        "import sys, pathlib; from comfyflow.batch.ledger import Ledger\n"
        "sys.stdin.readline()\n"
        "with Ledger(pathlib.Path(sys.argv[1]), create=True) as ledger: print(ledger.size)\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate()[0] for each in started] == ["0\n"] * 4


def test_a_second_process_is_told_who_has_the_ledger(path: Path, ledger: Ledger) -> None:
    program = (
        "import sys, pathlib; from comfyflow.batch.ledger import Ledger\n"
        "ledger = Ledger(pathlib.Path(sys.argv[1])); ledger.hold()\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert ledger.holder is not None
        assert ledger.holder.pid == other.pid
        with pytest.raises(LedgerError, match=f"in use by process {other.pid} on "):
            ledger.hold()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert ledger.holder is None
    ledger.hold()


def test_a_ledger_that_was_let_go_can_be_held_again(path: Path, ledger: Ledger) -> None:
    with Ledger(path) as first:
        first.hold()
        with pytest.raises(LedgerError, match="in use by process"):
            ledger.hold()
    ledger.hold()


def test_there_must_be_a_ledger_and_it_must_be_one(path: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="ledger not found"):
        Ledger(path)
    path.write_text("no database " * 100)
    with pytest.raises(LedgerError, match="file is not a database; is that a batch's ledger"):
        Ledger(path)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE things (name)")
    before = other.read_bytes()
    with pytest.raises(LedgerError, match="of another program"):
        Ledger(other)
    assert other.read_bytes() == before
    with pytest.raises(LedgerError, match="unable to open database file; choose an existing folder"):
        Ledger(tmp_path / "nowhere" / "ledger.sqlite", create=True)


def test_a_newer_ledger_is_refused_and_stays_as_it_is(path: Path, ledger: Ledger) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(LedgerError, match="newer comfyflow"):
        Ledger(path)


NEXT = """
    ALTER TABLE row ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
    CREATE INDEX row_note ON row (note)
"""
"""A version that there is not yet: today's ledgers are older than it."""


def fill(ledger: Ledger) -> None:
    attempt = Attempt(0, URL, "p", "h")
    ledger.write([Added(0, {"n": 0}), Added(1, {"n": 1}), Sent(attempt, 1.0)])
    ledger.write([Completed(0, "p", 2.0, (SavedOutput("a.png", "9", 5, "00"),), {"2": ["x"]})])
    ledger.keep({"total": 2})


def test_an_older_ledger_is_brought_up_to_date_and_all_of_it_is_kept(
    path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger)
    before = list(ledger.rows())
    ledger.close()
    monkeypatch.setattr(migration, "MIGRATIONS", (*MIGRATIONS, NEXT))
    for name in ("q", "r"):  # the second time there is nothing to do
        with Ledger(path) as opened:
            assert list(opened.rows()) == before
            assert (opened.kept("total"), opened.counts()["completed"]) == (2, 1)
            opened.write([Sent(Attempt(1, URL, name, "h"), 3.0), Returned(1, name, 4.0, "lost", "")])
            found = opened._database.execute("SELECT note FROM row").fetchall()
            assert found == [("none",), ("none",)]
            assert opened._database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
            before = list(opened.rows())


def test_a_ledger_that_cannot_be_brought_up_to_date_stays_as_it_is(
    path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger)
    before = list(ledger.rows())
    ledger.close()
    with monkeypatch.context() as patched:
        patched.setattr(migration, "MIGRATIONS", (*MIGRATIONS, f"{NEXT}; DROP TABLE absent"))
        with pytest.raises(LedgerError, match="no such table: absent"):
            Ledger(path)
    with Ledger(path) as opened:
        assert list(opened.rows()) == before
        assert opened._database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_a_folder_means_the_ledger_in_it(tmp_path: Path, path: Path) -> None:
    assert batch_ledger(tmp_path) == path
    assert batch_ledger(path) == path


def test_a_full_disk_is_one_line_and_loses_nothing(path: Path, ledger: Ledger) -> None:
    ledger.write([Added(0, {"text": "x"})])
    pages = ledger._database.execute("PRAGMA page_count").fetchone()[0]
    ledger._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(
        LedgerError, match="database or disk is full; free some space and run the same command"
    ):
        ledger.write([Added(number, {"text": "x" * 4000}) for number in range(1, 30)])
    assert [row.number for row in ledger.rows()] == [0]
    ledger._database.execute("PRAGMA max_page_count = 1000000")
    ledger.write([Added(1, {})])


class LedgerLaws(RuleBasedStateMachine):
    """Whatever is done to it, it agrees with a plain model of it, and a row is on one server at most."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(Path(":memory:"), create=True)
        self.states: list[str] = []
        self.current: dict[int, Attempt] = {}

    @initialize()
    def begin(self) -> None:
        self.add()

    @rule()
    def add(self) -> None:
        self.ledger.write([Added(len(self.states), {})])
        self.states.append("pending")

    def pick(self, data: st.DataObject, *states: str) -> int | None:
        found = [number for number, state in enumerate(self.states) if state in states]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(number=st.integers(0, 30))
    @precondition(lambda self: self.states)
    def send(self, number: int) -> None:
        number %= len(self.states)
        made = attempt(number)
        refused = self.ledger.write([Sent(made, 1.0)])
        assert refused == (set() if self.states[number] == "pending" else {number})
        if not refused:
            self.states[number] = "in_progress"
            self.current[number] = made

    @rule(data=st.data(), what=st.sampled_from(["completed", "pending", "failed", "cancelled"]))
    def end(self, data: st.DataObject, what: str) -> None:
        number = self.pick(data, "in_progress")
        if number is None:
            return
        prompt_id = self.current.pop(number).prompt_id
        if what == "completed":
            self.ledger.write([Completed(number, prompt_id, 2.0)])
        elif what == "pending":
            self.ledger.write([Returned(number, prompt_id, 2.0, "server_gone", "away")])
        elif what == "failed":
            self.ledger.write([SetAside(number, prompt_id, 2.0, "failed", "node_error", "it raised")])
        else:
            self.ledger.write([SetAside(number, prompt_id, 2.0, "cancelled", None, "")])
        self.states[number] = what

    @rule()
    def retry(self) -> None:
        assert self.ledger.retry() == self.states.count("failed")
        self.states = ["pending" if state == "failed" else state for state in self.states]

    @rule()
    def cancel(self) -> None:
        assert self.ledger.cancel() == self.states.count("pending")
        self.states = ["cancelled" if state == "pending" else state for state in self.states]

    def check(self) -> None:
        assert [row.state for row in self.ledger.rows()] == self.states
        assert {each.row: each for each in self.ledger.attempts()} == self.current

    def teardown(self) -> None:
        self.check()
        self.ledger.close()


TestLedgerLaws = LedgerLaws.TestCase
TestLedgerLaws.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
