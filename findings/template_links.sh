#!/usr/bin/env bash
# A workflow file stores a link three times: in the table, at its input, at its output. Do the official files agree?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfyui-workflow-templates-json 0.1.123, comfyui-subgraph-blueprints 0.0.13"
echo "guess:   every link's nodes exist and its three records agree, since the editor saved these files"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    comfyui-workflow-templates-json==0.1.123 comfyui-subgraph-blueprints==0.0.13

cat > "$work/probe.py" <<'PY'
import json
import pathlib

import comfyui_subgraph_blueprints
import comfyui_workflow_templates_json

EDGES = {-10, -20}  # a definition's own input and output


def links(graph: dict) -> list[tuple[int, ...]]:
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return [
        tuple(link[key] for key in keys) if isinstance(link, dict) else tuple(link[:5])
        for link in graph["links"]
    ]


def faults(graph: dict) -> list[str]:
    nodes = {node["id"]: node for node in graph["nodes"]}
    table = {link[0]: link for link in links(graph)}
    found = []
    for _, origin, _, target, _ in table.values():
        if not {origin, target} <= nodes.keys() | EDGES:
            found.append("link to a node that is not there")
    for number, node in nodes.items():
        for slot, output in enumerate(node.get("outputs") or []):
            for link in output.get("links") or []:
                if link not in table:
                    found.append("output lists a link that the table lacks")
                elif table[link][1:3] != (number, slot):
                    found.append("output lists another output's link")
        for socket in node.get("inputs") or []:
            if socket.get("link") is not None and table.get(socket["link"], (0, 0, 0, None))[3] != number:
                found.append("input names a link that is not its own")
    return found


for package in (comfyui_workflow_templates_json, comfyui_subgraph_blueprints):
    seen: dict[str, list[str]] = {}
    graphs = 0
    for path in sorted(pathlib.Path(package.__file__).parent.rglob("*.json")):
        file = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(file, dict) or "nodes" not in file:
            continue
        for graph in [file, *file.get("definitions", {}).get("subgraphs", [])]:
            graphs += 1
            for fault in faults(graph):
                seen.setdefault(fault, []).append(path.name)
    print(f"{package.__name__}: {graphs} graphs")
    for fault, files in sorted(seen.items()):
        print(f"  {fault}: {len(files)} in {len(set(files))} files, first {files[0]}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='comfyui_workflow_templates_json: 955 graphs
  link to a node that is not there: 12 in 1 files, first image_flux2_klein_image_edit_9b_distilled.json
  output lists a link that the table lacks: 14 in 13 files, first 3d_triposplat_image_to_gaussian_splat.json
comfyui_subgraph_blueprints: 245 graphs
  output lists a link that the table lacks: 6 in 5 files, first color_adjustment.json
  output lists another output'\''s link: 2 in 1 files, first crop_images_3x3.json'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
