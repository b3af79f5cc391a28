"""What the templates of one wiki show, as learned from their sources."""

from collections.abc import Mapping, Sequence

from data_prep.mediawiki.prose_templates import renderer as prose_renderer
from data_prep.mediawiki.template_arguments import Arguments, Render, Renderer
from data_prep.mediawiki.template_rules import Rule


class TemplateBook:
    """Rules by a template's name, in lower case; picklable.

    Args:
        rules: a template that is known to show nothing has the empty rule.
        disambiguations: the templates that mark a page as a list of its title's meanings.
    """

    def __init__(self, rules: Mapping[str, Rule] | None = None, disambiguations: Sequence[str] = ()) -> None:
        self._rules = rules or {}
        self.disambiguations = frozenset(disambiguations)

    def render(self, name: str, renderer: Renderer) -> Render | None:
        """What shows a template's words; None where nothing was learned of it.

        Args:
            renderer: of the templates that this one uses.
        """
        rule = self._rules.get(name)
        if rule is None:
            return None
        return lambda _, arguments: show(rule, arguments, renderer)


def show(rule: Rule, arguments: Arguments, renderer: Renderer) -> str:
    """The text that a rule makes of a template's arguments."""
    if isinstance(rule, str):
        return rule
    match rule:
        case ["all", *parts]:
            return "".join([show(part, arguments, renderer) for part in parts])
        case ["argument", name, default]:
            return arguments[name] if name in arguments else show(default, arguments, renderer)
        case ["if", condition, then, otherwise]:
            is_met = show(condition, arguments, renderer).strip()
            return show(then if is_met else otherwise, arguments, renderer)
        case ["switch", subject, default, *cases]:
            wanted = show(subject, arguments, renderer).strip()
            for value, result in cases:
                if show(value, arguments, renderer).strip() == wanted:
                    return show(result, arguments, renderer)
            return show(default, arguments, renderer)
        case ["use" | "as" | "known" as kind, name, *given]:
            if given:
                inner = {key: show(value, arguments, renderer).strip() for key, value in given[0].items()}
                arguments = Arguments.expanded(inner)
            render = prose_renderer(name) if kind == "known" else renderer(name)
            return render(name, arguments) if render else ""
    raise ValueError(f"no rule: {rule!r}")
