"""Which names of a generated package were others before, and which are gone."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..codegen.block import NodeClassPlan
from ..codegen.package_plan import Options, PackagePlan, plan_package
from ..json_types import is_array
from ..node_history import releases, renamed_choices
from ..schema import Schema
from ..versions import release as release_number

Changed = Mapping[str, Any]


@dataclass(frozen=True)
class NameChanges:
    """What happened to the names of a package of node classes.

    Attributes:
        classes: What classes were called, and are called now.
        choices: The same, of the aliases of lists of choices.
        outputs: By class, what its outputs were called and are called now.
        present: The classes of the package, and their class types.
        aliases: The aliases of the package.
        changed: By class, what ComfyUI changed in it since a known release: the version, and what.
        defaults: By class, the inputs that need not be given.
        widths: By class, how many outputs it has.
    """

    classes: Mapping[str, str] = field(default_factory=dict[str, str])
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    present: Mapping[str, str] = field(default_factory=dict[str, str])
    aliases: frozenset[str] = frozenset()
    changed: Mapping[str, list[tuple[str, Changed]]] = field(
        default_factory=dict[str, list[tuple[str, Changed]]]
    )
    defaults: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    widths: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, schema: Schema) -> NameChanges:
        """Those of the package that is generated from a schema.

        Args:
            schema: The package's.
        """
        plan = plan_package([schema[name] for name in sorted(schema)], Options())
        planned = [one for module in plan.modules for one in module.classes]
        present = {str(one.name): one.class_type for one in planned}
        names = {class_type: name for name, class_type in present.items()}
        aliases = frozenset(str(alias.name) for alias in plan.choices)
        former: dict[str, dict[str, str]] = {"node": {}, "choices": {}}
        for entry in plan.renamed:
            if entry.former and entry.kind in former:
                former[entry.kind][entry.former] = entry.name
        return cls(
            {old: new for old, new in former["node"].items() if old not in present},
            {**_of_older_releases(aliases), **former["choices"]},
            dict(_outputs(plan, names)),
            present,
            aliases,
            dict(_changed(schema, present)),
            {str(one.name): frozenset(_with_default(one)) for one in planned},
            {str(one.name): len(one.blocks[0].outputs) for one in planned},
        )


def _of_older_releases(aliases: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for release in releases().values():
        for old in release["aliases"]:
            new = renamed_choices(old)
            if new in aliases and old not in aliases:
                found[old] = new
    return found


def _outputs(plan: PackagePlan, names: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The outputs that were called otherwise; a second of one name had, and has, a number."""
    found: dict[str, dict[str, str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for entry in plan.renamed:
        if entry.kind == "output" and entry.former:
            counts[entry.class_type, entry.former] += 1
            number = counts[entry.class_type, entry.former]
            former = entry.former if number == 1 else f"{entry.former}_{number}"
            found.setdefault(entry.class_type, {})[former] = entry.name
    for class_type, outputs in found.items():
        yield names[class_type], outputs


def _with_default(plan: NodeClassPlan) -> Iterator[str]:
    for argument in plan.blocks[0].arguments or ():
        if argument.default is not None:
            yield ast.literal_eval(argument.wire)


def _changed(schema: Schema, present: Mapping[str, str]) -> Iterator[tuple[str, list[tuple[str, Changed]]]]:
    """Remarks about ComfyUI's own classes, as far as the package's classes are so new."""
    for name, class_type in present.items():
        node = schema[class_type]
        told = [
            (version, release["changed"][class_type])
            for version, release in releases().items()
            if class_type in release["changed"]
            and not node.of_pack
            and schema.version >= release_number(version)
        ]
        if told:
            yield name, told


def lost_values(changed: Changed) -> Iterator[tuple[str, list[Any], Any]]:
    """Of the inputs that a release changed: the name, choices that it dropped, and a lost default."""
    for name, lost in changed.get("inputs", {}).items():
        choices = lost.get("choices")
        yield name, list(choices) if is_array(choices) else [], lost.get("default")
