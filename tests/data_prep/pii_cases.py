"""Sentences with personal data, marked as `[[…]]`, by kind; and sentences that hold none but look like it.

All of it is made up or from ranges that are set aside: 555-01xx, Ofcom's and ACMA's numbers for drama, test cards of
payment providers, the examples of the IBAN registry.
"""

POSITIVE = {
    "email": """
Write to [[jane.doe@example.com]] for details.
Contact: [[j_smith+lists@mail.example.co.uk]].
Send it to <[[info@example.org]]> please.
mailto:[[webmaster@sub.domain.example.net]]
Her address is [[ANNA.SCHMIDT@EXAMPLE.DE]], as far as I know.
([[o'brien@example.ie]])
Bug reports go to [[dev-list@lists.example.io]], not to me.
邮箱：[[zhang.wei@example.cn]]，谢谢。
请联系[[li-na@163.com]]获取更多信息。
メールは[[tanaka@example.co.jp]]までお願いします。
Пишите на [[ivan.petrov@example.ru]].
Skriv till [[åsa.öberg@example.se]] i dag.
Kontakt: [[mueller@müller-bau.de]]
[[a@b.co]] is a short one.
Two of them: [[first@example.com]], [[second@example.com]].
[[first.last@department.university.edu]];
The author ([[x.y.z@cs.example.edu]]) replied.
Email:[[sales99@shop-online.example]]
"[[kim@example.kr]]" bounced.
Reach us at [[hello@startup.ai]]!
E-mail [[1234567@qq.com]]
reply-to: [[no_reply@example.museum]]
Schreiben Sie an [[max.mustermann@web.de]].
Écrivez à [[marie-claire.dupont@orange.fr]].
Escriba a [[josé.garcía@correo.es]] hoy.
[[ops%team@example.com]] is an odd but valid one
His address, [[w.b.yeats@poets.example]], was public.
[[user@10minutemail.com]]
Forward to [[abuse@isp.example.net]]...
Ask [[bob@example.com]]/[[alice@example.com]].
Contact Jane Doe, [[jane@x.example.com]]-she knows.
PGP key of [[key-holder@crypto.example]] expired
""",
    "ip": """
The edit came from 10.0.4.200? No: from [[81.2.69.142]].
Banned: [[203.98.7.65]] and [[24.128.45.77]].
Connect to [[151.101.1.69]]:443.
ping [[8.8.8.8]]
The DNS server [[1.1.1.1]] answered.
Received: from mail ([[62.41.58.112]]) by mx
[[89.160.20.112]] - - [10/Oct/2000:13:55:36] "GET / HTTP/1.0" 200
IP: [[175.16.199.37]]
http://[[216.58.214.46]]/search
network [[67.43.156.0]]/24 was blocked
来自IP地址[[123.125.114.144]]的用户
Der Zugriff erfolgte von [[217.160.86.40]].
User [[202.196.224.5]] vandalized this page.
([[212.227.15.41]])
"[[95.216.14.3]]"
Allow from [[185.15.59.224]];
Their address was [[4.2.2.2]], a resolver.
ssh root@host, which is [[45.33.32.156]]
last login from [[190.211.254.9]].
Talk page of [[93.184.216.34]]
[[2001:4860:4860::8888]] is a resolver.
The address [[2606:4700:4700::1111]] works too.
from [[2a02:8108:8a80:1d5c:a4b1:33ff:fe2e:1c7]] at night
inet6 [[2a00:1450:4001:81b::200e]]
user [[2600:1700:ABCD:1234:5678:9ABC:DEF0:1234]] was warned.
host [[2620:0:862:ed1a::1]] replied
Blocked: [[2409:8a00:2651:9f40:c14:22ff:fe71:8]],
host [[54.239.28.85]] is up
proxy [[31.13.84.36]], port 8080
node [[139.130.4.5]] failed
""",
    "phone": """
Call [[+1 212 555 0123]] now.
Call me at [[(212) 555-0147]].
Phone: [[212-555-0199]]
[[1-800-555-0110]] is toll-free.
[[415.555.0132]]
Dial [[+1-415-555-0188]] for help.
Fax [[(415)555-0177]]
Tel. [[555-0143]]
Mobile: [[4155550126]]
Her number, [[+1 (303) 555-0164]], is new.
The office ([[+44 20 7946 0958]]) is closed.
Ring [[020 7946 0018]] after six.
Call [[0161 496 0123]] or [[0113 496 0456]].
[[01632 960123]] is fictitious.
Mobile [[07700 900123]]
Text [[07700 900 456]] to win
[[+44 (0)20 7946 0321]]
[[(0161) 496 0789]] rings
[[+447700900789]] is on WhatsApp
Freephone [[0800 496 0123]]
Tel.: [[030 901820]]
Telefon [[030/12345678]]
Rufen Sie [[(030) 23125-0]] an, nicht [[(030) 23125000]].
Handy: [[0171 1234567]]
[[0171/1234567]] ist besetzt.
[[+49 30 901820]]
[[+49 (0) 89 1234567]]
[[0049 89 1234567]]
Fax: [[089 12 34 56 78]]
Mobil [[0151 234 56 78]]
Tél. [[01 42 68 53 00]]
Appelez le [[01.42.68.53.00]].
[[06 12 34 56 78]], c'est son portable.
[[+33 1 42 68 53 00]]
[[+33 (0)6 12 34 56 78]]
[[0033 1 42 68 53 00]]
Teléfono: [[912 345 678]]
Llame al [[+34 912 345 678]].
móvil [[612 34 56 78]]
[[+39 06 6982 1234]] è il numero.
Tel. [[06 6982 1234]], Roma
[[+39 347 123 4567]]
電話: [[03-1234-5678]]
[[090-1234-5678]]までお電話ください。
[[0120-123-456]]はフリーダイヤルです。
[[+81 3-1234-5678]]
[[06-6345-1234]] (大阪)
电话：[[010-12345678]]
手机：[[13800138000]]
[[138-0013-8000]]
[[+86 138 0013 8000]]
[[0755-26001234]]转3
[[+86-10-6552-9988]]
[[02-2345-6789]] 臺北
전화 [[02-312-3456]]
[[010-1234-5678]]
[[+82 2-312-3456]]
[[+91 98765 43210]]
Phone [[98765 43210]]
[[022-26543210]] Mumbai
Ligue [[(11) 91234-5678]].
[[(21) 3123-4567]]
[[+55 11 91234-5678]]
Звоните: [[8 (495) 123-45-67]].
[[+7 495 123-45-67]]
[[8-800-555-35-35]]
Тел. [[495 123-45-67]]
[[(02) 5550 4321]] Sydney
Mobile [[0491 570 156]]
[[+61 2 5550 4321]]
Phone [[1300 975 707]]
[[044 668 18 00]] Zürich
[[+41 44 668 18 00]]
[[020-1234567]] Amsterdam
[[06-12345678]]
[[+31 20 123 4567]]
[[08-123 456 78]] Stockholm
[[+46 8 123 456 78]]
[[018-12 34 56]] Uppsala
[[+47 22 12 34 56]]
Tlf/Tel [[22 12 34 56]]
[[+48 22 123 45 67]]
[[+351 21 123 4567]]
[[+353 1 234 5678]]
[[+972-3-123-4567]]
[[+90 212 123 45 67]]
[[0212 123 45 67]] İstanbul
[[+971 4 123 4567]]
[[+852 2345 6789]]
[[+65 6123 4567]]
[[+64 9 123 4567]]
[[+27 21 123 4567]]
[[+52 55 1234 5678]]
[[+380 44 123 4567]]
My number is [[0171 1234567]].
TEL:[[052(123)4567]]
联系电话[[0571-88123456]]
[[+234 803 123 4567]]
Tél : [[+33.4.91.12.34.56]]
[[+44 (0) 131 496 0321]] (Edinburgh)
""",
    "iban": """
IBAN: [[DE89 3704 0044 0532 0130 00]]
Pay to [[DE89370400440532013000]].
[[GB29 NWBK 6016 1331 9268 19]] is the account.
([[GB29NWBK60161331926819]])
[[FR14 2004 1010 0505 0001 3M02 606]]
FR: [[FR1420041010050500013M02606]],
[[CH93 0076 2011 6238 5295 7]]
[[AT61 1904 3002 3457 3201]]
[[BE68 5390 0754 7034]]
[[NL91 ABNA 0417 1643 00]]
[[ES91 2100 0418 4502 0005 1332]]
[[IT60 X054 2811 1010 0000 0123 456]]
[[PL61 1090 1014 0000 0712 1981 2874]]
[[NO93 8601 1117 947]]
[[SE45 5000 0000 0583 9825 7466]]
[[DK50 0040 0440 1162 43]]
[[FI21 1234 5600 0007 85]]
[[IE29 AIBK 9311 5212 3456 78]]
[[PT50 0002 0123 1234 5678 9015 4]]
[[LU28 0019 4006 4475 0000]]
[[GR16 0110 1250 0000 0001 2300 695]]
[[CZ65 0800 0000 1920 0014 5399]]
[[HU42 1177 3016 1111 1018 0000 0000]]
[[TR33 0006 1005 1978 6457 8413 26]]
[[SA03 8000 0000 6080 1016 7519]]
[[AE07 0331 2345 6789 0123 456]]
[[BR18 0036 0305 0000 1000 9795 493C 1]]
[[MT84 MALT 0110 0001 2345 MTLC AST0 01S]]
[[KZ86 125K ZT50 0410 0100]]
Konto [[DE89 3704 0044 0532 0130 00]] BIC COBADEFFXXX
[[YE15 CBYE 0001 0188 6123 4567 8912 34]]
[[HN88 CABF 0000 0000 0002 5000 5469]]
[[SD21 2901 0501 2340 01]]
""",
    "card": """
Card: [[4111 1111 1111 1111]]
[[4111111111111111]] was declined.
[[4012-8888-8888-1881]]
Visa [[4222222222222]]
[[5555 5555 5555 4444]], exp 12/25
[[5105105105105100]]
[[2223 0031 2200 3222]]
[[3782 822463 10005]] is an Amex.
[[378282246310005]]
Amex [[3714-496353-98431]]
[[6011 1111 1111 1117]]
[[6011000990139424]]
[[3056 9309 0259 04]]
[[30569309025904]]
[[38520000023237]]
[[3530 1113 3330 0000]]
[[3566002020360505]]
[[6200 0000 0000 0005]]
信用卡号：[[4242424242424242]]
([[4242 4242 4242 4242]])
Pay with [[4000 0566 5566 5556]].
MasterCard [[5454545454545454]];
[[5200-8282-8282-8210]]
[[6304000000000000]]
Karte [[4917 6100 0000 0000]]
CC [[4000002500003155]] CVC 123
card [[2720 9900 0000 0007]]
[[4500600000000061]]
[[5019717010103742]]
[[6759 6498 2643 8453]]
card number [[4532 0151 1283 0366]]
""",
}

