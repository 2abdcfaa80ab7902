"""What mail programs write around a reply, as tables: add a language here, not in the code that reads them.

All phrases are casefolded, and so is what they are compared with: "Grüße" and "grüsse" are one. The patterns are only ever run on single lines, cut to a few hundred characters.
"""

from __future__ import annotations

import re


def _words(table: str) -> frozenset[str]:
    return frozenset(table.casefold().split())


def _phrases(table: str) -> tuple[str, ...]:
    """The phrases of a table: separated by bars, over as many lines as it takes."""
    phrases = table.casefold().replace("\n", " | ").split("|")
    return tuple(phrase.strip() for phrase in phrases if phrase.strip())


INVISIBLE = " \t\xa0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\r\n\f\v"
RULERS = "-_=*•‐‑‒–—―~+#·─━ᐧ"
"""Characters that rulers and bullets are made of."""
MARKED = RULERS + INVISIBLE + "<>[](){}:|"
"""Characters around the words of a marker, a header or an introduction."""

WROTE = _phrases("""
wrote | writes | has written | schrieb | schreibt | hat geschrieben | geschrieben
a écrit | a ecrit | écrivait | escribió | escribio | ha escrito | escribiu | va escriure
ha scritto | scrisse | escreveu | schreef | geschreven | het geskryf | skrev | skrifaði
kirjoitti | kirjutas | rakstīja | rašė | ezt írta | írta | hau idatzi du
napisał(a) | napisał | napisała | pisze | napsal(a) | napsal | napsala
napísal(a) | napísal | napísala | je napisao | je napisala | napisao | napisal | piše
a scris | написал(а) | написал | написала | пишет | пише | написав | написа | писал
έγραψε | yazdı | yazmış | כתב | כתבה | מאת | كتب | كتبت | كتابة | نوشت | ने लिखा | लिखा
写道 | 寫道 | 写到 | 的來信 | 来信 | のメール | は書きました | さんは書きました | が書いた
님이 작성 | 작성 | 님의 말 | đã viết | เขียนว่า | เขียน | menulis | sumulat
""")
"""Verbs of the line above a quotation, in the languages mail programs speak."""

QUOTING = _phrases("""
quoting | zitat von | citando | selon | citerar | citat fra | citaat van | cytowanie
""")
"""How a line above a quotation starts when it has no verb at its end."""

HEADER_NAMES = {
    "from": _phrases("""
from | von | de | da | van | från | fra | lähettäjä | od | wysłane przez | feladó | nadawca | expediteur |
expéditeur | remitente | mittente | afzender | absender | avsender | afsender | saatja | nuo | no |
de la | din | от | від | от кого | kimden | gönderen | από | מאת | من | 发件人 | 寄件人 | 寄件者 | 發件人 | 差出人 |
送信者 | 보낸 사람 | 보낸사람 | 발신 | từ | จาก | dari | odosielateľ | odesílatel | pošiljatelj | šalje
"""),
    "date": _phrases("""
sent | date | gesendet | datum | envoyé | date d'envoi | envoye | enviado | enviado el | enviada em |
enviado em | fecha | data | inviato | inviato il | verzonden | skickat | sendt | dato | lähetetty |
päivämäärä | päiväys | wysłano | wysłane | odesláno | odoslané | dátum | elküldve | küldve | trimis |
trimis la | дата | отправлено | надіслано | изпратено | gönderildi | gönderilme tarihi | tarih |
ημερομηνία | εστάλη | στάλθηκε | נשלח | תאריך | تم الإرسال | التاريخ | أرسلت | تاريخ | 发送时间 | 发件时间 | 日期 |
寄件日期 | 傳送時間 | 發送時間 | 送信日時 | 日時 | 日付 | 보낸 날짜 | 날짜 | 보낸날짜 | 발송 | ngày | đã gửi | gửi | วันที่ | ส่ง |
tanggal | dikirim | terkirim | sendte | poslano | kuupäev | saadetud | datums | data wysłania | sent on |
sent at | date sent | gesendet am | date et heure
"""),
    "to": _phrases("""
to | an | à | a | para | per | aan | till | til | vastaanottaja | do | komu | címzett | către | pentru |
destinataire | destinatario | ontvanger | empfänger | кому | до | kime | alıcı | προς | אל | إلى | 收件人 |
收件者 | 宛先 | 받는 사람 | 받는사람 | 수신 | đến | tới | ถึง | kepada | pro | kam | za | prima
"""),
    "cc": _phrases("""
cc | bcc | kopie | copie | copia | cópia | kopi | kopia | kopio | kópia | másolat | cci | cco | ccn |
копия | копія | bilgi | κοιν | κοινοποίηση | עותק | نسخة | 抄送 | 副本 | ccお | 참조 | สำเนา | tembusan | dw |
kopija
"""),
    "subject": _phrases("""
subject | betreff | objet | asunto | oggetto | assunto | onderwerp | ämne | emne | aihe | temat |
předmět | predmet | tárgy | subiect | тема | относно | konu | θέμα | נושא | الموضوع | موضوع | 主题 | 主題 |
主旨 | 件名 | 제목 | chủ đề | tiêu đề | เรื่อง | หัวเรื่อง | subjek | perihal | re | teema | tema | assumpte |
efni | zadeva
"""),
    "reply": _phrases("""
reply-to | reply to | antwort an | répondre à | responder a | rispondi a | antwoord aan | svar till |
attachments | anlagen | pièces jointes | importance | wichtigkeit | priority | message-id | organization |
mailed-by | signed-by | list-id | x-mailer | resent-from | prioritet | svara till | anhang | adjuntos |
allegati | bijlagen | anexos | załączniki | вложения | 添付ファイル | 附件 | sensitivity
"""),
}
"""Names of the lines in a header block, by what they say."""

