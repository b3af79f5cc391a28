"""Magic words that the page alone decides: its title, its namespace, its wiki."""

from data_prep.mediawiki.site import Site

_LOCAL = {
    "pagename": "seitenname nompage nombredepagina nombredepágina titolopagina nomepagina paginanaam nazwastrony "
    "sidnamn sidenamn sidenavn nomedapagina nomedapágina названиестраницы имястраницы назва_сторінки "
    "ページ名 記事名 页面名 页名 頁名 頁面名稱 문서이름 اسم_الصفحة اسم_صفحة نام‌صفحه نام_صفحه "
    "têntrang sayfaadı sayfaadi sivunnimi oldalneve",
    "fullpagename": "vollseitenname voller_seitenname nompagecomplet nombrecompletodepagina volledigepaginanaam "
    "pelnanazwastrony helasidnamnet nomecompletodapagina полноеназваниестраницы повна_назва_сторінки "
    "完全なページ名 完全な記事名 完整页面名 페이지이름전체 têntrangđủ",
    "namespace": "namensraum espacenommage espaciodenombre naamruimte nazwaprzestrzeni namnrymd domínio dominio "
    "пространствоимён простір_назв 名前空間 名字空间 이름공간 نطاق فضای‌نام khônggiantên",
    "sitename": "projektname nomsite nombredelsitio nomesito sitenaam nazwaprojektu sajtnamn nomedosite "
    "названиесайта назва_сайту サイト名 站点名称 사이트이름 اسم_الموقع نام‌وب‌گاه têntrangmạng",
}
_CANONICAL = {
    alias.replace("_", " "): word for word, aliases in _LOCAL.items() for alias in (word, *aliases.split())
} | {
    "articlepagename": "fullpagename",
    "subjectpagename": "fullpagename",
    "basepagename": "basepagename",
    "rootpagename": "rootpagename",
    "subpagename": "subpagename",
    "namespacenumber": "namespacenumber",
}


def is_page_word(name: str) -> bool:
    """Whether this is one of these words, in lower case, with spaces for underscores."""
    return name in _CANONICAL


def page_word(name: str, title: str, site: Site) -> str | None:
    """What a magic word prints on a page; None where it is none of those that the page alone decides.

    Args:
        name: in lower case, with spaces for underscores.
        title: of the page, with its namespace. Of no page, the empty string, these words print nothing.
    """
    word = _CANONICAL.get(name)
    if word is None:
        return None
    number = site.namespace_of(title)
    name_in_space = title.partition(":")[2].strip() if number else title
    if word == "sitename":
        return site.name
    if word == "fullpagename":
        return title
    if word == "namespace":
        return site.namespaces.get(number, "")
    if word == "namespacenumber":
        return str(number)
    if word == "pagename" or not number:  # articles have no subpages
        return name_in_space
    parts = name_in_space.split("/")
    return {"rootpagename": parts[0], "subpagename": parts[-1]}.get(word, "/".join(parts[:-1] or parts))
