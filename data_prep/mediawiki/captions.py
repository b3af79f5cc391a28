"""What stands below an image."""

import re

from pipeline.text.letters import MARKS

CAPTION = "\x04"
"""Brackets a caption inside a line, until ``layout`` makes a paragraph of it."""

# Parameters by which MediaWiki shows a caption: an image without one of them has it as a tooltip only. The words
# here are those of MediaWiki 1.39 (languages/messages, img_*) for some thirty large Wikipedias, and older ones;
# single letters are left out: they may be a caption elsewhere.
_FRAMED = frozenset(
    """
    thumb thumbnail frame framed enframed
    mini miniatur gerahmt vignette encadré encadre cadre miniatyr inramad ram miniatuur omkaderd
    мини миниатюра обрамить міні мініатюра обрамити рамка
    miniaturadeimagen miniatura marco enmarcado enmarcada min riquadrato incorniciato mały ramka
    miniaturadaimagem commoldura comborda nhỏ khung サムネイル フレーム 缩略图 縮圖 有框
    تصغير مصغر إطار بإطار بندانگشتی انگشتدان انگشتی قاب
    originale 代替画像 marc bingkai bing jmpl jempol 프레임 섬네일 썸네일 축소판 оквир рам умањено ramme
    çerçeveli çerçeve küçükresim küçük kehys kehystetty pienoiskuva pienois rám náhled keretezett keretben
    keretes kerettel bélyegkép bélyeg miniatűr cadru מסגרת ממוסגר ממוזער շրջափակել մինի
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
    tiefgestellt hochgestellt ligne-de-base ind exp bas-txt haut-txt abajo medio arriba metà testo-sotto
    testo-sopra خط_اساسى خط_أساسي أسفل من_غير_اطار فرعى فرعي سوبر سب نص_أسفل نص_أعلى أعلى 底部 中间 子 超
    文字底部 文字顶部 顶部 替代文字 垂直置底 垂直置中 下標 上標 文字置底 文字置頂 垂直置頂 ベースライン 中心
    文下端 文上端 границя під текст-знизу chân-chữ dưới nửa-chiều-cao chỉ-số-dưới chỉ-số-trên dưới-chữ trên-chữ
    trên همکف پایین زیر زبر متن-پایین متن-بالا línia_de_base baix mitjà baix-text dalt-text dalt redreçat gada
    garis_dasar tepi batas bawah pus pusat nirbing tanpabingkai kiri ki tengah nir tanpa ka kanan upa batek
    bawah-teks atek atas-teks atas lurus tegak 밑줄 테두리 아래 가운데 프레임없음 왼쪽 중간 없음 오른쪽 아래첨자
    위첨자 글자아래 텍스트아래 글자위 텍스트위 위 위오른쪽 ивица оивичено дно центар безоквира без_оквира
    безрама без_рама лево средина десно супер срединатекста средина_текста врхтекста врх_текста врх усправно
    grunnlinje bunn sentrer senter midtstilt rammeløs ingenramme venstre midt høyre tekst-bunn portrett
    tabançizgisi altçizgi sınır taban orta çerçevesiz sol merkez yok sağ alt üst üs metin-taban metin-tavan
    metin-tepe tepe tavan dikey perustaso reunus alas alhaalla keski keskitetty kehyksetön vasen keskellä tyhjä
    oikea alaindeksi yläindeksi ylös ylhäällä pysty yläoikea okraj střed bezrámu vlevo žádné vpravo alapvonal
    keret lent lenn középre közép keretnélküli balra bal vközépen vközépre semmi jobbra jobb ai alsóindex fi
    felsőindex szöveg-lenn szöveg-lent szöveg-fenn szöveg-fent fenn fent fennjobbra linia_de_bază chenar jos
    centru faracadru stanga mijloc nu dreapta exponent text-jos text-sus sus dreaptasus שורת_הבסיס גבול גבולות
    למטה מרכז לא_ממוסגר ללא_מסגרת שמאל באמצע ללא ימין תחתי עילי בתחתית_הטקסט בראש_הטקסט למעלה ימין_למעלה erdian
    ezkerrera eskuinera կենտրոն ձախից առանց աջից
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_NUMBERED = "|".join(
    """
    page upright seite hochkant redresse sida stående pagina rechtop страница сверхусправа página
    verticale صفحه صفحة معدول 右上 ページ сторінка зверхуправоруч trang đứng superiordireito ایستاده pàgina
    redreçat hal halaman lurus tegak страна усправно side portrett sayfa dikey sivu pysty yläoikea strana
    oldal fennjobbra dreaptasus דף ימין_למעלה էջ
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_FRAMED_BY_FILE = re.compile("(?:" + "|".join(_FRAMED) + r")\s*=")
_SIZE = re.compile(  # of options as `caption` compares them
    r"x?\d+[\s_]*(?:x[\s_]*\d+[\s_]*)?"
    r"(?:px|пкс|بك|عن|پیکسل|像素|ピクセル|픽셀|пискел|п|p|pik|piksel|pixelů|פיקסלים|փքս)"
    rf"|(?:{_NUMBERED})_?=?_?\d+(?:\.\d+)?"
    r"|\d+[页頁]"
)
_ASSIGNMENT = re.compile(rf"[^\W\d][\w{MARKS}-]{{0,15}}\s*=")  # alt=, link=, upright=, in any language


def caption(parameters: str) -> str:
    """The caption among an image's parameters ``thumb|left|100px|The caption``, in its brackets.

    The last parameter that is no option, of an image that is shown in a frame.
    """
    parts = [part.strip() for part in parameters.split("|")]
    options = [part.lower().replace(" ", "_") for part in parts]
    if not any(option in _FRAMED or _FRAMED_BY_FILE.match(option) for option in options):
        return ""
    for part, option in zip(reversed(parts), reversed(options), strict=True):
        is_option = option in _OPTIONS or _SIZE.fullmatch(option) or _ASSIGNMENT.match(part)
        if part and not is_option:
            return f"{CAPTION}{' '.join(part.split())}{CAPTION}"
    return ""
