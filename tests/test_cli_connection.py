"""Which server commands talk to, with which credentials; and that these are printed nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyflow import Client, load_schema
from comfyflow.errors import SchemaError
from tests.command import Command
from tests.guarded_server import Guarded, basic, guarded

PASSWORD = "hunter-2200"
TOKEN = "tok-3f9a7c"
PROMPT = {"1": {"class_type": "Save", "inputs": {}}}
TARGET = "TARGET"


@pytest.fixture
def server() -> Iterator[Guarded]:
    with guarded(
        wanted_query={"token": TOKEN}, wanted_headers={"authorization": basic("ada", PASSWORD)}
    ) as state:
        yield state


@pytest.fixture
def prompt_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(PROMPT))
    return path


COMMANDS = [
    ["gen-stubs", "--out", "made"],
    ["nodes", "old"],
    ["nodes", "nothing-of-the-kind"],
    ["validate", TARGET],
    ["compile", TARGET],
    ["convert", TARGET],
    ["to-python", TARGET],
    ["diff", TARGET, TARGET],
    ["hash", TARGET],
    ["lock", TARGET, "-o", "made.lock"],
    ["check", TARGET],
    ["check", TARGET, "--format", "json"],
    ["status"],
    ["status", "--json"],
    ["queue"],
    ["history"],
    ["models"],
    ["models", "nothing-of-the-kind"],
    ["view", "gone.png"],
    ["run", TARGET, "--timeout", "0.2"],
    ["run", TARGET, "--timeout", "0.2", "--detach"],
    ["wait", "gone", "--timeout", "0.2"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_what_an_address_holds(
    words: list[str],
    server: Guarded,
    command: Command,
    prompt_file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The credentials are sent with every request; they are in no output, no file and no log."""
    caplog.set_level(logging.DEBUG)
    url = f"http://ada:{PASSWORD}@127.0.0.1:{server.port}/?token={TOKEN}"
    ran = command(*[str(prompt_file) if word == TARGET else word for word in words], "--server", url)
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    for text in [ran.out, ran.err, *written, *(record.getMessage() for record in caplog.records)]:
        assert PASSWORD not in text
        assert TOKEN not in text
    assert "credentials" not in ran.err
    for path, query, headers in server.seen:
        assert query.get("token") == TOKEN, path
        assert headers["authorization"] == basic("ada", PASSWORD)


def test_a_schema_of_such_an_address(server: Guarded) -> None:
    schema = load_schema(f"http://ada:{PASSWORD}@127.0.0.1:{server.port}/?token={TOKEN}")
    assert list(schema) == ["Old", "Save"]
    assert schema.source == server.url
    assert PASSWORD not in repr(schema)


