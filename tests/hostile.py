"""Schemas, workflows and media files as an attacker would write them: drawn from a seed."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zlib
from functools import lru_cache
from typing import Any

from comfyflow.dynamic import UNFOLDING
from tests.editor_json import SCHEMA, Json

KINDS = ("schemas", "workflows", "media")
LONGEST = 4000
_TYPES = (
    *("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "IMAGE", "MODEL", "*", "IMAGE,MASK"),
    *sorted(UNFOLDING),
)
_VIRTUAL = (
    "Reroute",
    "PrimitiveNode",
    "Note",
    "MarkdownNote",
    "SetNode",
    "GetNode",
    "workflow>G",
    "Label (rgthree)",
)


class Attacker:
    """Draws what a stranger may send.

    Args:
        rng: Where the draws come from.
        canary: A file that nobody may make: code in the texts makes it.
        secret: A file that nobody may read.
        port: A port of this machine that nobody may connect to.
    """

    def __init__(self, rng: random.Random, canary: str, secret: str, port: int) -> None:
        self.rng = rng
        self.canary = canary
        self.secret = secret
        self.port = port
        trap = f"__import__('pathlib').Path({canary!r}).touch()"
        self.texts = (
            trap, f'"""\n{trap}\n"""', f"'''\n{trap}\n'''", f'"\n{trap}\n"', f"\\\"\"\"; {trap} #",
            f"\\\n{trap}", f"x\r{trap}", f"x\x0c\n{trap}", f"x\u2028{trap}", f"x\u2029{trap}",
            f"x\x85{trap}", f"{{{{ {trap} }}}}", f"{{% set x = {trap} %}}", f"{{{trap}}}", f"'+{trap}+'",
            f"',{trap},'", f"):\n    {trap}\nclass X(", f"# coding: utf-7\n+{trap}", f"$(touch {canary})",
            f"`touch {canary}`", f";touch {canary}", canary, secret, f"file://{secret}",
            "../../../escaped", "..", ".", "/", "\\", "C:\\x", "con", "x/../../y", "x\0y",
            f"http://127.0.0.1:{port}/x", "self", "class", "None", "True", "__class__", "__init__",
            "_private", "getattr", "globals", "print", "input", "annotations", "TYPE_CHECKING", "choices",
            "sockets", "nodes", "Any", "Node", "Output", "count", "index", "", " ", "a b", "1", "-1",
            "1e999", "NaN", "é", "漢字", "ﬁ", "\u0301", "\xad\u202e\u200b", "\x1b[31m", "\ud800",
            "\U000e0041", "{a|b}", "{" * 60, "/* x", "// x", "\\", "%date:yyyy%", "%N.text%", "%a.b%",
            "1:2", "12", "COMFY_X", "a.b", "x.0", "x0", "\0000\1", "COMFY_DYNAMICCOMBO_V3", "*", ",",
            "INT,*", "input_blocks.0.", "Epsilon Scaling", "workflow>G",
        )  # fmt: skip

    def one(self, *choices: Any) -> Any:
        return self.rng.choice(choices)

    def text(self) -> str:
        drawn = self.rng.random()
        text = str(self.rng.choice(self.texts))
        if drawn < 0.05:
            return (text or "x") * self.rng.randrange(1, LONGEST // max(1, len(text)) + 2)
        if drawn < 0.15:
            return text + str(self.rng.choice(self.texts))
        return text

    def number(self) -> Any:
        return self.one(
            0,
            1,
            -1,
            2,
            3,
            10,
            255,
            2**31,
            2**53 + 1,
            2**64,
            -(2**63),
            10**400,
            0.5,
            -0.0,
            1e308,
            1e-320,
            float("inf"),
            float("nan"),
            True,
            False,
        )

    def junk(self, depth: int = 3) -> Any:
        """Any JSON value."""
        drawn = self.rng.random()
        if depth == 0 or drawn < 0.55:
            return self.one(None, self.text(), self.text(), self.number())
        if drawn < 0.6:
            value: Any = []
            for _ in range(self.rng.choice((40, 150, 400))):
                value = [value] if self.rng.random() < 0.5 else {"x": value}
            return value
        size = range(self.rng.randrange(4))
        if drawn < 0.8:
            return [self.junk(depth - 1) for _ in size]
        return {self.text(): self.junk(depth - 1) for _ in size}

    def damaged(self, value: Any, times: int) -> Any:
        """The value with some of its parts replaced, taken away, doubled, wrapped or exchanged."""
        root = [value]
        for _ in range(times):
            holder: Any = root
            key: Any = 0
            for _ in range(self.rng.randrange(1, 9)):
                inner = holder[key]
                if not isinstance(inner, (dict, list)) or not inner:
                    break
                holder, key = (
                    inner,
                    self.rng.choice(list(inner) if isinstance(inner, dict) else range(len(inner))),
                )
            self._damage(holder, key)
        return root[0]

    def _damage(self, holder: Any, key: Any) -> None:
        action = self.rng.randrange(7)
        if action == 0:
            holder[key] = [holder[key]]
        elif action == 1 and isinstance(holder, dict):
            holder[self.text()] = holder.pop(key)
        elif action == 2 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]) if len(json.dumps(holder[key])) < LONGEST else 0)
        elif action == 3 and isinstance(holder, dict):
            del holder[key]
        elif action == 4:
            other = self.rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            holder[key], holder[other] = holder[other], holder[key]
        else:
            holder[key] = self.junk()

    # Schemas

    def schema(self) -> Json:
        """An /object_info."""
        names = [self.one(f"Node{number}", self.text()) for number in range(self.rng.randrange(1, 5))]
        made = {name: self._node_class(name) for name in names}
        if self.rng.random() < 0.6:
            made = self.damaged(made, self.rng.randrange(1, 4))
        return made if isinstance(made, dict) else {"Node": made}

    def _node_class(self, name: str) -> Json:
        outputs = [self.one(*_TYPES, self.text()) for _ in range(self.rng.randrange(4))]
        return {
            "input": {
                group: self._inputs(2)
                for group in self.one(("required",), ("required", "optional", "hidden"))
            },
            "output": outputs,
            "output_name": [self.one(kind, self.text()) for kind in outputs],
            "output_matchtypes": [self.one(None, "T", self.text()) for _ in outputs],
            "output_tooltips": [self.text() for _ in outputs],
            "output_node": self.one(True, False),
            "name": self.one(name, self.text()),
            "display_name": self.text(),
            "description": self.text(),
            "category": self.text(),
            "python_module": self.one(
                "nodes", "pack", f"pack.{self.text()}", self.text(), f"{self.text()}.{self.text()}"
            ),
            "deprecated": self.one(True, False),
        }

    def _inputs(self, depth: int) -> Json:
        return {
            self.one("x", "y", "seed", self.text()): self._input(depth) for _ in range(self.rng.randrange(5))
        }

    def _input(self, depth: int) -> Any:
        kind = self.one(*_TYPES, self.text(), [self.text() for _ in range(self.rng.randrange(4))])
        options: Json = {}
        for name in self.rng.sample(
            [
                "default",
                "min",
                "max",
                "tooltip",
                "forceInput",
                "multiline",
                "image_upload",
                "options",
                "multiselect",
                "widgetType",
                "slotType",
                "dynamicPrompts",
                "control_after_generate",
            ],
            self.rng.randrange(4),
        ):
            options[name] = self.junk(2)
        if (isinstance(kind, str) and kind in UNFOLDING) or self.rng.random() < 0.1:
            options |= self._dynamic(max(0, depth - 1))
        return self.one([kind, options], [kind, options], [kind], kind)

    def _dynamic(self, depth: int) -> Json:
        def inputs() -> Json:
            return {
                "required": self._inputs(depth) if depth else {},
                "optional": self._inputs(0) if depth else {},
            }

        return {
            "options": [
                {"key": self.text(), "inputs": inputs(), "when": self.one(None, "IMAGE", self.text())}
                for _ in range(self.rng.randrange(3))
            ],
            "template": self.one(
                {"template_id": self.one("T", self.text()), "allowed_types": self.one(*_TYPES, self.text())},
                {"input": inputs(), "prefix": self.text(), "min": self.number(), "max": self.number()},
                {"input": inputs(), "names": [self.text() for _ in range(3)], "min": self.number()},
            ),
            "inputs": inputs(),
            "slotType": self.one(*_TYPES, self.text()),
            "group": inputs(),
        }

    # Workflows

    def workflow(self) -> Any:
        """Editor JSON, sometimes a prompt, sometimes something else."""
        drawn = self.rng.random()
        if drawn < 0.12:
            return self.damaged(self._prompt(), self.rng.randrange(4))
        definitions = [self._definition(name) for name in ("d", "e", "f")[: self.rng.randrange(4)]]
        made: Json = {
            **self._graph([definition["id"] for definition in definitions], 0),
            "version": self.one(0.4, 0.4, 0.4, 1, self.junk()),
            "last_node_id": self.one(20, self.number()),
            "groups": [self._group() for _ in range(self.rng.randrange(3))],
            "extra": self.one(
                {}, {"groupNodes": {"G": self._grouped()}}, {"ue_links": [self._ue() for _ in range(2)]}
            ),
            "definitions": {"subgraphs": definitions},
        }
        if made["version"] == 1:
            made["links"] = [self._link_object(link) for link in made["links"]]
        if self.rng.random() < 0.6:
            made = self.damaged(made, self.rng.randrange(1, 5))
        return self.one(
            made,
            made,
            made,
            {"workflow": made},
            {"extra_data": {"extra_pnginfo": {"workflow": made}}},
            [made],
        )

    def _graph(self, subgraphs: list[Any], links_more: int) -> Json:
        ids = [self.one(number, number, number, self.text()) for number in range(1, self.rng.randrange(2, 9))]
        links: list[list[Any]] = []
        for number in range(1, self.rng.randrange(1, 12 + links_more)):
            origin, target = self.one(*ids, -10), self.one(*ids, -20)
            if self.rng.random() < 0.9 and origin in ids and target in ids and origin != target:
                origin, target = sorted((origin, target), key=ids.index)  # else nearly all run in circles
            links.append(
                [number, origin, self.rng.randrange(3), target, self.rng.randrange(3), self.one(*_TYPES)]
            )
        return {"nodes": [self._node(id_, subgraphs, links) for id_ in ids], "links": links}

    def _node(self, id_: Any, subgraphs: list[Any], links: list[list[Any]]) -> Json:
        type_ = self.one(*SCHEMA, *SCHEMA, *_VIRTUAL, self.text(), *subgraphs * 4)
        known = SCHEMA.get(type_)
        names = [entry.name for entry in known.inputs] if known is not None else ["a", "b"]
        incoming = [link[0] for link in links if link[3] == id_]
        inputs = [
            {
                "name": self.one(name, name, self.text()),
                "type": self.one(*_TYPES, self.junk(1)),
                "link": incoming.pop()
                if incoming and self.rng.random() < 0.8
                else self.one(None, None, 99, self.junk(1)),
                **self.one({}, {"widget": {"name": name}}),
            }
            for name in [*names, self.text()]
        ]
        outputs = [
            {
                "name": self.text(),
                "type": self.one(*_TYPES),
                "links": [link[0] for link in links if link[1:3] == [id_, slot]],
            }
            for slot in range(3)
        ]
        return {
            "id": id_,
            "type": type_,
            "mode": self.one(0, 0, 0, 0, 2, 4, self.number()),
            "pos": self.one([0, 0], self.junk(1)),
            "title": self.one(None, self.text()),
            "inputs": inputs,
            "outputs": outputs,
            "properties": self.one(
                {}, {"Node name for S&R": self.text()}, {"Run widget replace on values": True}, self.junk(1)
            ),
            "widgets_values": self.one(
                [self.junk(1) for _ in range(self.rng.randrange(7))], self.junk(2), None
            ),
        }

    def _definition(self, name: str) -> Json:
        graph = self._graph(["d", "e", "f"] if self.rng.random() < 0.3 else [], 4)
        links = [link[0] for link in graph["links"]] or [1]

        def side() -> list[Json]:
            return [
                {
                    "id": self.text(),
                    "name": self.text(),
                    "label": self.one(None, self.text()),
                    "type": self.one(*_TYPES),
                    "linkIds": [self.rng.choice(links) for _ in range(2)],
                }
                for _ in range(self.rng.randrange(3))
            ]

        return {
            "id": name,
            "name": self.text(),
            "version": 1,
            "inputs": side(),
            "outputs": side(),
            "nodes": graph["nodes"],
            "links": [self._link_object(link) for link in graph["links"]],
            "groups": [self._group()],
        }

    def _link_object(self, link: list[Any]) -> Json:
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        return dict(zip(keys, link, strict=True))

    def _group(self) -> Json:
        return {"title": self.text(), "bounding": self.one([-9, -9, 99, 99], self.junk(1))}

    def _grouped(self) -> Json:
        nodes = [
            {"type": self.one(*SCHEMA, *_VIRTUAL), "index": number, "title": self.text()}
            for number in range(3)
        ]
        return {
            "nodes": nodes,
            "links": [[self.rng.randrange(3) for _ in range(4)] + ["*"] for _ in range(3)],
            "external": [[self.rng.randrange(3), 0, "*"]],
            "config": self.one({}, {"0": {"input": {"x": self.junk(1)}}}),
        }

    def _ue(self) -> Json:
        slots = ("downstream", "upstream", "downstream_slot", "upstream_slot")
        return {name: self.one(1, 2, 0, self.junk(1)) for name in slots}

    def _prompt(self) -> Any:
        keys = ["1", "2", "3", "4:5", self.text()]
        return {
            key: {
                "class_type": self.one(*SCHEMA, self.text()),
                "inputs": {
                    self.one("x", "text", "image", self.text()): self.one([self.one(*keys), 0], self.junk(2))
                    for _ in range(3)
                },
                "_meta": self.one({"title": self.text()}, self.junk(1)),
            }
            for key in keys
        }

    # Media

    def media(self) -> bytes:
        """A file that may carry a workflow."""
        small = {"nodes": [{"id": 1, "type": "Encode", "widgets_values": [self.text()[:60]]}], "links": []}
        workflow = self.one(small, small, self.workflow())
        texts = {"workflow": json.dumps(workflow), "prompt": self.one("{}", json.dumps(self._prompt()))}
        data = bytearray(self.one(*self._files(texts)))
        if self.rng.random() < 0.5:
            self._spoil(data)
        return bytes(data)

    def _spoil(self, data: bytearray) -> None:
        for _ in range(self.rng.choice((1, 1, 3, 30))):
            at = self.rng.randrange(len(data) + 1)
            action = self.rng.randrange(5)
            if action == 0:
                del data[at:]
            elif action == 1:
                data[at : at + 4] = struct.pack(
                    self.one(">I", "<I"), self.one(0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 2**24)
                )
            elif action == 2:
                data[at:at] = data[at : at + self.rng.randrange(200)] * self.one(1, 2, 50)
            elif action == 3:
                data[at:at] = self.text().encode("utf-8", "surrogatepass")
            elif at < len(data):
                data[at] = self.rng.randrange(256)

    def _files(self, texts: dict[str, str]) -> list[bytes]:
        raw = {name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()}
        both = json.dumps(texts).encode()
        head = struct.pack("<Q", len(both) + 16) + b'{"__metadata__":' + both + b"}"
        asset = b'{"asset":{"extras":' + both + b"}}"
        glb = (
            b"glTF" + struct.pack("<II", 2, 20 + len(asset)) + struct.pack("<I", len(asset)) + b"JSON" + asset
        )
        svg = b"<svg><metadata><![CDATA[" + both + b"]]></metadata></svg>"
        return [
            _png(raw, b"tEXt"),
            _png(raw, b"zTXt"),
            _png(raw, b"iTXt"),
            head,
            glb,
            svg,
            raw["workflow"],
            *(
                made.replace(_PLACE, raw["workflow"][: len(_PLACE)].ljust(len(_PLACE)))
                for made in _carriers()
            ),
            self.one(*_carriers()).replace(_PLACE, both),
            f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{self.port}/x.ts\n".encode(),
            f"ffconcat version 1.0\nfile '{self.secret}'\n".encode(),
            f"concat:{self.secret}".encode(),
            zlib.compress(b"x" * 1000),
            _png({"workflow": b"{" * 3_000_000}, b"zTXt"),
        ]


_PLACE = b'{"workflow":"' + b"w" * 900 + b'"}'
"""Where the texts go in a file that a library wrote."""


def _png(texts: dict[str, bytes], kind: bytes) -> bytes:
    written = bytearray(b"\x89PNG\r\n\x1a\n")
    for name, text in texts.items():
        body = {
            b"tEXt": text,
            b"zTXt": b"\0" + zlib.compress(text),
            b"iTXt": b"\1\0\0\0" + zlib.compress(text),
        }[kind]
        chunk = name.encode() + b"\0" + body
        written += struct.pack(">I", len(chunk)) + kind + chunk + struct.pack(">I", zlib.crc32(kind + chunk))
    return bytes(written + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


@lru_cache(maxsize=1)
def _carriers() -> tuple[bytes, ...]:
    """Small pictures, videos and sounds that carry `_PLACE`."""
    from PIL import Image

    made: list[bytes] = []
    exif = Image.Exif()
    exif[0x010F] = b"workflow:" + _PLACE
    for form in ("WEBP", "JPEG", "GIF", "PNG"):
        file = io.BytesIO()
        Image.new("RGB", (4, 4)).save(file, form, exif=exif, comment=_PLACE)
        made.append(file.getvalue())
    try:
        import av
    except ImportError:
        return tuple(made)
    for form, codec in (
        ("mp4", "mpeg4"),
        ("matroska", "mpeg4"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("ogg", "flac"),
    ):
        file = io.BytesIO()
        opener: Any = av.open
        with opener(file, "w", format=form) as container:
            container.metadata["comment"] = _PLACE.decode()
            if codec == "mpeg4":
                stream = container.add_stream(codec, rate=4)
                stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
            else:
                container.add_stream(codec, rate=48000)
            container.start_encoding()
        made.append(file.getvalue())
    return tuple(made)
