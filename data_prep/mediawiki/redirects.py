"""Redirects by their text, for dumps that don't mark them with an element."""

import re

# The English word is understood by every wiki; the others are those of the large Wikipedias (MediaWiki's
# languages/messages).
_WORDS = """
    redirect weiterleitung redirection omdirigering doorverwijzing перенаправление перенапр перенаправлення
    redirección redireccion rinvia rinvio rimando patrz przekieruj tam 転送 リダイレクト 重定向 đổi
    تحويل redirecionamento تغییر_مسیر تغییرمسیر redirecció redireccio alih 넘겨주기 преусмери преусмјери
    yönlendirme yönlendir ohjaus uudelleenohjaus přesměruj átirányítás redirecteaza הפניה
    重新導向 birzuzendu վերահղում preusmeri preusmjeri пренасочване виж suuna alidirekti alidirektu lencong
    presmeruj peradresavimas preusmeritev পুনর্নির্দেশ पुनर्प्रेषित अनुप्रेषित გადამისამართება айдау пренасочување види
    เปลี่ยนทาง దారిమార్పు வழிமாற்று yoʻnaltirish yonaltirish istiqamətləndirmə istiqamətləndir ανακατευθυνση
""".split()  # noqa: SIM905 (a word a line would take pages)
_REDIRECT = re.compile(
    rf"\s*+[#＃](?:{'|'.join(_WORDS)})\s*+:?\s*+\[\[\s*+:?([^\[\]|#<>\n]{{1,255}})(?:#[^\[\]|\n]*)?(?:\||\]\])",
    re.IGNORECASE,
)


def redirect_target(text: str) -> str | None:
    """The title that a page redirects to by its wikitext, without the section; None where it does not."""
    found = _REDIRECT.match(text)
    return found[1].replace("_", " ").strip() if found else None
