"""The check of a configuration, which reports every problem at once."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.config.base import Section
from pipeline.config.base_weights import with_base_weights
from pipeline.config.credentials import credential_problems
from pipeline.config.explanations import explain
from pipeline.config.initial_weights import with_initial_weights
from pipeline.config.left_out import left_out_keys, without_keys
from pipeline.config.root import RootConfig
from pipeline.config.tasks import FinetuneConfig
from pipeline.config.teachers import with_teachers
from pipeline.errors import UserError
from pipeline.redaction import masked, redacted
from pipeline.text.counts import counted
from pipeline.text.surrogates import take_out_surrogates


def parse_config(values: Mapping[str, Any], typed: Collection[str] = ()) -> RootConfig:
    """The checked configuration.

    Args:
        typed: keys given on the command line. Others stay out where they are another choice's: see `left_out_keys`.

    Raises:
        UserError: with all problems, one per line: key, value, what would be right.
    """
    of_weights: list[str] = []
    for find in (partial(with_initial_weights, typed=typed), with_base_weights, with_teachers):
        try:
            values = find(values)
        except UserError as error:
            of_weights.append(str(error))
    values = without_keys(values, set(left_out_keys(RootConfig, values, typed)))
    try:
        root = RootConfig.model_validate(values)
    except ValidationError as error:
        raise UserError(_list_problems([*of_weights, *_problems_of_invalid(values, error)])) from None
    if problems := [*of_weights, *_problems(root, ""), *credential_problems(root)]:
        raise UserError(_list_problems(problems))
    return root


def _problems_of_invalid(values: Mapping[str, Any], error: ValidationError) -> list[str]:
    """What pydantic objects to; and what is right so far may contradict itself."""
    problems = [explain(RootConfig, details, values) for details in error.errors()]
    wrong = {details["loc"][0] for details in error.errors()}
    for name in set(values) & set(RootConfig.model_fields) - wrong:
        section = TypeAdapter(RootConfig.model_fields[name].annotation).validate_python(values[name])
        if isinstance(section, Section):
            problems += [*_problems(section, name), *credential_problems(section, name)]
    return problems


def _list_problems(problems: list[str]) -> str:
    shown = (redacted(masked(problem)) for problem in problems)
    return "\n".join(
        [
            f"the configuration has {counted(len(problems), 'problem')}:",
            *(f"  - {problem}" for problem in shown),
        ]
    )


def _joint(section: Section, problem: str) -> str:
    """What stands between a section and its problem: a dot where that begins with one of the section's own keys."""
    begins = re.match(r"(\w+)[\w.]*[=:]", problem)
    return "." if begins and begins[1] in type(section).model_fields else ": "


def _problems(section: Section, path: str) -> Iterator[str]:
    if isinstance(section, FinetuneConfig) and not section.enabled:
        return  # what is not used may contradict itself
    for problem in section.problems():
        yield f"{path}{_joint(section, problem)}{problem}" if path else problem
    for name in type(section).model_fields:
        value, key = getattr(section, name), f"{path}.{name}" if path else name
        if isinstance(value, Section):
            yield from _problems(value, key)
        elif take_out_surrogates(value)[1]:  # what Python makes of a command line's bytes that are not UTF-8
            yield f"{key}={value!r} is not UTF-8; write it in UTF-8"
