"""What pytest was given on its command line, for those who are asked without a fixture."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import SchemaError
from ..generated import STUBS

if TYPE_CHECKING:
    from ..schema import Schema
    from .subject import Subject


@dataclass
class Session:
    """One run of pytest.

    Attributes:
        object_info: The file of ``--comfy-object-info``, or None.
        server: The address of ``--comfy-server``, or None.
        update_goldens: Whether ``--comfy-update-goldens`` was given.
        root: The folder that the names of tests begin in.
        stubs: The name of the package of generated nodes.
        folder: A folder for what failing tests leave behind, or None if there is none.
        goldens: The golden files that tests have asked for, and which test.
        pictures: The pictures of differences that were written.
    """

    object_info: str | None = None
    server: str | None = field(default=None, repr=False)
    update_goldens: bool = False
    root: Path = field(default_factory=Path.cwd)
    stubs: str = STUBS
    folder: Path | None = None
    goldens: dict[Path, str] = field(default_factory=dict[Path, str])
    pictures: set[Path] = field(default_factory=set[Path])

    @cached_property
    def schema(self) -> Schema:
        """The node classes to test against: those of the file, the server, or the package.

        Raises:
            SchemaError: They cannot be read.
        """
        given = self.given_schema
        return given if given is not None else stubs_schema(self.stubs)

    @cached_property
    def given_schema(self) -> Schema | None:
        """The node classes that the command line names, or None."""
        from ..schema import load_schema

        source = self.object_info if self.object_info is not None else self.server
        return load_schema(source) if source is not None else None


SESSIONS: Final[list[Session]] = []
"""The runs of pytest that continue; one may run others inside."""


def current_session() -> Session:
    """The run of pytest that continues; outside of one, a session without options."""
    return SESSIONS[-1] if SESSIONS else Session()


def current_schema(subject: Subject) -> Schema:
    """The node classes that a workflow is checked against, if its test does not say.

    Args:
        subject: The workflow.

    Raises:
        SchemaError: There are none.
    """
    session = current_session()
    if session.given_schema is not None:
        return session.given_schema
    own = subject.source.own_schema()
    return own if own is not None else session.schema


def stubs_schema(name: str) -> Schema:
    """The schema of a package of generated nodes.

    Raises:
        SchemaError: The package does not exist, or none was generated there.
    """
    from ..schema.package import package_schema

    try:
        importlib.import_module(name)
    except ImportError as error:
        raise SchemaError(
            f"node package {name!r} not found ({error}): create one with comfyflow gen-stubs, or pass "
            "pytest --comfy-object-info FILE"
        ) from None
    return package_schema({name})


def current_test() -> str:
    """The test that runs now, as pytest names it; ``""`` outside of one."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
