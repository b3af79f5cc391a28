"""What is wrong with a configuration: pydantic errors as sentences that name the key and what would be right."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.base import Section
from pipeline.config.choices import as_kind, section_classes, tag_fields
from pipeline.config.other_names import ELSEWHERE, HERE
from pipeline.config.word_bounds import joined_settings
from pipeline.text.full_width import full_width_hint
from pipeline.text.nearest import nearest
from pipeline.text.validation import objection

_NUMBERS = {
    "int_parsing": "a whole number, written in digits",
    "float_parsing": "a number, written in digits",
}
"""What should stand where pydantic could not read a text as a number."""


def explain(root: type[Section], details: Any, values: Mapping[str, Any]) -> str:
    """One sentence for one of pydantic's errors.

    Args:
        root: the section that was validated.
        values: what it was validated from.
    """
    location = _without_union_tags(details["loc"], values)
    key = ".".join(str(part) for part in location)
    if details["input"] == "???":
        return f"{key} is missing: this choice needs a value, {key}=…"
    if unread := _to_be_read(details):
        hint = joined_settings(f"{key}={unread}") or full_width_hint(unread)
        if hint:
            return f"{key}={unread}: {hint}"
    if details["type"] == "extra_forbidden" and (told := _key_of_others(root, location, values)):
        return told
    if details["type"] == "extra_forbidden":
        known = _known_keys(root, location[:-1], values)
        meant = [name for name in HERE.get(str(location[-1]), ()) if name in known]
        near = meant or nearest(str(location[-1]), known)
        places = " or ".join(".".join(map(str, [*location[:-1], name])) for name in near)
        if not meant and str(location[-1]) in ELSEWHERE:
            places = ELSEWHERE[str(location[-1])]
        hint = f"did you mean {places}?" if places else f"known: {', '.join(known)}"
        return f"{key}: no such key; {hint}"
    if details["type"] == "missing":
        return f"{key} is missing"
    if details["type"] == "union_tag_not_found":
        return f"{key}.{details['ctx']['discriminator'][1:-1]} is missing"
    if details["type"] == "union_tag_invalid":
        tag = f"{key}.{details['ctx']['discriminator'][1:-1]}={details['ctx']['tag']!r}"
        return f"{tag}: input should be one of {details['ctx']['expected_tags']}"
    if location[:2] == ["launcher", "env"]:  # it may be secret
        return f"{key}: input should be a text; write a number as '1', with quotes within those of the shell"
    if details["type"] == "string_type" and isinstance(details["input"], int | float):
        value = str(details["input"]).lower() if isinstance(details["input"], bool) else details["input"]
        return (
            f"{key}={value}: input should be a text; write '{value}', with quotes within those of the shell"
        )
    if details["type"] == "list_type":
        given = f"{key}={details['input']}"
        listed = f"{key}=[{details['input']}]"
        if " " in listed:
            listed = f"'{listed}'"
        return f"{given}: input should be a list: {listed}"
    if details["type"] == "bool_parsing":
        return f"{key}={details['input']}: input should be true or false"
    if details["type"] in _NUMBERS:
        return f"{key}={details['input']!r}: input should be {_NUMBERS[details['type']]}"
    return f"{key}={details['input']!r}: {objection(details['msg'])}"


def _to_be_read(details: Any) -> str:
    """A value that pydantic could not read; nothing where it may be a text, whose letters are free."""
    given, kind = details["input"], details["type"]
    if not isinstance(given, str) or kind in ("value_error", "extra_forbidden"):
        return ""
    return given if kind != "list_type" or given.startswith(("【", "［")) else ""


def _key_of_others(root: type[Section], location: list[Any], values: Mapping[str, Any]) -> str:
    """Says which choices of the section have the key, where there are any: the chosen one has not."""
    field = root.model_fields.get(location[0]) if len(location) == 2 else None
    kind = as_kind(field.annotation) if field else None
    if kind is None:
        return ""
    having = [f"{kind.tag}={n}" for n, c in kind.choices().items() if location[1] in c.model_fields]
    chosen = f"{kind.tag}={values[location[0]].get(kind.tag)}"
    key = ".".join(map(str, location))
    return f"{key} is for {' and '.join(having)}; {chosen} has no use for it" if having else ""


def _without_union_tags(location: tuple[int | str, ...], values: Any) -> list[Any]:
    """pydantic puts the chosen variant's tag (`decoder`, `files`, …) behind the key of a union."""
    kept = []
    for part in location:
        if isinstance(values, Mapping) and part not in values and part in _tags_of(values):
            continue
        kept.append(part)
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
    return kept


def _tags_of(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values.get(tag) for tag in tag_fields())


def _known_keys(root: type[Section], path: list[Any], values: Any) -> list[str]:
    """Keys that the section at `path` has; of a union's variants, the chosen one's."""
    classes: list[type[Section]] = [root]
    for part in path:
        fields = [c.model_fields[part].annotation for c in classes if part in c.model_fields]
        # The name of an entry, in a map or list of sections, is no field: its class is known already.
        classes = [c for annotation in fields for c in section_classes(annotation)] or classes
        values = values.get(part, {}) if isinstance(values, Mapping) else values[part]
    chosen = [c for c in classes if isinstance(values, Mapping) and _tag(c) in _tags_of(values)] or classes
    names = {name for c in chosen for name in c.model_fields}
    return sorted(names if path else {*names, "experiment"})


def _tag(section: type[Section]) -> Any:
    fields = section.model_fields
    return next((fields[name].default for name in tag_fields() if name in fields), None)
