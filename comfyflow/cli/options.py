"""Options that several commands share."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from ..configuration import named_server, read_headers
from ..errors import CommandError, SchemaError
from ..generated import STUBS
from .streams import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..client_options import ClientOptions
    from ..schema import Schema

T = TypeVar("T", bound="Callable[..., Any]")

PATH: Final = click.Path(path_type=Path)

_CREDENTIALS: Final = f"{__name__}.credentials"
"""Where click keeps what the options of a connection say, for the code that connects."""


def _kept(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep an option for `connection_options`; the commands themselves need not pass it on.

    Raises:
        click.BadParameter: The file that holds it cannot be read.
    """
    if value in (None, ()):
        return
    name = parameter.name or ""
    known: dict[str, Any] = context.find_root().meta.setdefault(_CREDENTIALS, {})
    known[name] = read_secret(context, parameter, value) if isinstance(value, str) and name != "ca" else value


def read_secret(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A secret, or the content of the file that ``@FILE`` names.

    Raises:
        click.BadParameter: The file cannot be read.
    """
    if value is None or not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise click.BadParameter(f"cannot read {value[1:]}: {reason}") from None


def _credential(name: str, metavar: str, text: str, *, multiple: bool = False) -> Callable[[T], T]:
    return click.option(
        name, metavar=metavar, help=text, multiple=multiple, expose_value=False, callback=_kept
    )


_CONNECTION_OPTIONS: Final = (
    _credential(
        "--bearer",
        "TOKEN",
        "Bearer token for the server; @FILE reads it from a file, here and below.",
    ),
    _credential("--token", "TOKEN", "For servers that expect ?token=."),
    _credential("--basic", "NAME:PASSWORD", "HTTP basic authentication."),
    _credential("--api-key", "KEY", "For servers that expect X-API-Key, such as Comfy Cloud."),
    _credential("--user", "ID", "The user, on a server with several."),
    _credential("--header", "NAME:VALUE", "An extra HTTP header to send.", multiple=True),
    _credential("--ca", "FILE", "CA certificate to trust for an https server."),
)
"""The options of a connection; the environment and the config file can hold them too."""

partner_api_key_option: Final = _credential(
    "--partner-api-key", "KEY", "Comfy API key for nodes that call paid services; @FILE works too."
)
CONNECTION_NAMES: Final = frozenset(
    {"bearer", "token", "basic", "api_key", "user", "header", "ca", "partner_api_key", "no_cache"}
)


def _keep_nothing(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().meta.setdefault(_CREDENTIALS, {})["disk_cache"] = False


_no_cache_option: Final = click.option(
    "--no-cache",
    is_flag=True,
    expose_value=False,
    callback=_keep_nothing,
    help="Neither use nor update the cache of server responses.",
)


def credential_options(command: T) -> T:
    """The options of a connection, for a command that gets its server in another way."""
    for option in reversed(_CONNECTION_OPTIONS):
        command = option(command)
    return command


def server_option(command: T) -> T:
    """``--server`` and the options of a connection to it; only the former is the command's own."""
    named: T = click.option(
        "--server", metavar="URL", help="A running ComfyUI, such as http://127.0.0.1:8188."
    )(credential_options(_no_cache_option(command)))
    return named


def servers_option(command: T) -> T:
    """``--server``, which can be repeated, and the options of a connection."""
    named: T = click.option(
        "--server", "servers", metavar="URL", multiple=True, help="A running ComfyUI. Can be repeated."
    )(credential_options(command))
    return named


def connection_options() -> ClientOptions:
    """What the options of a connection say, as `Client` takes it.

    Raises:
        CommandError: A name and a password, or a header, are not.
    """
    context = click.get_current_context(silent=True)
    said: dict[str, Any] = dict(context.find_root().meta.get(_CREDENTIALS, {})) if context is not None else {}
    if "basic" in said:
        name, colon, password = said["basic"].partition(":")
        if not colon:
            raise CommandError("--basic expects NAME:PASSWORD")
        said["basic"] = (name, password)
    if "header" in said:
        said["headers"] = read_headers(said.pop("header"), "--header")
    if "ca" in said:
        said["verify"] = said.pop("ca")
    return cast("ClientOptions", said)


object_info_option: Final = click.option(
    "--object-info", metavar="FILE", type=PATH, help="A saved response to GET /object_info (.gz too)."
)
stubs_option: Final = click.option(
    "--stubs",
    metavar="PACKAGE",
    help="A generated package, such as comfynodes, instead of a configured server.",
)


def schema_options(command: T) -> T:
    """The options by which `given_schema` chooses: ``--object-info``, ``--server`` and ``--stubs``."""
    with_schema: T = object_info_option(server_option(stubs_option(command)))
    return with_schema


def _no_nan(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """A time that is a number; NaN is in every range.

    Raises:
        click.BadParameter: It is not one.
    """
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"{value} is not a number of seconds.")
    return value


timeout_option: Final = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    callback=_no_nan,
    help="How long to wait, in seconds.",
)