def test_a_schema_with_options_of_a_client(server: Guarded) -> None:
    assert load_schema(server.url, basic=("ada", PASSWORD), token=TOKEN).version == (0, 27, 0)
    with pytest.raises(SchemaError, match="gave 401"):
        load_schema(server.url, token=TOKEN)


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:hunter-2200@127.0.0.1:9/?token=tok-3f9a7c",
        "http://ada:hunter-2200/x@host",
        "http://ada:hunter-2200?x@host",
        "http://ada:hunter-2200#x@host",
        "http://host:port/?token=tok-3f9a7c&next=a@b",
        "ada:hunter-2200@host:port",
        "http//ada:hunter-2200@host",
        "http:/ada:hunter-2200@host",
        "ftp://ada:hunter-2200@host/?token=tok-3f9a7c",
    ],
)
@pytest.mark.parametrize("words", [["gen-stubs"], ["status"], ["nodes", "x"]], ids=" ".join)
def test_an_address_that_does_not_work_is_shown_without_them(
    words: list[str], url: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = command(*words, "--server", url)
    assert ran.code == 2
    assert ran.err
    for text in (ran.out, ran.err):
        assert "hunter-2200" not in text
        assert TOKEN not in text
    with pytest.raises(SchemaError) as caught:
        load_schema(url if "://" in url and not url.startswith("ftp") else f"http://{url}")
    assert "hunter-2200" not in str(caught.value)
    assert TOKEN not in str(caught.value)


# Options, the environment, the config file


@pytest.fixture
def open_server() -> Iterator[Guarded]:
    with guarded() as state:
        yield state


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("COMFYFLOW_CONFIG", str(path))
    path.write_text("")
    return path


SECRETS = {
    "bearer": "bear-77aa12",
    "token": TOKEN,
    "api_key": "key-901bbc",
    "user": "ada-lovelace",
    "header": "X-Pass: through-me",
}


def assert_signed(server: Guarded) -> None:
    assert server.seen
    for path, query, headers in server.seen:
        assert query["token"] == TOKEN, path
        assert headers["authorization"] == "Bearer bear-77aa12"
        assert headers["x-api-key"] == "key-901bbc"
        assert headers["comfy-user"] == "ada-lovelace"
        assert headers["x-pass"] == "through-me"


def options() -> list[str]:
    return [word for name, value in SECRETS.items() for word in (f"--{name.replace('_', '-')}", value)]


@pytest.mark.parametrize("words", [["status"], ["nodes", "old"], ["validate", TARGET]], ids=" ".join)
def test_credentials_of_options(
    words: list[str], open_server: Guarded, command: Command, prompt_file: Path
) -> None:
    words = [str(prompt_file) if word == TARGET else word for word in words]
    ran = command(*words, "--server", open_server.url, *options())
    assert ran.code == 0, ran.err
    assert_signed(open_server)
    assert not [secret for secret in SECRETS.values() if secret in ran.out + ran.err]


def test_credentials_of_the_environment(
    open_server: Guarded, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv("COMFYFLOW_HEADERS" if name == "header" else f"COMFYFLOW_{name.upper()}", value)
    assert command("status", "--server", open_server.url).code == 0
    assert command("nodes", "old", "--server", open_server.url).code == 0
    assert_signed(open_server)


def test_credentials_of_the_config_file(open_server: Guarded, command: Command, config: Path) -> None:
    config.write_text(
        f'server = "{open_server.url}"\nbearer = "bear-77aa12"\ntoken = "{TOKEN}"\n'
        'api_key = "key-901bbc"\nuser = "ada-lovelace"\n[headers]\nX-Pass = "through-me"\n'
    )
    assert command("status").code == 0
    with Client() as client:
        client.queue()
    assert_signed(open_server)


def test_the_same_name_is_taken_from_the_nearest_place(
    open_server: Guarded, command: Command, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(f'server = "{open_server.url}"\nbearer = "of-the-file"\nuser = "of-the-file"\n')
    monkeypatch.setenv("COMFYFLOW_BEARER", "of-the-environment")
    command("status", "--api-key", "of-the-options")
    command("status", "--bearer", "of-the-options")
    first, second = open_server.seen[0][2], open_server.seen[-1][2]
    assert (first["authorization"], first["comfy-user"]) == ("Bearer of-the-environment", "of-the-file")
    assert first["x-api-key"] == "of-the-options"
    assert second["authorization"] == "Bearer of-the-options"


def test_credentials_go_to_their_own_server_only(
    open_server: Guarded, command: Command, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at another server does not show it the key of the own one."""
    config.write_text('server = "http://127.0.0.1:9"\nbearer = "bear-77aa12"\n')
    assert command("status", "--server", open_server.url).code == 0
    monkeypatch.setenv("COMFYFLOW_SERVER", "http://127.0.0.1:9/?token=tok-3f9a7c")
    monkeypatch.setenv("COMFYFLOW_API_KEY", "key-901bbc")
    assert command("status", "--server", open_server.url).code == 0
    with Client(open_server.url) as client:
        client.queue()
    assert not [secret for secret in SECRETS.values() if secret in repr(open_server.seen)]


def test_a_secret_may_stand_in_a_file(open_server: Guarded, command: Command, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("bear-77aa12\n")
    assert command("status", "--server", open_server.url, "--bearer", f"@{secret}").code == 0
    assert open_server.seen[0][2]["authorization"] == "Bearer bear-77aa12"
    missing = command("status", "--server", open_server.url, "--bearer", "@nothing")
    assert missing.code == 2
    assert "cannot read nothing" in missing.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--basic", "hunter-2200"], "--basic expects NAME:PASSWORD"),
        (["--header", "hunter-2200"], "--header expects headers as NAME: VALUE"),
        (["--bearer", "hunter-2200\nx"], "the value of the header Authorization cannot be sent"),
        (["--berer", "hunter-2200"], "No such option"),
        (["--ca", "nothing.pem"], "cannot trust the certificates in nothing.pem: No such file"),
    ],
)
def test_what_cannot_be_used_is_not_shown(words: list[str], why: str, command: Command) -> None:
    ran = command("status", "--server", "https://127.0.0.1:9", *words)
    assert ran.code == 2
    assert why in ran.err
    assert "hunter-2200" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bearer = 5", "bearer must be a string"),
        ("beerer = 'hunter-2200'", "unknown setting 'beerer'; did you mean bearer?"),
        ("headers = 5", "headers must be a table"),
        ("[headers]\nX-Pass = [1]", "X-Pass must be a string"),
        ('basic = "hunter-2200"', "must be NAME:PASSWORD"),
    ],
)
def test_a_config_file_that_is_wrong(
    text: str, why: str, open_server: Guarded, command: Command, config: Path
) -> None:
    head, body = (text, "") if not text.startswith("[") else ("", text)
    config.write_text(f'server = "{open_server.url}"\n{head}\n{body}\n')
    ran = command("status")
    assert ran.code == 2
    assert why in ran.err
    assert "hunter-2200" not in ran.err


def test_help_does_not_show_what_the_environment_holds(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"COMFYFLOW_{name.upper()}", "hunter-2200")
    for name in ("run", "status", "gen-stubs"):
        said = command(name, "--help").out
        assert "--bearer" in said
        assert "hunter-2200" not in said


OWN = """
from comfyflow import raw_node, workflow

@workflow
def own(user: str, token: str = ""):
    return raw_node("Save", {"of": f"{user} {token}"})
"""


def test_a_parameter_that_is_called_like_an_option_of_the_connection(
    command: Command, tmp_path: Path, open_server: Guarded
) -> None:
    script = tmp_path / "own.py"
    script.write_text(OWN)
    ran = command("compile", str(script), "--user", "ada", "--token=x", "--bearer", "b-1234")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["1"]["inputs"] == {"of": "ada x"}


@pytest.mark.parametrize("given", ["option", "environment", "file"])
def test_the_key_for_paid_services_goes_with_the_prompt(
    given: str,
    command: Command,
    open_server: Guarded,
    prompt_file: Path,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config.write_text(f'server = "{open_server.url}"\n')
    words = ["run", str(prompt_file), "--detach"]
    if given == "option":
        words += ["--partner-api-key", "key-901bbc"]
    elif given == "environment":
        monkeypatch.setenv("COMFYFLOW_PARTNER_API_KEY", "key-901bbc")
    else:
        config.write_text(f'server = "{open_server.url}"\npartner_api_key = "key-901bbc"\n')
    ran = command(*words)
    bodies = [body for path, body in open_server.posted if path == "/api/prompt"]
    assert bodies, ran.err
    assert bodies[0]["extra_data"]["api_key_comfy_org"] == "key-901bbc"
    assert "key-901bbc" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("challenge", "words", "why"),
    [
        ('Basic realm="x"', [], "--basic"),
        ("Bearer", [], "--bearer"),
        ("", [], "--bearer, --basic, --api-key or --token"),
        ("Bearer", ["--bearer", "hunter-2200"], "rejects the credentials that it was given"),
    ],
)
@pytest.mark.parametrize("name", ["status", "nodes"])
def test_a_server_that_wants_credentials_is_told_which(
    name: str, challenge: str, words: list[str], why: str, command: Command
) -> None:
    with guarded(wanted_query={"token": "other"}, challenge=challenge) as server:
        ran = command(name, *(["x"] if name == "nodes" else []), "--server", server.url, *words)
    assert ran.code == 2
    assert "401" in ran.err
    assert why in ran.err
    assert "hunter-2200" not in ran.err
