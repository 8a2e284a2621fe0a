"""Texts."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ...json_types import is_object
from ..node_function import NodeContext, NodeLibrary, NodeResult

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


@node("StringConcatenate")
def string_concatenate(string_a: str, string_b: str, delimiter: str = "") -> str:
    """Two as one."""
    return string_a + delimiter + string_b


@node("StringSubstring")
def string_substring(string: str, start: int, end: int) -> str:
    """A part, counted as Python does."""
    return string[start:end]


@node("StringLength")
def string_length(string: str) -> int:
    """How many letters."""
    return len(string)


@node("CaseConverter")
def case_converter(string: str, mode: str) -> str:
    """In capitals, or not."""
    changes = {
        "UPPERCASE": str.upper,
        "lowercase": str.lower,
        "Capitalize": str.capitalize,
        "Title Case": str.title,
    }
    return changes[mode](string)


@node("StringTrim")
def string_trim(string: str, mode: str) -> str:
    """Without space around it."""
    return {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}[mode](string)


@node("StringReplace")
def string_replace(string: str, find: str, replace: str) -> str:
    """One text for another."""
    return string.replace(find, replace)


@node("StringContains")
def string_contains(string: str, substring: str, case_sensitive: bool = True) -> bool:
    """Whether one is in the other."""
    if not case_sensitive:
        string, substring = string.lower(), substring.lower()
    return substring in string


@node("StringCompare")
def string_compare(string_a: str, string_b: str, mode: str, case_sensitive: bool = True) -> bool:
    """Whether one begins, ends with or is the other."""
    if not case_sensitive:
        string_a, string_b = string_a.lower(), string_b.lower()
    if mode == "Equal":
        return string_a == string_b
    return string_a.startswith(string_b) if mode == "Starts With" else string_a.endswith(string_b)


@node("StringFormat")
def string_format(f_string: str, values: dict[str, Any] | None = None) -> str:
    """Values put into a string, by letter: ``{a}``, ``{b:.2f}``.

    Raises:
        ValueError: The text reaches into a value (``{a.b}``, ``{a[0]}``), which is not simulated.
    """
    if re.search(r"\{[a-z]*[.\[]", f_string):
        raise ValueError("only plain fields such as {a} or {a:.2f} are simulated")
    return f_string.format(**(values or {}))


def _flags(case_insensitive: bool, multiline: bool, dotall: bool) -> re.RegexFlag:
    flags = re.RegexFlag(0)
    for wanted, flag in ((case_insensitive, re.IGNORECASE), (multiline, re.MULTILINE), (dotall, re.DOTALL)):
        if wanted:
            flags |= flag
    return flags


@node("RegexMatch")
def regex_match(
    string: str,
    regex_pattern: str,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
) -> bool:
    """Whether a pattern is found; not with a bad one."""
    try:
        return re.search(regex_pattern, string, _flags(case_insensitive, multiline, dotall)) is not None
    except re.error:
        return False


@node("RegexExtract")
def regex_extract(
    string: str,
    regex_pattern: str,
    mode: str,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
    group_index: int = 1,
) -> str:
    """What a pattern finds: the first or all, whole or a group of it; nothing with a bad one."""
    try:
        found = list(re.finditer(regex_pattern, string, _flags(case_insensitive, multiline, dotall)))
    except re.error:
        return ""
    if mode == "All Matches":
        # Python's findall gives groups where there are some, and the server takes the first.
        texts = [match.group(1) if match.re.groups else match.group(0) for match in found]
    elif mode == "First Match":
        texts = [match.group(0) for match in found[:1]]
    else:
        chosen = found if mode == "All Groups" else found[:1]
        texts = [match.group(group_index) for match in chosen if match.re.groups >= group_index]
    return "\n".join(text or "" for text in texts)


@node("RegexReplace")
def regex_replace(
    string: str,
    regex_pattern: str,
    replace: str,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
    count: int = 0,
) -> str:
    """Something else for what a pattern finds; a bad one is an error."""
    return re.sub(
        regex_pattern, replace, string, count=count, flags=_flags(case_insensitive, multiline, dotall)
    )


@node("JsonExtractString")
def json_extract_string(json_string: str, key: str) -> str:
    """A value of a JSON object as text; nothing where there is none."""
    try:
        data: Any = json.loads(json_string)
    except (ValueError, RecursionError):
        return ""
    value = data.get(key) if is_object(data) else None
    return "" if value is None else str(value)


@node("ConvertDictionaryToString")
def dictionary_to_string(dictionary: Any, indent: int = 2) -> str:
    """An object as JSON."""
    return json.dumps(dictionary, ensure_ascii=False, indent=indent or None)


@node("ConvertArrayToString")
def array_to_string(array: Any, indent: int = 2) -> str:
    """A list as JSON."""
    return json.dumps(array, ensure_ascii=False, indent=indent or None)


@node("TextToLowercase")
def text_to_lowercase(texts: str) -> str:
    """In small letters."""
    return texts.lower()


@node("TextToUppercase")
def text_to_uppercase(texts: str) -> str:
    """In capitals."""
    return texts.upper()


@node("TruncateText")
def truncate_text(texts: str, max_length: int) -> str:
    """Its beginning."""
    return texts[:max_length]


@node("AddTextPrefix")
def add_text_prefix(texts: str, prefix: str) -> str:
    """Something before it."""
    return prefix + texts


@node("AddTextSuffix")
def add_text_suffix(texts: str, suffix: str) -> str:
    """Something behind it."""
    return texts + suffix


@node("ReplaceText")
def replace_text(texts: str, find: str, replace: str) -> str:
    """One text for another."""
    return texts.replace(find, replace)


@node("StripWhitespace")
def strip_whitespace(texts: str) -> str:
    """Without space around it."""
    return texts.strip()


@node("SaveText")
def save_text(context: NodeContext, text: str, filename_prefix: str = "ComfyUI", **rest: Any) -> NodeResult:
    """A text file in the output folder; JSON is written out neatly."""
    ending = str(rest.get("format", "txt"))
    file = context.folders.new_file(filename_prefix, "output", ending, mark="")
    written = text
    if ending == "json":
        try:
            written = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            written = text
    file.path.write_text(written, encoding="utf-8")
    return NodeResult((text,), {"text": [text], "files": [file.to_json()]})


@node("TextGenerate", "TextGenerateLTX2Prompt")
def text_generate(context: NodeContext, prompt: str = "", max_length: int = 512, **_rest: Any) -> str:
    """What a language model would say: the simulator repeats the prompt."""
    context.progress(1, 1, None)
    return f"(simulated) {prompt}"[:max_length]
