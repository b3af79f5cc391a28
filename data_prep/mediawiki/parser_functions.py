"""The parser functions by which templates choose what they show, under the names of all languages."""

_LOCAL = {
    "if": "si se als om ako ако если якщо jika ha když eger eğer nếu as 若 如果 非空式 もし 만약 لو اگر ئەگەر "
    "תנאי यदि जर എങ്കിൽ agar kaptin raha",
    "ifeq": "si= siigual seigual seeq alsgelijk omlika omlik акоисто якщорівні рівні jikasama haegyenlő "
    "nếu_bằng nếubằng 若相等 如果相等 相同式 匹配式 もし等しい 만약일치 لومعادلة اگرمساوی اگربرابر שווה "
    "यदिसम यदि_समान यदि_बराबर जरसम സമമെങ്കിൽ agarteng",
    "switch": "wechsle según selon schakelen växel byt префрли переключатель вибірка pilih değiştir degistir 开关 "
    "转换 轉換 多选式 多条件式 双射式 切り替え 스위치 تبديل گزینه منتقل گۆڕینەوە בחר बदलें മാറ്റുക "
    "tanlov",
    "ifexist": "siexiste seexiste seesiste alsbestaat omfinns omfinst акопостои якщоіснує jikaada halétezik "
    "kdyžexist nếu_tồn_tại nếutồntại 若有 如有 存在式 もし存在 만약존재 لوموجود اگرموجود קיים यदि_मौजूद "
    "जरअसेल ഉണ്ടെങ്കിൽ agarbor",
    "iferror": "sierreur sierror seerro seerrore alsfout omfel omfeil акогрешка еслиошибка якщопомилка jikasalah "
    "hahibás nếu_lỗi nếulỗi 如果错误 如果錯誤 错误式 もしエラー 만약오류 لوخطأ اگرخطا اگرنقص यदि_त्रुटि "
    "जरत्रुटी പിഴവെങ്കിൽ agarxato",
}
_CANONICAL = {local: name for name, names in _LOCAL.items() for local in (name, *names.split())}


def parser_function(name: str) -> str:
    """The English name of what stands behind ``#`` and before the colon."""
    name = name.strip().lower()
    return _CANONICAL.get(name.replace(" ", "_"), name)