HEADER_ROLES = {name: role for role, names in HEADER_NAMES.items() for name in names}

ORIGINAL = _phrases("""
original message | mail original | originalmessage | original appointment | original mail | original email
reply message | replied message | forwarded message | forwarded mail | forwarded email |
previous message
forwarded by | message from | reply above this line | please reply above this line
please type your reply above | type your reply above | write your reply above | ursprüngliche nachricht | ursprungliche nachricht | original-nachricht
originalnachricht | weitergeleitete nachricht | weitergeleitet von | ursprünglicher termin
message d'origine | message d’origine | message original | message initial | message transféré
message transfere | courriel original | mensaje original | mensaje reenviado | mensaje de origen
messaggio originale | messaggio inoltrato | messaggio originario | mensagem original
mensagem encaminhada | mensagem anterior | missatge original | oorspronkelijk bericht
doorgestuurd bericht | origineel bericht | oorspronkelijke bericht | ursprungligt meddelande
originalmeddelande | vidarebefordrat meddelande | ursprungliga meddelandet | oprindelig meddelelse
videresendt besked | videresendt meddelelse | original besked | oprindelig besked | opprinnelig melding
videresendt melding | original melding | alkuperäinen viesti | välitetty viesti |
edelleenlähetetty viesti
oryginalna wiadomość | wiadomość oryginalna | wiadomość przekazana | wiadomość oryginalna |
treść oryginalna
původní zpráva | puvodni zprava | přeposlaná zpráva | původní e-mail | pôvodná správa
preposlaná správa | eredeti üzenet | továbbított üzenet | továbbított levél | mesaj original
mesaj redirecționat | mesajul original | исходное сообщение | пересылаемое сообщение
пересланное сообщение | пересылаемое письмо | оригинальное сообщение | перенаправленное сообщение
первоначальное сообщение | вихідне повідомлення | пересилання повідомлення | оригінальне повідомлення
препратено съобщение | оригинално съобщение | orijinal mesaj | özgün ileti | özgün mesaj |
iletilen mesaj
iletilmiş mesaj | yönlendirilmiş mesaj | αρχικό μήνυμα | προωθημένο μήνυμα | הודעה מקורית
הודעה שהועברה | הודעה מועברת | الرسالة الأصلية | رسالة أصلية | رسالة معاد توجيهها | پیام اصلی
原始邮件 | 原始郵件 | 转发邮件信息 | 转发的邮件 | 轉寄郵件 | 原始信件 | 回复的邮件 | 轉寄的郵件 | 邮件原件 | 原邮件
元のメッセージ | 転送メッセージ | オリジナルメッセージ | 転送されたメッセージ | 원본 메시지 | 전달된 메시지 | 원본 메일 | 원본 이메일
thư gốc | tin nhắn được chuyển tiếp | thư đã chuyển tiếp | ข้อความต้นฉบับ | ข้อความที่ส่งต่อ
pesan asli | pesan terusan | pesan yang diteruskan | originalna poruka | izvorna poruka |
proslijeđena poruka
izvirno sporočilo | posredovano sporočilo | algne kiri | algne sõnum | edastatud kiri |
sākotnējais ziņojums
originalus laiškas | persiųstas laiškas | upprunaleg skilaboð
""")
"""Words between rulers that open the message somebody answered or passed on."""

