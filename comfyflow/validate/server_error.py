"""What a server says about one node, in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

REQUIRED_INPUT_MISSING: Final = "required_input_missing"
BAD_LINKED_INPUT: Final = "bad_linked_input"
RETURN_TYPE_MISMATCH: Final = "return_type_mismatch"
INVALID_INPUT_TYPE: Final = "invalid_input_type"
VALUE_SMALLER_THAN_MIN: Final = "value_smaller_than_min"
VALUE_BIGGER_THAN_MAX: Final = "value_bigger_than_max"
VALUE_NOT_IN_LIST: Final = "value_not_in_list"
CUSTOM_VALIDATION_FAILED: Final = "custom_validation_failed"
EXCEPTION_INNER: Final = "exception_during_inner_validation"
EXCEPTION_OUTPUT: Final = "exception_during_validation"
DEPENDENCY_CYCLE: Final = "dependency_cycle"
INVALID_DYNAMIC_INPUT: Final = "invalid_dynamic_input"


class Explained(NamedTuple):
    """What we know of an error and the server does not say.

    Attributes:
        message: What is wrong, in the user's terms.
        input_name: The input that is at fault, where the server names another one.
        is_file: Whether it is only that a file does not exist, by what the schema knows.
    """

    message: str
    input_name: str | None = None
    is_file: bool = False


class ErrorEntry(NamedTuple):
    """One error as a server puts it into its answer.

    Attributes:
        type: ComfyUI's word for it.
        message: The server's sentence.
        details: The server's details.
        extra_info: What else it tells: ``input_name``, ``received_value``, …
        explained: Our own knowledge of it; never sent.
    """

    type: str
    message: str
    details: str
    extra_info: Mapping[str, Any]
    explained: Explained | None = None

    @property
    def input_name(self) -> str | None:
        """The input as the server names it, or None; the boundary of a loop is not an input."""
        name = self.extra_info.get("input_name")
        return name if isinstance(name, str) and "loop_error_type" not in self.extra_info else None

    def to_json(self) -> dict[str, Any]:
        """The error as the server sends it."""
        return {
            "type": self.type,
            "message": self.message,
            "details": self.details,
            "extra_info": dict(self.extra_info),
        }


class NodeErrors(NamedTuple):
    """A node's entry in a server's ``node_errors``.

    Attributes:
        class_type: The node's class.
        errors: Its errors, in the server's order.
        dependent_outputs: The outputs that the server dropped at or after this node's failure.
            They need not depend on it: the server over-reports.
    """

    class_type: Any
    errors: Sequence[ErrorEntry]
    dependent_outputs: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The entry as the server sends it."""
        return {
            "errors": [error.to_json() for error in self.errors],
            "dependent_outputs": list(self.dependent_outputs),
            "class_type": self.class_type,
        }


class Raised(NamedTuple):
    """An exception that the server's own code raises while it looks at a node.

    Attributes:
        exception_type: Its class, as the server names it.
        message: Its text.
        explained: What the user did to cause it.
    """

    exception_type: str
    message: str
    explained: Explained | None = None

    @classmethod
    def by(cls, error: Exception, explained: Explained | None = None) -> Raised:
        """The exception that the same operation raises here."""
        return cls(type(error).__name__, str(error), explained)

    def as_inner(self, input_name: str, config: Any, link: Any) -> ErrorEntry:
        """How it is filed under an inner node: with the name of its *consumer's* input."""
        info: dict[str, Any] = {
            "input_name": input_name,
            "input_config": config,
            "exception_message": self.message,
            "exception_type": self.exception_type,
            "traceback": [],
            "linked_node": link,
        }
        return ErrorEntry(
            EXCEPTION_INNER, "Exception when validating inner node", self.message, info, self.explained
        )

    def as_output(self) -> ErrorEntry:
        """How it is filed under an output node."""
        info: dict[str, Any] = {"exception_type": self.exception_type, "traceback": []}
        return ErrorEntry(
            EXCEPTION_OUTPUT, "Exception when validating node", self.message, info, self.explained
        )
