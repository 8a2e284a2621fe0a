"""Which tests of the client cannot hold through comfy-api-proxy: what they need, the API does not pass on."""

from __future__ import annotations

from typing import Final, NamedTuple


class Limit(NamedTuple):
    """Why a test cannot hold.

    Attributes:
        why: What the API does not pass on.
        fails: How the test fails because of it; a regular expression.
        seconds: How long it may take; few where it waits for what never comes.
    """

    why: str
    fails: str
    seconds: int = 60


_TEXTS = Limit("no texts, and not which outputs were dropped", "PromptRejected: (?s:.*)output_missing")
_SOCKET = Limit("no pictures that only a socket brings", "SocketUnavailable")
_ALL = Limit("no socket that tells of all prompts", "ClientError: .*API v2 has no WebSocket")
_UNTIL_CONNECTED = Limit(
    "no socket, for which these wait in a loop of their own", "TooLong|Unhandled|ClientError", 3
)
_TEXT_EVENTS = Limit("no outputs that are texts", r"assert \['2'\] == \['2', '3'\]")
_NO_OUTPUTS = Limit("no outputs but pictures, video, sound and latents", "ClientError: .*: none$")
_NO_SOCKET = Limit("no socket that tells of all prompts", "SocketUnavailable: no WebSocket at", 40)
_CLASSES = Limit("no list of node classes", "/api/object_info of .* gave 404")
_QUEUE = Limit("no queue", "/api/queue of .* gave 404")

LIMITS: Final[dict[str, Limit]] = {
    "test_client_server.test_files_of_a_blocking_client_fetch_themselves": Limit(
        "not where ComfyUI has a file: it is an asset", "/api/v2/assets/"
    ),
    "test_client_server.test_several_roots_and_single_nodes": Limit(
        "not whether a file is temporary", r"\('output', 'output'\) == \('output', 'temp'\)"
    ),
    "test_client_server.test_text_and_latents": _TEXTS,
    "test_client_server.test_a_cached_run_gives_the_same": Limit(
        "not which nodes were cached", r"assert set\(\) == "
    ),
    "test_client_server.test_pictures_over_the_socket_are_outputs_and_previews_are_not": _SOCKET,
    "test_client_server.test_pictures_over_a_socket_that_is_not_there_are_missed": _TEXTS,
    "test_client_server.test_a_server_that_refuses_says_the_same": Limit(
        "a status of its own for refusals", "assert 422 == 400"
    ),
    "test_client_server.test_what_a_server_dropped_is_reported": Limit(
        "not which outputs were dropped", "'NoneType' object has no attribute 'errors'"
    ),
    "test_client_server.test_a_node_that_raises": Limit(
        "not which exception a node has raised", "'node_execution_error' != 'ValueError'|node_execution_error"
    ),
    "test_client_server.test_memory_that_runs_out": Limit(
        "not which exception a node has raised", "ExecutionError: .*node_execution_error"
    ),
    "test_client_server.test_a_prompt_that_is_interrupted": Limit(
        "no interrupt of whatever runs", "/api/interrupt of .* gave 404"
    ),
    "test_client_server.test_cancelling": _QUEUE,
    "test_client_server.test_a_prompt_that_somebody_deletes": _QUEUE,
    "test_client_server.test_events_of_a_run": Limit("not which nodes were cached", "NodesCached"),
    "test_client_server.test_all_events_of_a_server": _UNTIL_CONNECTED,
    "test_client_server.test_closing_ends_what_listens": _UNTIL_CONNECTED,
    "test_client_server.test_progress_and_previews_of_a_sampler": Limit(
        "no extra data", "ClientError: .*API v2.*extra_data"
    ),
    "test_client_outputs.test_pictures_from_the_socket_have_the_same_names_in_every_run": _SOCKET,
    "test_client_outputs.test_pictures_are_pictures_under_any_key": _TEXTS,
    "test_client_outputs.test_models_that_are_shown_can_be_fetched": _NO_OUTPUTS,
    "test_client_outputs.test_a_bare_name_is_looked_for_in_every_folder": Limit(
        "no outputs under keys of packs", "IndexError: tuple index out of range"
    ),
    "test_client_events.test_outputs_are_told_without_a_socket": _TEXT_EVENTS,
    "test_client_events.test_outputs_are_told_after_attaching": _TEXT_EVENTS,
    "test_client_events.test_outputs_are_told_where_the_socket_says_nothing": _TEXT_EVENTS,
    "test_client_events.test_events_that_are_later_than_the_history_are_heard_out": Limit(
        "not which node runs", r"assert \[\] == \['1', '2', '3'\]|RunStarted"
    ),
    "test_client_events.test_a_text_of_a_node_is_told": Limit("no texts of nodes", r"assert \[\] == \["),
    "test_client_events.test_a_text_that_names_its_prompt": Limit("no texts of nodes", r"assert \[\] == \["),
    "test_client_events.test_messages_of_other_packs_reach_whoever_listens": Limit(
        "no messages of packs", r"in \[\]"
    ),
    "test_client_events.test_events_count_from_the_call": _ALL,
    "test_client_seed_faults.test_8_first_use_from_several_threads_opens_one_socket": _SOCKET,
    "test_client_callbacks.test_functions_are_called_by_class_and_by_type": _ALL,
    "test_client_callbacks.test_a_function_is_called_until_it_is_taken_back": _NO_SOCKET,
    "test_client_callbacks.test_a_function_may_run_prompts": _ALL,
    "test_client_callbacks.test_a_function_may_be_awaited_and_run_prompts": _ALL,
    "test_client_callbacks.test_a_function_that_raises_takes_nothing_with_it": _NO_SOCKET,
    "test_client_callbacks.test_a_function_that_exits_ends_no_calls": _NO_SOCKET,
    "test_client_callbacks.test_lists_are_kept_for_as_long_as_was_said": _CLASSES,
    "test_client_callbacks.test_nothing_is_kept_unless_it_is_asked_for": _CLASSES,
    "test_client_closing.test_a_closed_client_says_so": _ALL,
    "test_client_closing.test_an_async_client_that_is_collected_leaves_nothing": _NO_SOCKET,
    "test_client_closing.test_a_client_that_is_collected_leaves_nothing": Limit(
        "no socket, for which this waits in a loop of its own", "TooLong", 5
    ),
    "test_client_interruption.test_an_interrupt_in_the_midst_of_a_connection_spoils_no_request": _QUEUE,
    "test_client_interruption.test_a_callback_that_waits_for_the_end_of_its_client": _NO_SOCKET,
    "test_client_refusal.test_a_class_that_the_server_lacks_is_named_with_the_nearest_that_it_has": Limit(
        "only the sentence of a refusal, and no list of node classes",
        r"'invalid_workflow', None\)|assert False\s.*startswith",
    ),
    "test_client_seed_faults.test_9_a_socket_that_breaks_in_the_middle": _UNTIL_CONNECTED,
}
"""By module and name of the test."""
