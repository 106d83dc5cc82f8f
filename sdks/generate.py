#!/usr/bin/env python3
"""Makes the SDKs' typed methods of schemas/events/*.avsc, the schemas that the Python package
writes Avro by, and what of them tells who somebody is of schemas/privacy.yaml. Needs PyYAML.

sdks/generate.py            writes the files
sdks/generate.py --check    fails where a file is not what it would write
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent / "schemas" / "events"
PRIVACY = HERE.parent / "schemas" / "privacy.yaml"
ENVELOPE = ("event_id", "event_time", "tenant", "source", "resource")
# Who an event is about: left out, it is the client's.
OWN = "engineer"

PYTHON_TYPES = {
    "string": "str",
    "long": "int",
    "int": "int",
    "double": "float",
    "float": "float",
    "boolean": "bool",
}
SCRIPT_TYPES = {
    "string": "string",
    "long": "number",
    "int": "number",
    "double": "number",
    "float": "number",
    "boolean": "boolean",
}


RUST_TYPES = {
    "string": "Text",
    "long": "i64",
    "int": "i64",
    "double": "f64",
    "float": "f64",
    "boolean": "bool",
}


class Field:
    """One field of an event type, as the languages need it."""

    def __init__(self, declared: dict) -> None:
        self.name = declared["name"]
        self.doc = declared.get("doc", "")
        self.type = declared["type"]
        if isinstance(self.type, list):
            (self.type,) = [kind for kind in self.type if kind != "null"]
        self.person = isinstance(self.type, dict) and self.type.get("type") == "record"
        self.own = self.person and self.name == OWN
        self.optional = "default" in declared or self.own

    def python(self) -> str:
        return self._type(PYTHON_TYPES, "Sequence[{}]", "Mapping[str, {}]")

    def script(self) -> str:
        return self._type(SCRIPT_TYPES, "readonly {}[]", "Readonly<Record<string, {}>>")

    def rust(self) -> str:
        kind = self._type(RUST_TYPES, "Vec<{}>", "BTreeMap<Text, {}>")
        return f"Option<{kind}>" if self.optional else kind

    def _type(self, plain: dict, array: str, mapping: str, of: object = None) -> str:
        of = self.type if of is None else of
        if isinstance(of, str):
            return plain[of]
        if of.get("logicalType") == "timestamp-micros":
            return "Time"
        kind = of["type"]
        if kind == "record":
            names = [field["name"] for field in of["fields"]]
            if names != ["email", "team"]:
                raise SystemExit(f"{self.name}: a record of {names} has no type in the SDKs yet")
            return "Person"
        if kind == "enum":
            return plain["string"]
        if kind == "array":
            return array.format(self._type(plain, array, mapping, of["items"]))
        if kind == "map":
            return mapping.format(self._type(plain, array, mapping, of["values"]))
        return plain[kind]


class EventType:
    """One event type."""

    def __init__(self, path: Path) -> None:
        declared = json.loads(path.read_text(encoding="utf-8"))
        self.name = path.name[: -len(".avsc")]
        self.class_name = declared["name"]
        self.doc = declared["doc"]
        fields = [Field(field) for field in declared["fields"] if field["name"] not in ENVELOPE]
        self.fields = sorted(fields, key=lambda field: field.optional)
        persons = [field for field in fields if field.person]
        if len(persons) > 1:
            raise SystemExit(f"{self.name}: two persons in one event have no form in the SDKs yet")
        self.person = persons[0].name if persons else None


def wrapped(text: str, indent: str, hanging: str = "", width: int = 96) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def python(types: list[EventType]) -> str:
    lines = [
        '"""One method per event type. Made by sdks/generate.py of schemas/events: not edited '
        'by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Any, Dict, Mapping, Optional, Sequence",
        "",
        "from ._guard import Person, Time, guarded",
        "",
        "",
        "class Events:",
        '    """Typed events. Each method only queues; what is left out is not sent.',
        "",
        "    All of them take event_id (a UUID, which makes two events the same one), event_time "
        "(a",
        "    datetime, or microseconds since 1970), source and resource, as the client has "
        'them."""',
        "",
        "    def _emit(",
        "        self, type: str, fields: Dict[str, Any], person_field: Optional[str] = None",
        "    ) -> None:",
        "        raise NotImplementedError",
        "",
    ]
    for event in types:
        lines += python_method(event)
    return "\n".join(lines).rstrip() + "\n"


def python_method(event: EventType) -> list[str]:
    lines = [
        "    @guarded",
        f"    def {event.name.replace('.', '_')}(",
        "        self,",
        "        *,",
    ]
    for field in event.fields:
        default = f"Optional[{field.python()}] = None" if field.optional else field.python()
        lines.append(f"        {field.name}: {default},")
    lines += [
        "        event_id: Optional[str] = None,",
        "        event_time: Optional[Time] = None,",
        "        source: Optional[str] = None,",
        "        resource: Optional[Mapping[str, str]] = None,",
        "    ) -> None:",
    ]
    lines += wrapped('"""' + event.doc, "        ") + [""]
    for field in event.fields:
        own = "; left out, the client's" if field.own else ""
        lines += wrapped(f"{field.name}: {field.doc}{own}", "        ", "    ")
    lines += ['        """', "        self._emit(", f'            "{event.name}",', "            {"]
    for name in [field.name for field in event.fields] + [n for n in ENVELOPE if n != "tenant"]:
        lines.append(f'                "{name}": {name},')
    lines += ["            },"]
    if event.person:
        lines.append(f'            "{event.person}",')
    return lines + ["        )", ""]