def complete_file(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Have the shell complete a word to the name of a file."""
    return [CompletionItem(incomplete, type="file")]


def file_or_screen(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    """The file to write; None for the screen, which ``-`` names too, as for input."""
    return None if value is not None and str(value) == "-" else value


def file_only(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    """The file to write, by a command that does not write to standard output.

    Raises:
        click.BadParameter: It is ``-``, which names standard output.
    """
    if value is not None and str(value) == "-":
        raise click.BadParameter("- is standard output, which this command does not write to; name a file")
    return value


output_option: Final = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=PATH,
    callback=file_or_screen,
    help="Write to this file instead of standard output.",
)

editor_option: Final = click.option(
    "--editor",
    metavar="VERSION",
    help="Convert like this version of the editor, such as 1.49.  [default: the server's, the package's "
    "or the file's]",
)
repair_option: Final = click.option(
    "--repair", is_flag=True, help="Where the editor surprises, convert to what the author meant."
)
pack_option: Final = click.option(
    "--pack",
    "packs",
    multiple=True,
    metavar="MODULE",
    help="A plug-in for a custom node pack: a module or file with a PACK. Can be repeated.",
)


def converting_options(command: T) -> T:
    """The options of which `Converting` is made: ``--editor``, ``--repair`` and ``--pack``."""
    converting: T = editor_option(repair_option(pack_option(command)))
    return converting


def given_schema(server: str | None, object_info: Path | None, stubs: str | None = None) -> Schema | None:
    """The named schema, or None if none is named: then it is the workflow's own.

    The first of: the options; the server of ``COMFYFLOW_SERVER``; the server of the config file.
    ``docs/schema-in-force.md`` has the whole rule.

    Args:
        server: ``--server``.
        object_info: ``--object-info``.
        stubs: ``--stubs``, a package of node classes.

    Raises:
        CommandError: Several options were given, or there is no package of that name.
        ConfigurationError: ``--server`` is empty, or the config file cannot be read.
        SchemaError: It cannot be read.
    """
    given = {"--server": server, "--object-info": object_info, "--stubs": stubs}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise CommandError(f"pass {' or '.join(named)}, not {'both' if len(named) == 2 else 'all of them'}")
    if stubs is not None:
        return package_schema_of(stubs)
    if object_info is not None:
        from ..schema.object_info import read_schema

        return read_schema(object_info)
    chosen = named_server(server)
    if chosen.is_default:
        return None
    from ..client.server_classes import asked_schema

    try:
        return asked_schema(server_url(chosen.url), **connection_options())
    except SchemaError as error:
        if server is not None:
            raise
        raise SchemaError(
            f"{error} (from {chosen.by}). Name another schema: --server URL, --object-info FILE, or "
            f"--stubs {STUBS} for the generated package"
        ) from None


def server_url(text: str) -> str:
    """The URL of a server as people write it: ``127.0.0.1:8188`` will do."""
    return text if "://" in text else f"http://{text}"


def say_warnings(warnings: Iterable[object], *, known: bool, before: str = "", err: bool = True) -> None:
    """Print what a conversion warns of, and how to name a server where classes are missing.

    Args:
        warnings: The warnings.
        known: Whether the classes are those of a server or a file that the user named.
        before: What each line begins with.
        err: Whether they go to standard error.
    """
    missing = False
    for warning in warnings:
        say(f"{before}{warning}", err=err)
        missing = missing or getattr(warning, "type", None) == "unknown_class"
    if missing and not known:
        say(f"{before}{_NAME_A_SERVER}", err=err)


_NAME_A_SERVER: Final = (
    "the classes were looked up in the package comfynodes, which has no custom nodes; to use your server's, "
    "pass --server URL, or --object-info FILE with its response to GET /object_info"
)


def reference_schema() -> Schema:
    """The schema of the node package that comes with comfyflow (or that is in its place).

    Raises:
        CommandError: There is no package ``comfynodes``.
    """
    return package_schema_of(STUBS)


def package_schema_of(package: str) -> Schema:
    """The schema beside a generated package: an installed one, or one in the current folder.

    Raises:
        CommandError: The package does not exist.
        SchemaError: It is not one that was generated.
    """
    import importlib

    from ..schema.package import package_schema

    try:
        importlib.import_module(package)
    except (ImportError, ValueError) as error:
        raise CommandError(f"node package {package!r} not found: {error}") from None
    return package_schema({package})


def json_text(value: Any) -> str:
    """Plain JSON values for a program to read.

    Raises:
        CommandError: They are nested too deep to be written.
    """
    for indent in (2, None):
        with contextlib.suppress(RecursionError):
            return json.dumps(value, indent=indent) + "\n"
    raise CommandError("a value in it is nested too deep to print")


def write_text(text: str, out: Path | None) -> None:
    """Put text on the screen or into a file.

    Raises:
        CommandError: The file cannot be written.
    """
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {out}: {error.strerror}") from None
