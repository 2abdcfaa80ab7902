"""Addresses that say little about one person: free mail providers, and mailboxes that many people read."""

from __future__ import annotations

import re

_FREE_MAIL = """
    gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.co.in yahoo.co.jp yahoo.fr yahoo.de yahoo.es yahoo.it
    yahoo.ca yahoo.com.au yahoo.com.br yahoo.com.ar yahoo.com.mx yahoo.in ymail.com rocketmail.com hotmail.com
    hotmail.co.uk hotmail.fr hotmail.de hotmail.es hotmail.it hotmail.ca hotmail.be hotmail.nl outlook.com
    outlook.de outlook.fr outlook.es outlook.it outlook.co.uk outlook.com.br live.com live.co.uk live.fr live.de
    live.it live.nl live.ca live.com.au msn.com passport.com icloud.com me.com mac.com aol.com aol.de aol.co.uk
    aim.com gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.us gmx.fr web.de freenet.de t-online.de arcor.de email.de
    mail.de posteo.de posteo.net mailbox.org online.de vodafone.de kabelmail.de proton.me protonmail.com
    protonmail.ch pm.me tutanota.com tutanota.de tuta.io tuta.com fastmail.com fastmail.fm hey.com zoho.com
    zohomail.com zohomail.eu mail.com email.com usa.com yandex.com yandex.ru ya.ru mail.ru bk.ru inbox.ru list.ru
    rambler.ru ukr.net i.ua qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com aliyun.com 139.com
    naver.com hanmail.net daum.net nate.com rediffmail.com orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr
    bbox.fr libero.it virgilio.it tiscali.it alice.it tin.it tiscali.co.uk btinternet.com virginmedia.com
    ntlworld.com sky.com talktalk.net blueyonder.co.uk comcast.net verizon.net att.net sbcglobal.net bellsouth.net
    cox.net charter.net earthlink.net optonline.net shaw.ca rogers.com sympatico.ca telus.net bigpond.com
    bigpond.net.au optusnet.com.au telenet.be skynet.be ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl bluewin.ch
    hispeed.ch sunrise.ch chello.at aon.at telia.com seznam.cz centrum.cz wp.pl o2.pl onet.pl interia.pl uol.com.br
    bol.com.br terra.com.br globo.com duck.com mailfence.com hushmail.com privaterelay.appleid.com
    users.noreply.github.com caramail.com lycos.com excite.com inbox.com gmx.es
"""
FREE_MAIL_DOMAINS = frozenset(_FREE_MAIL.split())
_ROLES = """
    info office mail email contact contacts hello hi hallo team staff all everyone company admin administrator root
    webmaster postmaster hostmaster abuse security privacy legal support help helpdesk service services
    customerservice customercare care sales marketing press media pr news newsletter events booking bookings
    reservations reception orders order shop store billing invoice invoices accounts accounting finance payroll
    payments hr jobs careers career recruiting recruitment enquiries inquiries inquiry enquiry feedback noreply
    no-reply donotreply do-not-reply notifications notification mailer-daemon bounce bounces test kontakt buero büro
    zentrale verwaltung sekretariat buchhaltung rechnung vertrieb verkauf einkauf bewerbung presse bestellung
    empfang praxis kanzlei redaktion vorstand contacto ventas informacion administracion soporte ayuda secretaria
    comercial accueil bonjour secretariat compta comptabilite commercial direction facturation recrutement contatto
    amministrazione segreteria vendite family familie
"""
ROLES = frozenset(_ROLES.split())
_MANY = """
    googlegroups.com groups.google.com groups.io yahoogroups.com freelists.org listserv.net
    resource.calendar.google.com group.calendar.google.com group.v.calendar.google.com import.calendar.google.com
"""
MANY = frozenset(_MANY.split())
"""Where addresses are lists of people, rooms and calendars."""
_LIST_HOSTS = frozenset({"list", "lists", "listserv", "mailman", "groups", "mlist"})
_LIST_NAMES_TEXT = """
    dev devel developers user users announce announcements discuss discussion commits committers list lists members
    private
"""
_LIST_NAMES = frozenset(_LIST_NAMES_TEXT.split())
_RELAY_HOSTS = frozenset(
    {"reply", "replies", "relay", "inbound", "parse", "marketplace", "bounce", "bounces"}
)
_RELAYS = frozenset(
    {"reply", "replies", "re", "case", "ticket", "tickets", "thread", "conversation", "inbound"}
)


def is_free_mail(domain: str) -> bool:
    """Whether anybody can have an address at this domain, so that it says nothing about where a person works."""
    return domain.strip().lower().rstrip(".") in FREE_MAIL_DOMAINS


def is_role(email: str) -> bool:
    """Whether a normalized address is a role's, such as info@ or sales-uk@, and no single person's."""
    local = email.partition("@")[0].partition("+")[0]
    return (
        local in ROLES
        or local.replace("-", "") in ROLES
        or re.split(r"[-._\d]", local)[0] in ROLES - {"mail", "all", "hi"}
    )


def is_group(email: str) -> bool:
    """Whether a normalized address is a mailing list's, a room's or a calendar's, by its name or where it is.

    >>> is_group("engines@lists.example.org"), is_group("c_1@resource.calendar.google.com"), is_group("ada@example.org")
    (True, True, False)
    """
    local, _, domain = email.rpartition("@")
    return local in _LIST_NAMES or domain in MANY or not _LIST_HOSTS.isdisjoint(domain.split(".")[:-2])


def is_relay(email: str) -> bool:
    """Whether a normalized address stands for one conversation or order, and only passes on what is sent to it.

    >>> is_relay("reply+ab12@example.com"), is_relay("x7@reply.example.com"), is_relay("ada+crm@example.com")
    (True, True, False)
    """
    local, _, domain = email.rpartition("@")
    first, plus, token = local.partition("+")
    if plus and (first in _RELAYS or _is_token(token)):
        return True
    return _is_token(local) or not _RELAY_HOSTS.isdisjoint(domain.split(".")[:-2])


def _is_token(text: str) -> bool:
    """Whether this is a number or a key that no person chose: long, digits all over, and no word in it."""
    return len(text) >= 16 and len(re.findall(r"\d", text)) >= 6 and not re.search(r"[a-z]{5}", text)