def camel(name: str) -> str:
    head, *tail = name.replace(".", "_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def script(types: list[EventType]) -> str:
    lines = [
        "// One method per event type. Made by sdks/generate.py of schemas/events: not edited by "
        "hand.",
        "",
        'import type { Envelope, Fields, Person, Time } from "./types.js";',
        "",
    ]
    for event in types:
        lines += script_type(event)
    lines += [
        "/** Typed events. Each method only queues; what is left out is not sent. */",
        "export abstract class Events {",
        "  protected abstract send(type: string, fields: Fields, envelope: Envelope, person?: "
        "string): void;",
        "",
    ]
    for event in types:
        lines += [
            f"  /** {event.doc} */",
            f"  {camel(event.name)}(event: {event.class_name}): void {{",
            "    const e = (event ?? {}) as " + event.class_name + ";",
            f'    this.send("{event.name}", {{',
        ]
        lines += [f"      {field.name}: e.{camel(field.name)}," for field in event.fields]
        person = f', "{event.person}"' if event.person else ""
        lines += [f"    }}, e{person});", "  }", ""]
    return "\n".join(lines).rstrip() + "\n}\n"


def script_type(event: EventType) -> list[str]:
    lines = [f"/** {event.doc} */", f"export interface {event.class_name} extends Envelope {{"]
    for field in event.fields:
        own = "; left out, the client's" if field.own else ""
        mark = "?" if field.optional else ""
        null = " | null" if field.optional else ""
        lines += [
            f"  /** {field.doc}{own} */",
            f"  {camel(field.name)}{mark}: {field.script()}{null};",
        ]
    return lines + ["}", ""]


def rust(types: list[EventType]) -> str:
    lines = [
        "//! One type per event type. Made by sdks/generate.py of schemas/events: not edited by hand.",
        "",
        "use crate::event::{Event, Person, Text, Time};",
        "use crate::Client;",
        "use serde::Serialize;",
        "use std::collections::BTreeMap;",
        "",
    ]
    for event in types:
        lines += rust_type(event)
    lines += ["impl Client {"]
    for event in types:
        lines += wrapped(event.doc.replace("[", "\\[").replace("]", "\\]"), "    /// ", "", 94)
        lines += [
            f"    pub fn {event.name.replace('.', '_')}(&self, event: {event.class_name}) {{",
            "        self.emit(event);",
            "    }",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n}\n"


def rust_type(event: EventType) -> list[str]:
    def doc(text: str, indent: str) -> list[str]:
        return wrapped(text.replace("[", "\\[").replace("]", "\\]"), f"{indent}/// ", "", 94)

    lines = doc(event.doc, "") + [
        "#[derive(Debug, Clone, Default, PartialEq, Serialize)]",
        f"pub struct {event.class_name} {{",
    ]
    for field in event.fields:
        own = "; left out, the client's" if field.own else ""
        lines += doc((field.doc or field.name) + own, "    ")
        if field.optional:
            lines.append('    #[serde(skip_serializing_if = "Option::is_none")]')
        lines.append(f"    pub {field.name}: {field.rust()},")
    own = ""
    if any(field.own for field in event.fields):
        own = f"    fn whose(&mut self) -> Option<&mut Option<Person>> {{\n        Some(&mut self.{OWN})\n    }}\n"
    return lines + [
        "}",
        "",
        f"impl Event for {event.class_name} {{",
        f'    const TYPE: &\'static str = "{event.name}";',
        *([own.rstrip("\n")] if own else []),
        "}",
        "",
    ]


def paths(fields: list, form: str, before: str = "") -> list[str]:
    """Paths of the fields that have a form, at any depth."""
    found = []
    for field in fields:
        path = before + field["name"]
        if field.get("weir.form") == form:
            found.append(path)
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for kind in kinds:
            if isinstance(kind, dict) and kind.get("type") == "record":
                found += paths(kind["fields"], form, path + ".")
    return found


def personal() -> dict:
    """What of each event type tells who somebody is, as crates/privacy resolves it: paths of people
    and of other texts, names of maps; and the rule of each map."""
    declared = yaml.safe_load(PRIVACY.read_text(encoding="utf-8"))
    events = {}
    for path in sorted(SCHEMAS.glob("*.avsc")):
        event = path.name[: -len(".avsc")]
        fields = json.loads(path.read_text(encoding="utf-8"))["fields"]
        has = {field["name"] for field in fields}
        people = sorted(paths(fields, "email"))
        own = declared["events"].get(event, [])
        named = sorted({*declared["fields"], *own})
        texts = [name for name in named if name in has and name not in people]
        maps = [name for name in sorted(declared["maps"]) if name in has]
        events[event] = {"people": people, "texts": texts, "maps": maps}
    return {"maps": declared["maps"], "events": events}


PERSONAL = "What of an event tells who somebody is. Made by sdks/generate.py: not edited by hand."


def python_personal(found: dict) -> str:
    lines = [
        f'"""{PERSONAL}"""',
        "",
        "from typing import Dict, Tuple",
        "",
        "Names = Tuple[str, ...]",
        "",
        "# Of each map: `kept` keys, or those that are `replaced`.",
        "MAPS: Dict[str, Tuple[str, Names]] = {",
    ]
    for name, rule in sorted(found["maps"].items()):
        ((how, keys),) = rule.items()
        lines += [f'    "{name}": (', f'        "{how}",', "        ("]
        lines += [f'            "{key}",' for key in keys] + ["        ),", "    ),"]
    lines += [
        "}",
        "",
        "# Of each event type: paths of people, paths of other texts, maps.",
        "EVENTS: Dict[str, Tuple[Names, Names, Names]] = {",
    ]
    for event, of in found["events"].items():
        lines += [f'    "{event}": (']
        lines += [f"        {tuple(of[kind])!r},".replace("'", '"') for kind in of] + ["    ),"]
    return "\n".join(lines) + "\n}\n"


def script_personal(found: dict) -> str:
    lines = [
        f"// {PERSONAL}",
        "",
        "type Names = readonly string[];",
        "",
        "/** Of each map: `kept` keys, or those that are `replaced`. */",
        "export const MAPS: Readonly<Record<string, readonly [string, Names]>> = {",
    ]
    for name, rule in sorted(found["maps"].items()):
        ((how, keys),) = rule.items()
        lines += [f"  {name}: [", f'    "{how}",', "    ["]
        lines += [f'      "{key}",' for key in keys] + ["    ],", "  ],"]
    lines += [
        "};",
        "",
        "/** Of each event type: paths of people, paths of other texts, maps. */",
        "export const EVENTS: Readonly<Record<string, readonly [Names, Names, Names]>> = {",
    ]
    for event, of in found["events"].items():
        lines += [f'  "{event}": ['] + [f"    {json.dumps(of[kind])}," for kind in of] + ["  ],"]
    return "\n".join(lines) + "\n};\n"


def rust_personal(found: dict) -> str:
    lines = [
        f"//! {PERSONAL}",
        "",
        "/// Of each map, sorted: whether its keys are kept (or replaced), and the keys.",
        "pub(crate) const MAPS: &[(&str, bool, &[&str])] = &[",
    ]
    for name, rule in sorted(found["maps"].items()):
        ((how, keys),) = rule.items()
        lines += [f'    ("{name}", {str(how == "kept").lower()}, &[']
        lines += [f'        "{key}",' for key in keys] + ["    ]),"]
    lines += [
        "];",
        "",
        "type Paths = &'static [&'static str];",
        "",
        "/// Of each event type, sorted: paths of people, paths of other texts, maps.",
        "pub(crate) const EVENTS: &[(&str, Paths, Paths, Paths)] = &[",
    ]
    for event, of in found["events"].items():
        lines += ["    (", f'        "{event}",']
        lines += [f"        &{json.dumps(of[kind])}," for kind in of] + ["    ),"]
    return "\n".join(lines) + "\n];\n"


def undocumented(schema: object) -> object:
    """A schema without its `doc`s, which change neither its id nor its bytes."""
    if isinstance(schema, dict):
        return {key: undocumented(value) for key, value in schema.items() if key != "doc"}
    if isinstance(schema, list):
        return [undocumented(value) for value in schema]
    return schema


def python_schemas() -> str:
    """Schemas by event type, as JSON with a field a line."""
    types = []
    for path in sorted(SCHEMAS.glob("*.avsc")):
        declared = json.loads(path.read_text(encoding="utf-8"))
        fields = [json.dumps(undocumented(field)) for field in declared["fields"]]
        rest = {key: value for key, value in declared.items() if key not in ("doc", "fields")}
        head = f' "{path.name[: -len(".avsc")]}": {json.dumps(rest)[:-1]}, "fields": ['
        types.append(head + "\n  " + ",\n  ".join(fields) + "\n ]}")
    return "{\n" + ",\n".join(types) + "\n}\n"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    check = arguments.parse_args().check
    types = [EventType(path) for path in sorted(SCHEMAS.glob("*.avsc"))]
    found = personal()
    made = {
        HERE / "personal.json": json.dumps(found, indent=1) + "\n",
        HERE / "python/src/weir/_personal.py": python_personal(found),
        HERE / "typescript/src/personal.ts": script_personal(found),
        HERE / "rust/src/personal.rs": rust_personal(found),
        HERE / "python/src/weir/_events.py": python(types),
        HERE / "python/src/weir/_schemas.json": python_schemas(),
        HERE / "typescript/src/events.ts": script(types),
        HERE / "rust/src/events.rs": rust(types),
    }
    stale = []
    for path, text in made.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{'stale, run sdks/generate.py' if check else 'written'}: {path.relative_to(HERE)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
