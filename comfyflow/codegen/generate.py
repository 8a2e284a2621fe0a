"""From a schema to a package of Python node classes."""

from __future__ import annotations

from ..collector import collector_paused
from ..errors import CodegenError
from ..problem import left_out
from ..schema import Schema
from .package import Package
from .package_plan import Options, plan_package
from .render import render
from .schema_file import FILE_NAME, NotJsonError, node_line, schema_file


def generate(schema: Schema, options: Options | None = None) -> Package:
    """Generate the node classes of a server.

    The same schema and options always give the same bytes. Nothing is written: see
    `Package.write`. A node that cannot be generated is left out and reported.

    Args:
        schema: The server's nodes.
        options: What to generate; all of it with docs, if left out.

    Raises:
        CodegenError: There is no node to generate.
    """
    with collector_paused():
        return _generate(schema, options or Options())


def _generate(schema: Schema, options: Options) -> Package:
    lines: dict[str, str] = {}
    skipped = list(schema.problems)
    for name in sorted(schema):
        if options.wants(schema[name]):
            try:
                lines[name] = node_line(schema[name], options.docs)
            except NotJsonError as error:
                skipped.append(left_out(name, str(error)))
    plan = plan_package([schema[name] for name in lines], options)
    skipped = sorted((*skipped, *plan.skipped), key=lambda entry: entry.class_type or "")
    lines = {node.class_type: lines[node.class_type] for node in plan.nodes}
    if not lines:
        raise CodegenError(f"there is no node to generate in {schema.source}")
    files = dict(render(plan, str(schema.version)))
    files[FILE_NAME] = schema_file(lines, str(schema.version), files, schema.unusual_editor)
    files["py.typed"] = ""
    return Package(files, tuple(lines), tuple(skipped), tuple(plan.renamed))