FORWARDING = frozenset(
    _phrases("""
begin forwarded message | anfang der weitergeleiteten nachricht | beginn der weitergeleiteten nachricht
début du message réexpédié | début du message transféré | inicio del mensaje reenviado
comienzo del mensaje reenviado | inizio messaggio inoltrato | inizio del messaggio inoltrato
início da mensagem encaminhada | início da mensagem reencaminhada | begin doorgestuurd bericht
begin van doorgestuurd bericht | vidarebefordrat brev | påbörjar vidarebefordrat brev
vidarebefordrat meddelande | start på videresendt besked | videresendt besked |
starten på videresendt melding
videresendt melding | välitetty viesti alkaa | välitetty viesti | rozpoczęcie wiadomości przekazanej
początek przekazywanej wiadomości | začátek přeposílané zprávy | začátek přeposlané zprávy
začiatok preposlanej správy | továbbított levél kezdete | începutul mesajului redirecționat
начало переадресованного сообщения | початок листа, що пересилається | iletilen mesajın başlangıcı
iletilmiş mesajın başlangıcı | αρχή προωθημένου μηνύματος | תחילת ההודעה שהועברה |
بداية الرسالة المعاد توجيهها
下面是被转发的邮件 | 以下是轉寄的郵件 | 開始轉寄郵件 | 転送されたメッセージ | 転送メッセージの開始 | 전달된 메시지 시작
bắt đầu thư được chuyển tiếp | เริ่มต้นข้อความที่ส่งต่อ | mulai pesan terusan |
mulai pesan yang diteruskan
započinje proslijeđena poruka | inici del missatge reenviat | forwarded message | original message
""")
)
"""Whole lines (before their colon) that open a forwarded message without rulers."""

SENT_FROM = _phrases("""
sent from | sent via | sent with | sent by | sent using | sent on the go | get outlook for | composed on
from my iphone | from my ipad | from my android | from my mobile | from my phone | from my blackberry
someone from mobile | typed on | written on my | shared via | download the | delivered by
von meinem | gesendet von | gesendet mit | gesendet aus | gesendet über | von unterwegs |
holen sie sich outlook
outlook für ios | outlook für android | diese nachricht wurde von | envoyé de | envoyé depuis |
envoyé avec
envoyé à partir | envoyé par | envoyé via | obtenez outlook | téléchargez outlook | télécharger outlook
enviado desde | enviado con | enviado mediante | obtener outlook | descargar outlook | obtén outlook
enviado do meu | enviado a partir | enviado pelo | enviado via | enviada do meu | obter o outlook
enviado de | inviato da | inviato dal | inviato con | ottieni outlook | scarica outlook
verzonden vanaf | verzonden met | verstuurd vanaf | verstuurd met | verzonden via | verzonden vanuit
outlook voor ios | download outlook | skickat från | skickat med | skickat via | hämta outlook |
skaffa outlook
sendt fra | sendt med | sendt via | hent outlook | få outlook | sent fra min | lähetetty |
hanki outlook
wysłane z | wysłano z | wysłane za | wysłano za | pobierz program outlook | pobierz outlook | odesláno z
odoslané z | poslano z | poslané z | stáhnout outlook | získajte outlook | elküldve | küldve
az iphone-omról | trimis de pe | trimis din | obțineți outlook | отправлено из | отправлено с |
надіслано з
скачать outlook | отримати outlook | изпратено от | от моего | iphone'umdan | ipad'imden |
outlook'u edinin
στάλθηκε από | εστάλη από | נשלח מה | נשלח מ | أرسلت من | تم الإرسال من | مرسل من | ارسال شده از
发自 | 發自 | 从我的 | 從我的 | 寄自 | 傳送自 | 来自我的 | 获取 outlook | 取得 outlook | iphoneから送信 | ipadから送信
androidから送信 | 私の | 나의 iphone | 내 iphone | iphone에서 보냄 | android에서 보냄 | 갤럭시에서 보냈습니다
được gửi từ | đã gửi từ | gửi từ | ส่งจาก | dikirim dari | poslano s | saadetud | nosūtīts no |
išsiųsta iš
enviat des | bidalia nire | odesláno | αποστολή από | أُرسلت من | von samsung | von mein
""")
"""How the line that a telephone or an app adds under a message starts."""

