"""Powers in plain text: written on the line, 10 to the 6th would read as another number."""

_SUPERSCRIPTS = str.maketrans("0123456789+-−–", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻")


def superscript(exponent: str) -> str:
    """Digits and signs raised, whatever else is in the exponent as it stands."""
    return exponent.replace("&minus;", "−").translate(_SUPERSCRIPTS)
