"""What stands below an image."""

import re

CAPTION = "\x04"
"""Brackets a caption inside a line, until ``layout`` makes a paragraph of it."""

# Parameters by which MediaWiki shows a caption: an image without one of them has it as a tooltip only.
_FRAMED = frozenset(
    """
    thumb thumbnail frame framed enframed
    mini miniatur gerahmt vignette encadré encadre cadre miniatyr inramad ram miniatuur omkaderd
    мини миниатюра обрамить міні мініатюра обрамити рамка
    miniaturadeimagen miniatura marco enmarcado enmarcada min riquadrato incorniciato mały ramka
    miniaturadaimagem commoldura comborda nhỏ khung サムネイル フレーム 缩略图 縮圖 有框
    تصغير مصغر إطار بإطار بندانگشتی انگشتدان انگشتی قاب
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_OPTIONS = _FRAMED | frozenset(
    """
    left right center centre none frameless border upright baseline sub super sup top text-top middle bottom
    text-bottom
    links rechts zentriert ohne rahmenlos rand hochkant grundlinie tief hoch oben text-oben mitte unten text-unten
    gauche droite centré néant neant sans_cadre non_encadré non_encadre bordure redresse base indice exposant
    haut haut-texte milieu bas bas-texte
    vänster höger centrerad ingen ramlös kantlinje stående baslinje ned upp topp text-topp mitten botten text-botten
    geen gecentreerd kaderloos rechtop grondlijn boven tekst-boven midden beneden tekst-beneden
    слева справа центр без безрамки граница сверхусправа основание под над сверху текст-сверху посередине
    снизу текст-снизу ліворуч праворуч межа зверхуправоруч основа зверху текст-зверху посередині знизу
    izquierda izda izq derecha dcha der centro centrado centrada centrar ninguna nada no ninguno sinmarco
    sin_enmarcar sinenmarcar borde sinistra destra nessuno senza_cornice bordo verticale pedice apice sopra sotto
    lewo prawo centruj brak bezramki bez_ramki tło góra środek dół skala skaluj
    esquerda direita nenhum semmoldura semborda borda superiordireito linhadebase acima meio abaixo
    esquerra dreta centre cap sense_marc vora trái phải giữa không không_khung viền đứng
    左 右 中央 中 なし 無し フレームなし 境界 ボーダー 右上 下線 下付き 上付き 上端 下端
    居中 置中 无 無 无框 無框 边框 邊框 基线
    يمين يسار مركز بدون بلا لاإطار معدول حد حدود چپ راست وسط هیچ بی‌قاب بیقاب بی_قاب ایستاده حاشیه میانه بالا
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_FRAMED_BY_FILE = re.compile("(?:" + "|".join(_FRAMED) + r")\s*=")
_OPTION = re.compile(
    r"\s*(?:"
    r"x?\d+\s*(?:x\s*\d+\s*)?(?:px|пкс|بك|عن|پیکسل|像素|ピクセル)"
    r"|[^\W\d][\w-]{0,15}\s*=.*"  # alt=, link=, upright=, in any language
    r")\s*",
    re.DOTALL,
)


def caption(parameters: str) -> str:
    """The caption among an image's parameters ``thumb|left|100px|The caption``, in its brackets.

    The last parameter that is no option, of an image that is shown in a frame.
    """
    parts = [part.strip() for part in parameters.split("|")]
    options = [part.lower().replace(" ", "_") for part in parts]
    if not any(option in _FRAMED or _FRAMED_BY_FILE.match(option) for option in options):
        return ""
    for part, option in zip(reversed(parts), reversed(options), strict=True):
        if part and option not in _OPTIONS and not _OPTION.fullmatch(part):
            return f"{CAPTION}{' '.join(part.split())}{CAPTION}"
    return ""