DEVICE_ENDS = (
    "から送信",
    "から送信しました",
    "에서 보냄",
    "에서 보냈습니다",
    "에서 전송",
    "傳送",
    "发送",
    " gesendet",
    "gönderildi",
    "küldve",
)
"""How such a line ends in languages that put the device first."""

APP_OFFER = re.compile(r"get \S+(?: mail| mobile| work)? for (?:ios|android|iphone|ipad)\b")
"""How a mail app offers itself: "Get Outlook for iOS"."""

DEVICES = re.compile(
    r"i(?:phon|pad|pod)|android|mobil|phone|handy|samsung|galaxy|blackberry|outlook|yahoo|gmail|e?mail|windows|"
    r"airmail|spark|huawei|xiaomi|nokia|htc|sony|lumia|телефон|устройств|手机|手機|デバイス|から送信|에서 보냄|tablet|"
    r"téléphone|móvil|celular|cellulare|telefon|puhelime|matkapuhel|dispositiv|appareil|gerät|portable|cell\b|device|"
    r"wireless|protonmail|proton|hey\b|superhuman|thunderbird|mac\b|nexus|pixel|motorola|lg\b|ti-\d|droid|"
    r"boxer|mailbox|k-9|gerät|mailspring|fastmail|canary|nine\b|torch|surface|pc\b"
)

RULED_FOOTER = re.compile(
    r"unsubscribe|mailing list$|abbestellen|désabonner|afmelden|отписаться|mailman/listinfo|reply to this e?-?mail|"
    r"you(?: are|'re)? receiv|(?:checked|scanned) (?:for|by)|virus-?free|antivirus|no virus|virenfrei|auf viren|"
    r"libre de virus|sans virus|automated message|automatically generated|automatisch (?:erzeugt|generiert)"
)
"""What mailing lists, trackers and virus scanners say below a ruler."""

DISCLAIMER = _phrases("""
confidential | privileged | intended | unauthorized | unauthorised | disclos | disseminat | in error | virus | destroy | delete
vertraulich | unbefugt | irrtümlich | empfänger | confidentiel | destinataire | par erreur | confidencial | destinatario
por error | riservat | destinatari | per errore | vertrouwelijk | geadresseerde | abusievelijk | poufne | adresat | omyłkow
конфиденциальн | получател | по ошибке | fortrolig | konfidenti | represent | reflect | environment | before printing
print this e-mail | print this email
""")
DISCLAIMER_CORE = re.compile(
    r"(?:intended|named|designated) (?:recipient|addressee)|intended (?:solely|only|exclusively)|"
    r"(?:solely|only|exclusively) (?:for|intended)|in error|unauthori[sz]ed|irrtümlich|empfänger bestimmt|par erreur|"
    r"por error|per errore|abusievelijk|geadresseerde|adresat|по ошибке|destinat[aá]ri|exclusivement|"
    r"do not necessarily (?:represent|reflect)|consider the environment|ved en fejl|av misstag|ved en feil"
)
"""A notice about confidentiality says two of the former and one of the latter."""

