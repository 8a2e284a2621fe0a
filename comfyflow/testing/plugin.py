"""The plugin of pytest: what tests of workflows need, without anything to import or configure.

It is loaded in every run of pytest where the package is installed, so nothing but this module and
the session is imported before a test asks for something.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..generated import STUBS, is_generated
from .session import SESSIONS, Session

if TYPE_CHECKING:
    from ..client import AsyncClient, Client
    from ..schema import Schema
    from ..simulator import Simulator

SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, under their own heading in ``pytest --help``."""
    group = parser.getgroup("comfyflow", "ComfyUI workflows (comfyflow)")
    group.addoption(
        "--comfy-object-info",
        metavar="FILE",
        help="test against the node classes in this saved response to GET /object_info",
    )
    group.addoption(
        "--comfy-server",
        metavar="URL",
        help="run the tests against this ComfyUI server instead of the simulator",
    )
    group.addoption(
        "--comfy-update-goldens",
        action="store_true",
        help="rewrite the golden files of assert_prompt_matches and assert_image_matches",
    )
    parser.addini("comfy_stubs", "the package of generated node classes", default=STUBS)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Have ``pytest`` find the project's node package where ``python -m pytest`` finds it.

    The package is looked for in the folders of the ini option ``pythonpath``, in the project's
    root, and in the current folder; before what is installed.
    """
    package, _, _ = str(early_config.getini("comfy_stubs")).partition(".")
    root, here = early_config.rootpath, early_config.invocation_params.dir
    listed = [root / folder for folder in early_config.getini("pythonpath")]
    for folder in (*listed, root, here):
        if is_generated(folder / package):
            if sys.path[:1] != [str(folder)]:
                sys.path.insert(0, str(folder))
            return


def pytest_configure(config: pytest.Config) -> None:
    """Begin a session."""
    config.addinivalue_line(
        "markers",
        "needs_models(*names): the test needs these model files (or any that it names in a prompt); "
        "it is skipped if --comfy-server lacks them",
    )
    cache: Any = getattr(config, "cache", None)
    session = Session(
        object_info=config.getoption("--comfy-object-info"),
        server=config.getoption("--comfy-server"),
        update_goldens=bool(config.getoption("--comfy-update-goldens")),
        root=config.rootpath,
        stubs=config.getini("comfy_stubs"),
        folder=cache.mkdir("comfyflow-differences") if cache is not None else None,
    )
    config.stash[SESSION] = session
    SESSIONS.append(session)
    if session.server is not None:
        from .server import NeedsModels

        config.pluginmanager.register(NeedsModels(session), "comfyflow-needs-models")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the session."""
    session = config.stash.get(SESSION, None)
    if session in SESSIONS:
        SESSIONS.remove(session)


@pytest.fixture(scope="session")
def comfy_schema(request: pytest.FixtureRequest) -> Schema:
    """The node classes: of ``--comfy-object-info``, of ``--comfy-server``, else of the project's
    package of generated nodes (the ini option ``comfy_stubs``, by default ``comfynodes``).
    """
    return request.config.stash[SESSION].schema


@pytest.fixture
def comfy_server(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A ComfyUI server: a new simulator on its own port, without models and without a GPU.

    ``comfy_server.prompts`` are the prompts that it got; ``.fail_next(...)``, ``.drop_socket()``
    and their like make things go wrong; ``.simulate("ClassName", function)`` says what a node does.
    With ``--comfy-server`` it is that server, and tests that need the simulator are skipped.
    """
    session = request.config.stash[SESSION]
    if session.server is not None:
        from ..errors import ClientError
        from .server import RealServer

        try:
            real = RealServer(session.server)
        except ClientError as error:
            pytest.fail(f"--comfy-server: {error}", pytrace=False)
        yield real  # type: ignore[misc]
        return
    from .server import simulator

    with simulator(session.schema) as server:
        yield server


@pytest.fixture
def comfy_client(comfy_server: Simulator) -> Iterator[Client]:
    """A client of `comfy_server`."""
    from ..client import Client

    with Client(comfy_server.url) as client:
        yield client


@pytest.fixture
def async_comfy_client(comfy_server: Simulator) -> AsyncClient:
    """A client of `comfy_server` for asyncio: ``async with async_comfy_client as client``."""
    from ..client import AsyncClient

    return AsyncClient(comfy_server.url)
