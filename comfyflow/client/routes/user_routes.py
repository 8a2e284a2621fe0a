"""Routes about a server's users: their settings and files."""

from __future__ import annotations

from typing import Any

from ...errors import ServerError
from ...json_types import array_or_empty, is_object, object_or_empty, text_or_empty, texts_in
from ..core import Core, call, fetch_json, tell
from ..flow import Flow, Request, json_body, segment
from .server_info import UserFile, Users


def users(core: Core) -> Flow[Users]:
    """Where the server keeps user data; with several users, their names by id."""
    return Users(object_or_empty((yield from fetch_json(core, Request("GET", "/api/users")))))


def create_user(core: Core, name: str) -> Flow[str]:
    """Create a user, on a server with several.

    Args:
        name: The user's name.

    Returns:
        Its id, for ``Client(user=…)``.

    Raises:
        ServerError: The name is taken (400).
    """
    body = json_body({"username": name})
    said = yield from fetch_json(core, Request("POST", "/api/users", content=body, repeatable=False))
    return text_or_empty(said)


def settings(core: Core) -> Flow[dict[str, Any]]:
    """All settings of the user, by id."""
    return dict(object_or_empty((yield from fetch_json(core, Request("GET", "/api/settings")))))


def setting(core: Core, setting_id: str) -> Flow[Any]:
    """One setting of the user; None if it is not set.

    Args:
        setting_id: Its id.
    """
    return (yield from fetch_json(core, Request("GET", f"/api/settings/{segment(setting_id)}")))


def store_settings(core: Core, values: dict[str, Any]) -> Flow[None]:
    """Set some settings of the user; the others stay.

    Args:
        values: By id.
    """
    yield from tell(core, Request("POST", "/api/settings", content=json_body(values)))


def store_setting(core: Core, setting_id: str, value: object) -> Flow[None]:
    """Set one setting of the user.

    Args:
        setting_id: Its id.
        value: Any JSON value.
    """
    yield from tell(core, Request("POST", f"/api/settings/{segment(setting_id)}", content=json_body(value)))


def list_userdata(core: Core, folder: str = ".", *, recurse: bool = True) -> Flow[list[str]]:
    """The paths of the user's files below a folder, relative to it; empty if it does not exist.

    Args:
        folder: Such as ``workflows``; by default all.
        recurse: Whether to include its subfolders.
    """
    query = (("dir", folder), ("recurse", "true" if recurse else "false"))
    try:
        said = yield from fetch_json(core, Request("GET", "/api/userdata", query))
    except ServerError as error:
        if error.status == 404:
            return []
        raise
    return [*texts_in(said)]


def browse_userdata(core: Core, folder: str = "") -> Flow[list[UserFile]]:
    """The contents of a folder of the user, folders first.

    Args:
        folder: The folder.
    """
    said = yield from fetch_json(core, Request("GET", "/api/v2/userdata", (("path", folder),)))
    return [UserFile(entry) for entry in array_or_empty(said) if is_object(entry)]


def get_userdata(core: Core, path: str) -> Flow[bytes]:
    """A file of the user.

    Args:
        path: Such as ``workflows/a.json``.

    Raises:
        ServerError: There is no such file (404).
    """
    answer = yield from call(core, Request("GET", f"/api/userdata/{segment(path)}"))
    return answer.content


def put_userdata(core: Core, path: str, content: bytes, *, overwrite: bool = True) -> Flow[str]:
    """Write a file of the user.

    Args:
        path: The target path; missing folders are created.
        content: The bytes.
        overwrite: False refuses (409) if the file exists.

    Returns:
        The path.
    """
    query = (("overwrite", "true" if overwrite else "false"),)
    asked = Request("POST", f"/api/userdata/{segment(path)}", query, content=content, repeatable=overwrite)
    return text_or_empty((yield from fetch_json(core, asked)))


def move_userdata(core: Core, path: str, target: str, *, overwrite: bool = False) -> Flow[str]:
    """Move a file of the user.

    Args:
        path: The file's path.
        target: The new path.
        overwrite: Whether to replace an existing file.

    Returns:
        The new path.
    """
    query = (("overwrite", "true" if overwrite else "false"),)
    route = f"/api/userdata/{segment(path)}/move/{segment(target)}"
    return text_or_empty((yield from fetch_json(core, Request("POST", route, query, repeatable=False))))


def delete_userdata(core: Core, path: str) -> Flow[None]:
    """Delete a file of the user.

    Args:
        path: The file's path.

    Raises:
        ServerError: There is no such file (404).
    """
    yield from tell(core, Request("DELETE", f"/api/userdata/{segment(path)}", repeatable=False))