NEGATIVE = """
He was born on 12.05.1968 in Ulm.
The treaty of 1648-10-24 ended the war.
It lasted from 01/09/1939 to 02/09/1945.
1939-1945 and 1914-1918
1995–2003, 2004–2011
Seasons 1998-1999-2000
2008-09-15 12:30:45.123456
The file is dated 20080915123045.
Timestamp 1221481845 or 1221481845123
ISBN 0-306-40615-2
ISBN 978-0-306-40615-7
ISBN 978 0 306 40615 7
ISBN-13: 978-3-16-148410-0
ISBN-10 0306406152
ISBN 0306406152.
ISSN 0028-0836
ISSN 0317-8471, 1050-124X
doi:10.1000/182
DOI 10.1038/nphys1170
https://doi.org/10.1016/0370-1573(91)90005-Z
OCLC 01234567890
PMID 12345678, PMC 1234567
LCCN 2001-627090
arXiv:0706.1234567
CAS 7732-18-5
doi = 10.1016/j.cell.2008.10.015
07-08-09 10-11-12
0-7432-7356-7
Catalogue no. 017-452-9211
UTC+01:00 to +02:00
IMEI 490154203237518
RFC 1918 10.1.2.3
08 00 00 00 02 00 00 00 92 01 00 00
EAN 4006381333931
pp. 123-456, 789-1012
pages 0212-555-0123
S. 1234–1256, 2345–2367
vol. 12, no. 3, pp. 345 367 1998
52.5200, 13.4050
40.7128 -74.0060
48°51′24″N 2°21′03″E
51.477928, -0.001545
N 52 31 12.1 E 13 24 18.0
version 1.2.3.4
v2.10.0.1 was released
Version: 217.160.86.40 is a joke, not an address
Firmware 4.19.128.7
Chrome/96.0.4664.110 Safari/537.36
Firefox 3.6.3.1
kernel 2.6.32.71
Windows 10.0.22.44
build 81.2.69.142
Section 3.2.1.4
§ 12.4.7.1 applies
section 81.22.69.42 of the code
OID 1.3.6.1.4.1.311.21.20
SNMP 1.3.6.1.2.1.1.5.0
EC 3.4.21.4
127.0.0.1
localhost is 127.0.0.1:8080
192.168.0.1 is the router
10.0.0.1, 10.255.255.254
172.16.254.1
169.254.10.20
255.255.255.0
0.0.0.0
224.0.0.251
192.0.2.17 and 198.51.100.4 are for documentation
300.400.500.600
256.100.50.25
1.2.3
::1
fe80::1ff:fe23:4567:890a
2001:db8::1
fd12:3456:789a:1::1
std::vector<int> a::b
12:34:56
at 2010:05:12 12:00
00:1A:2B:3C:4D:5E
John 3:16, 2345:6
@user on the network
user@host
the price is 5 @ 2.50
icon@2x.png
logo@3x.jpeg
git@github.com:owner/repo.git
a@b
me @ example.com
@example.com
name@.com
foo@bar..com
lodash@4.17.21.tgz
x@y@z.com
E = mc@home
Twitter: @jane_doe
p@ssw0rd and pa@@word.com
3.14159265358979
0.0212555012345
1,234,567,890 people
1 234 567 890 people
12 345 678 inhabitants
1.234.567.890 Euro
$4111111111111111
€ 2.125.550.123
2125550123 = 3 × 708516707.67
π = 3.141 592 653 589 793
6.02214076×10^23
299 792 458 m/s
1234567890
987654321
0123456789
01234567891
12345-6789
ZIP 90210-1234
SSN 078-05-1120
21-15 21-18 21-19
won 6-4 3-6 7-6 6-2
6–4, 3–6, 7–6 (7–4)
110-105-98
scores 212-555-0123
3-2-1-0-4-5-6
1-2-3-4-5-6-7
2 3 5 7 11 13 17 19 23
10 20 30 40 50 60 70
1 1 2 3 5 8 13 21 34
100 200 300 400
1066 1492 1776 1789
800 600 400 200
Table: 12.5 13.7 14.2 15.9
0.1 0.2 0.3 0.4 0.5
(12) 1939-1945
(1) 234 (2) 567
Opus 1234567
Flight 1234 5678
lot no. 4111 1111 1111 1111
Order no. 0171 1234567
Order 4111111111111111
Invoice 212-555-0123
account number 4012888888881881
Serial 5555555555554444
patent 4,111,111
US 6011111 B2
tracking number 1Z 999 AA1 01 2345 6784
4111 1111 1111 1112
4111111111111112
5555 5555 5555 4445
1234 5678 9012 3456
0000 0000 0000 0000
9999999999999995
1111111111111117
4111 1111 1111
41111111111111111111111
378282246310006
41 11 11 11 11 11 11 11
0.4111111111111111
DE89 3704 0044 0532 0130 01
DE89370400440532013001
GB29 NWBK 6016 1331 9268 18
FR14 2004 1010 0505 0001 3M02
XX89 3704 0044 0532 0130 00
DE89 3704 0044 0532
AB12 3456 7890 1234 5678
RFC 2822, ISO 13616-1:2007
NGC 1234567
HD 209458, HIP 108859
2MASS J12345678+1234567
SN 1987A, PSR B1919+21
IC 10-15-20-25
C6H12O6 and 12-34-56
x + 12345678 = y
a+4915112345678
5+1234567890
10^15 + 442079460958
The 1980-81 season, 1981-82, 1982-83
founded in 1854; 12,345 members (2001)
Population (2000-01-01): 1 234 567
from 0900-1700 on 12-05-2008
0600 0700 0800 hours
Route 66, US 101, I-95
$1-800 million
1920 x 1080 and 3840x2160
RAL 9010, Pantone 286
1:250000
http://example.com/0171-1234567.html
http://example.com/?id=4111111111111111
example.com/212-555-0123
#0171 1234567
key_4111111111111111
4111111111111111abc
80% of 1234567
M31 (NGC 224) 00 42 44.3 +41 16 09
RA 00h 42m 44.3s +41 16 09
00 42 44 33 41 16 09
+5 -3 +12 -7
+1,234,567
+35.6
""".strip().splitlines()