CLOSINGS = frozenset(
    _phrases("""
thanks | thank you | thankyou | thx | thanx | tks | thnx | ty | tia | cheers | regards | rgds | rgrds
best | best regards | kind regards | warm regards | warmest regards | kindest regards | best wishes
with best regards | with kind regards | with regards | with warm regards | warm wishes | warmly | br |
kr
all the best | sincerely | sincerely yours | yours sincerely | yours truly | yours faithfully | yours
very truly yours | respectfully | respectfully yours | cordially | love | love ya | lots of love | much love |
xoxo
take care | talk soon | talk to you soon | see you soon | see you | see ya | later | ciao | peace
many thanks | thanks so much | thanks very much | thanks again | thanks a lot | thanks a million
thank you very much | thank you so much | thank you again | thanks in advance | thank you in advance
thanks and regards | thanks & regards | thanks and best regards | thanks for your help |
much appreciated
thanks for your time | thank you for your time | thank you for your help | appreciate it |
with gratitude
thanks and kind regards | hope this helps | hth | greetings | looking forward | with thanks
mit freundlichen grüßen | mit freundlichem gruß | mfg | freundliche grüße | viele grüße | liebe grüße
beste grüße | herzliche grüße | schöne grüße | lg | vg
grüße | gruß | danke | vielen dank | besten dank | danke und gruß | hochachtungsvoll
mit besten grüßen | mit herzlichen grüßen | viele liebe grüße | schönen gruß | liebe gruesse |
viele gruesse
cordialement | bien cordialement | très cordialement | bien à vous | bien à toi | amicalement | merci
merci d'avance | merci beaucoup | salutations | meilleures salutations | sincères salutations | cdlt
bonne journée | bonne soirée | à bientôt | bises | bisous | respectueusement | bien amicalement | cdt
saludos | un saludo | saludos cordiales | un cordial saludo | cordiales saludos | atentamente | gracias
muchas gracias | un abrazo | abrazos | atte | muy atentamente | saludos cordiales | hasta luego
cordiali saluti | distinti saluti | saluti | un saluto | cari saluti | grazie | grazie mille | a presto
un caro saluto | buona giornata | buon lavoro | tanti saluti | atenciosamente | att | cumprimentos
obrigado | obrigada | abraços | abraço | um abraço | melhores cumprimentos |
com os melhores cumprimentos
cordialmente | muito obrigado | met vriendelijke groet | met vriendelijke groeten | vriendelijke groet
vriendelijke groeten | groet | groeten | groetjes | mvg | hartelijke groet | hartelijke groeten | dank
bedankt | alvast bedankt | med vänlig hälsning | med vänliga hälsningar | vänliga hälsningar | mvh |
tack
vänligen | hälsningar | bästa hälsningar | tack på förhand | med venlig hilsen | venlig hilsen | hilsen
mange hilsner | bedste hilsner | kh | vh | dbh | de bedste hilsner | kærlig hilsen | på forhånd tak
med vennlig hilsen | vennlig hilsen | med vennlige hilsener | hilsen | takk | på forhånd takk |
beste hilsen
ystävällisin terveisin | terveisin | parhain terveisin | kiitos | kiitoksia | yt | terv
z poważaniem | z powazaniem | pozdrawiam | pozdrowienia | serdecznie pozdrawiam | dziękuję | pozdr
z wyrazami szacunku | s pozdravem | s pozdravom | děkuji | ďakujem | hezký den | s přátelským pozdravem
üdvözlettel | üdv | tisztelettel | köszönettel | köszönöm | cu stimă | cu respect | mulțumesc
с уважением | с наилучшими пожеланиями | спасибо | заранее спасибо | всего доброго | з повагою | дякую
поздрави | с уважение | saygılarımla | saygılar | iyi çalışmalar | teşekkürler | sevgiler |
teşekkür ederim
με εκτίμηση | φιλικά | ευχαριστώ | בברכה | תודה | בכבוד רב | مع أطيب التحيات | تحياتي | شكرا | مع التحية
此致 | 敬礼 | 谢谢 | 謝謝 | 祝好 | 顺祝商祺 | よろしくお願いします | よろしくお願いいたします | 宜しくお願い致します
以上、よろしくお願いいたします | 以上 | 敬具 | 감사합니다 | 고맙습니다 | trân trọng | cảm ơn | ขอบคุณครับ | ขอบคุณค่ะ
ขอแสดงความนับถือ | hormat kami | salam | terima kasih | lijep pozdrav | srdačan pozdrav | lp |
lep pozdrav
lugupidamisega | parimat | ar cieņu | pagarbiai | kveðja | salutacions | agur | atentament
""")
)
"""Words on a line of their own before a name."""

CLOSING_STARTS = _phrases("""
thank | many thank | with thank | with best | with kind | with warm | warm | best wish | best regard | kind | love |
lots of love | see you | talk to you | looking forward | sincerely | merci | danke | vielen dank | gracias | grazie | obrigad |
have a | mit freundlich | mit lieb | mit best | mit herzlich | met vriendelijk | med venlig | med vänlig | med vennlig | bien à
""")
"""How a line that ends in a comma starts when it closes a letter."""

CLOSING_PLACE = re.compile(r" (?:from|aus|desde|depuis|de|uit|vanuit|från|fra|da|z) [^\d,.]{2,30}$")
"""Where closing words come from: "Regards from London"."""

THANKING = _phrases("""
thank | thx | tks | danke | vielen dank | merci | gracias | grazie | obrigad | tack | kiitos | dziękuję
""")
"""Closing words after which a name may be the reader's: "Thanks Ada" needs its comma to be a sign-off."""

