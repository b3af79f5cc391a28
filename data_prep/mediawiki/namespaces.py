"""The namespaces and link prefixes whose links a reader doesn't see where they stand.

A dump's ``<siteinfo>`` gives the local name of a namespace, not its aliases (the older ``Image``, ``Bild``,
``画像``), and wikis also understand the canonical English names. So the names of the large Wikipedias are
listed here (by MediaWiki's languages/messages), and all of them are recognized in every wiki; but names that begin
titles in another language (``Imagine: John Lennon``) in their own alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from data_prep.mediawiki.site import Site

_MEDIA_IDS = (-2, 6)
_CATEGORY_ID = 14

MEDIA_NAMES = frozenset(
    """
    media file image payl imahen paypay
    datei bild medium fichier média archivo imagen immagine ficheiro arquivo imagem imaxe bestand afbeelding
    plik grafika fil bilde billede tiedosto kuva soubor súbor obrázok fájl kép fișier fişier datoteka slika
    fitxer imatge fitxategi irudi dosiero fasciculus vaizdas attēls fail imej delwedd íomhá skeda lêer beeld
    picha berkas gambar dosya resim fayl şəkil tasvir hình tập_tin
    файл изображение зображення картинка слика датотека податотека выява сурет αρχείο εικόνα պատկեր ფაილი
    სურათი קובץ תמונה ملف صورة پرونده تصویر चित्र চিত্র படிமம் దస్త్రం బొమ్మ ಚಿತ್ರ പ്രമാണം ചിത്രം ไฟล์ ภาพ
    ファイル 画像 文件 档案 檔案 图像 圖像 图片 圖片 파일 그림
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
LOCAL_MEDIA_NAMES = {"ro": frozenset({"imagine"}), "ia": frozenset({"imagine"})}
"""By language."""
CATEGORY_NAMES = frozenset(
    """
    category kategoriya kaarangay
    kategorie catégorie categoría categoria categorie kategoria kategori luokka kategória kategorija kategorio
    kategooria flokkur categori catagóir jamii kateqoriya turkum thể_loại
    категория категорія категорија катэгорыя санат κατηγορία կատեգորիա კატეგორია קטגוריה تصنيف رده زمرہ श्रेणी
    वर्ग বিষয়শ্রেণী பகுப்பு వర్గం ವರ್ಗ വർഗ്ഗം หมวดหมู่ カテゴリ カテゴリー 分类 分類 분류
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
WIKIPEDIA_CODES = frozenset(
    """
    aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba
    ban bar bat-smg bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs bug bxr ca
    cbk-zam cdo ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy da dag de dga din diq dsb dtp dty dv
    dz ee el eml en eo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl
    glk gn gom gor got gpe gu guc gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie
    ig igl ii ik ilo inh io is it iu ja jam jbo jv ka kaa kab kbd kbp kcg kg kge ki kj kk kl km kn knc ko
    koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh mad
    mai map-bms mdf mg mh mhr mi min mk ml mn mni mnw mos mr mrj ms mt mus mwl my myv mzn na nah nan nap
    nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm
    pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat
    sc scn sco sd se sg sgs sh shi shn si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw szl
    szy ta tay tcy tdd te tet tg th ti tk tl tly tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve
    vec vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-classical zh-min-nan zh-yue
    zu
    """.split()  # noqa: SIM905 (a word a line would take pages)
)


OTHER_WIKIS = frozenset(
    """
    w wikt wiktionary s wikisource q wikiquote b wikibooks n wikinews v wikiversity voy wikivoyage
    c commons d wikidata m meta metawikipedia mw mediawikiwiki species wikispecies foundation phab phabricator
    incubator outreach doi iarchive google
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
"""Prefixes of links to the sister projects and others of the interwiki map."""


@dataclass(frozen=True)
class LinkPrefixes:
    """Lower-case prefixes of the links that show elsewhere than where they stand."""

    media: frozenset[str]
    invisible: frozenset[str]
    """Files, categories, and languages of the article."""


def link_prefixes(site: Site) -> LinkPrefixes:
    """Those of the site's own language and of the large Wikipedias."""
    media = _names(site, _MEDIA_IDS, MEDIA_NAMES | LOCAL_MEDIA_NAMES.get(site.language, frozenset()))
    return LinkPrefixes(media, media | _names(site, (_CATEGORY_ID,), CATEGORY_NAMES) | WIKIPEDIA_CODES)


def _names(site: Site, ids: Iterable[int], names: frozenset[str]) -> frozenset[str]:
    local = {site.namespaces.get(i, "").lower() for i in ids} - {""}
    return frozenset(name.replace("_", " ") for name in names | local)