BANNERS = _phrases("""
caution: | [external | external email: | external e-mail: | external sender: | external message: | warning: this e | warning: ext
this email originated | this e-mail originated | this message originated | you don't often get email from
you don’t often get email from | some people who received this message | achtung: externe | [extern]
externe e-mail: | email externe : | attention: courriel externe | *** external | ** external | ***external
""")
"""How the notice that a mail gateway puts above a message starts."""

CLOSING_WITH_NAME = re.compile(r"([^,.!;:–—-]{2,40})\s*[,.!;:–—-]+\s*(?=\S)")
"""A closing word and the name after it on one line: "Thanks, Ada". Group 1 is to be looked up in CLOSINGS."""

NOT_NAMES = _words("""
thanks thank please yes no ok okay hello hi hey dear attached note summary regards best cheers hope see
let fyi asap january february march april june july august september october november december monday
tuesday wednesday thursday friday saturday sunday today tomorrow test great sure done good happy merry
new what when where why how who this that the and or but if it is are was can could will would should
may not to from for with subject date total page end agreed perfect awesome nice sorry congratulations
welcome exactly true false none n/a tbd re fw fwd p.s ps cc bcc we you they he she i my our your his her
their here there all any some more less next previous first last document documents
attachment attachments link links report agenda minutes notes option options love enjoy confidential
disclaimer hallo danke ja nein bitte merci oui non gracias sí hola grazie sì ciao tack nej reply
replying comment comments question questions answer answers code example examples section table figure
internet email phone fax address location time place support team noted understood absolutely definitely correct cool
interesting excellent fantastic wonderful brilliant certainly probably maybe perhaps indeed neither both everyone everybody
guys folks mate buddy friends sir madam gentlemen ladies colleagues
""")
"""Capitalised words that end messages and are nobody's name."""

GIVEN_NAMES = _words("""
aaron adam alan alex amy andrea andrew andy angela ann anna anne anthony barbara barry becky ben bert beth bill bob
brad brenda brian bruce carl carol caroline cathy charles charlie cheryl chris christine cindy claire craig dan daniel
dave david debbie debra dennis diana diane donna doug ed emily eric erin fred gary george gerald glenn greg harry
heather helen henry holly ian jack jackie james jamie jane janet jason jeff jen jennifer jenny jeremy jerry jessica
jill jim jimmy joan joe john jon jonathan josh judy julia julie justin karen kate kathy katie keith kelly ken kevin
kim kyle larry laura lauren leslie linda lisa liz lori louise lynn marc maria marie mark martha martin mary matt
matthew megan melissa michael michelle mike monica nancy nathan neil nicole oliver pam patricia patrick paul paula
peter phil rachel ralph randy rebecca richard rick rob robert roger ron ross russ ryan sally sam sandra sandy sara
sarah scott sean shawn sharon shelley stacey stacy stephanie steph stephen steve steven stuart susan suzanne tara ted
teresa terry theresa tim tina todd tom tony tracy vicki vince walter wendy
""")
"""Names that their owners sign in small letters; those that are also everyday words are left out."""

TEAM = re.compile(
    r"(?:The|Your|Ihr|Dein|Euer|Das|Het|Votre) .{0,40}\b[Tt]eam|L['’]équipe .{1,40}|El equipo .{1,40}"
)
"""A group that signs."""

RUNS_ON = _words("""
a an the at of from with and or is are was und oder der die das mit von für ist et ou le les du avec est y con e di è
""")
"""Words no line ends on unless the next one goes on with it."""

NAME_PARTICLES = _words("van von der den de la le del di da dos du bin al el ter y e zu")

WROTE_WORD = re.compile("|".join(re.escape(verb) for verb in sorted(WROTE, key=len, reverse=True)))
WROTE_RUN_ON = re.compile(rf"@[^\s<>@]{{1,80}}>?[)\"]?,?\s?(?:{WROTE_WORD.pattern})\s?:(?=\s)")
DATED_START = re.compile(r"(?:[^\s\d<>@]{1,20}\s+){0,4}[(\"]?\d")
DATE = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}|\d{1,2}\s?[:.h]\s?\d{2}")
CLOCK_OR_YEAR_DATE = re.compile(
    r"\d{1,2}[:.h]\d{2}|\d{4}\s?[-/.年년]\s?\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"
)
ADDRESS = re.compile(r"[^\s<>@()]+@[^\s<>@()]+")
