"""Walks every link as each person of the demonstration and sends every form empty; says what it covered and found.

Pages are judged by what any page must be: answered, one heading, under the content security policy, without a trace of
code or of another language in what people read. A form is sent empty and taken back: it may be refused, never fail.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from django.db import transaction
from django.test import Client
from django.urls import Resolver404, URLResolver, get_resolver, resolve

#: Of one view a person sees so many pages: the next hundred demands look like the first three.
OF_A_KIND = 3
START = ("/", "/desk/", "/site-map/")
#: Ends the session, or is another program's page.
LEFT_OUT = ("/account/logout/", "/admin/", "/metrics", "/static/")
UNREADABLE = ("script", "style", "code", "pre", "svg", "template", "textarea", "datalist", "title")
TRACES = re.compile(r"None\b|<built-in|\{\{|\{%|object at 0x|（）|\bNaN\b|\bundefined\b|gettext")
#: Four words of Latin letters in a row are a sentence in another language.
ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z']+[ ,]+){3,}[A-Za-z][a-z']+")
#: Views that nobody of the demonstration is led to by a link or a form that is filled in, with the reason.
WITHOUT_LINK = {
    "a mail, a program or the address bar leads there": (
        "account_confirm_email account_confirm_login_code account_email_verification_sent account_inactive "
        "account_reset_password_done account_reset_password_from_key account_reset_password_from_key_done "
        "account_set_password notifications:unsubscribe vendors:case_link livez readyz metrics statusz styleguide"
    ),
    "comes after a session's end, or sets up what the printed accounts do without": (
        "account_logout accounts:kept_form accounts:kept_form_or_desk accounts:second_factor accounts:switch "
        "mfa_authenticate mfa_deactivate_totp mfa_download_recovery_codes mfa_edit_webauthn "
        "mfa_generate_recovery_codes mfa_list_webauthn mfa_reauthenticate mfa_reauthenticate_webauthn "
        "mfa_remove_webauthn mfa_view_recovery_codes"
    ),
    "a script calls it with what the page holds as data": (
        "challenges:draft_save challenges:envelope_keys_store challenges:officer_key_prove challenges:opening_state "
        "challenges:officer_key_question challenges:officer_key_register challenges:opening_peel "
        "challenges:opening_start challenges:reconfirm challenges:sealing_ticket challenges:withdraw_bid"
    ),
    "the demonstration has none in such a state (docs/roadmap.md)": (
        "accounts:accept_invitation accounts:act accounts:decide_name accounts:decline_invitation "
        "accounts:revoke_token accounts:withdraw_invitation attachment challenges:archive challenges:contract "
        "challenges:decide challenges:envelope_keys challenges:inclusion challenges:integrity_end "
        "challenges:list_add challenges:list_move challenges:list_remove challenges:membership_look "
        "challenges:object_to challenges:objection challenges:programme_edit challenges:project challenges:receipt "
        "challenges:record challenges:terms challenges:withdrawal decide_mail matching:list_progress retry_delivery "
        "scenarios:copy scenarios:fair_competition scenarios:import_check scenarios:import_report "
        "scenarios:list_erratum_decide scenarios:list_move scenarios:list_remove scenarios:submitted search:drop "
        "vendors:case_answer vendors:import_check vendors:import_report"
    ),
}
NOT_WALKED = {name: reason for reason, names in WITHOUT_LINK.items() for name in names.split()}
OWN_HOSTS = ("", "testserver")


@dataclass
class Seen:
    """What one page holds: links, forms, headings, words."""

    links: set[str] = field(default_factory=set)
    #: Addresses of files, and those that scripts are given.
    others: set[str] = field(default_factory=set)
    forms: list["SeenForm"] = field(default_factory=list)
    headings: int = 0
    words: list[str] = field(default_factory=list)


@dataclass
class SeenForm:
    action: str
    method: str
    hidden: dict[str, str] = field(default_factory=dict)
    #: Something a person fills in: a form without any is a button.
    is_filled_in: bool = False
    #: Sent by the page's script alone, piece by piece.
    is_scripted: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()
        self._silent: list[str] = []
        self._form: SeenForm | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.seen.others |= {text for name, text in given.items() if name.startswith("data-") and text.startswith("/")}
        self.seen.others |= {given[name] for name in ("formaction", "hx-get", "hx-post") if name in given}
        if tag in UNREADABLE or "code" in given.get("class", "").split() or given.get("lang", "zh-CN") != "zh-CN":
            self._silent.append(tag)
        elif tag == "h1":
            self.seen.headings += 1
        elif tag == "a" and "href" in given:
            (self.seen.others if "download" in given else self.seen.links).add(given["href"])
        elif tag == "form":
            self._form = SeenForm(given.get("action", ""), given.get("method", "get").lower())
            self._form.is_scripted = "data-upload" in given
            self.seen.forms.append(self._form)
        elif self._form is not None and tag in ("input", "select", "textarea"):
            if given.get("type") == "hidden":
                self._form.hidden[given.get("name", "")] = given.get("value", "")
            elif given.get("type") not in ("submit", "button"):
                self._form.is_filled_in = True

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()
        elif tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.seen.words.append(data.strip())


def read(html: str) -> Seen:
    reader = _Reader()
    reader.feed(html)
    return reader.seen


@dataclass
class Walk:
    """What was covered, and every fault as a sentence."""

    pages: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    #: Views that a button, a file's link or a script of some page leads to; they are not tried here.
    offered: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def walk(self, name: str, user: Any) -> None:
        client = Client()
        if user is not None:
            client.force_login(user)
        waiting, known, of_a_kind = list(START), set(START), Counter()
        while waiting:
            address = waiting.pop(0)
            view = view_of(address)
            if view is None or of_a_kind[view] >= OF_A_KIND:
                continue
            of_a_kind[view] += 1
            seen = self.look(client, name, address, view)
            for link in links_of(address, seen) if seen is not None else ():
                if link not in known:
                    known.add(link)
                    waiting.append(link)

    def reached(self) -> set[str]:
        return set(self.pages) | set(self.forms) | self.offered

    def look(self, client: Client, name: str, address: str, view: str) -> Seen | None:
        """Read one page, judge it, send its forms; None for what is no page."""
        answer = client.get(address, follow=True)
        self.pages[view] += 1
        where = f"{name} {address}"
        if answer.status_code != 200:
            self.faults.append(f"{where}: {answer.status_code}")
            return None
        if not answer.headers["Content-Type"].startswith("text/html"):
            return None
        html = answer.content.decode()
        if "Content-Security-Policy" not in answer.headers:
            self.faults.append(f"{where}: no content security policy")
        seen = read(html)
        self.faults += [f"{where}: {fault}" for fault in faults_of(seen, html)]
        here = answer.redirect_chain[-1][0] if answer.redirect_chain else address
        self.offered |= {view_of(urljoin(here, other)) or "" for other in seen.others}
        for form in seen.forms:
            self.offered.add(view_of(urljoin(here, form.action or here)) or "")
            if form.is_scripted:
                continue
            if form.method == "post" and form.is_filled_in:
                self.send_empty(client, where, urljoin(here, form.action or here), form)
        return seen

    def send_empty(self, client: Client, where: str, address: str, form: SeenForm) -> None:
        view = view_of(address)
        if view is None or self.forms[view] >= OF_A_KIND:
            return
        self.forms[view] += 1
        sid = transaction.savepoint()
        try:
            answer = client.post(address, form.hidden)
        finally:
            transaction.savepoint_rollback(sid)
        if answer.status_code >= 500 or answer.status_code == 405:
            self.faults.append(f"{where}: its form to {address} answers {answer.status_code}")


def faults_of(seen: Seen, html: str) -> Iterator[str]:
    if seen.headings != 1:
        yield f"{seen.headings} h1"
    for words in seen.words:
        if TRACES.search(words):
            yield f"a trace of code: {words[:80]}"
        if ENGLISH.search(words):
            yield f"not Chinese: {words[:80]}"
    for host in re.findall(r'(?:href|src|action)="https?://(127\.0\.0\.1[^/"]*|localhost[^/"]*)', html):
        yield f"an address of another host: {host}"


def links_of(address: str, seen: Seen) -> list[str]:
    """Addresses of this site that the page leads to, without fragments."""
    found = []
    for link in sorted(seen.links):
        whole = urldefrag(urljoin(address, link)).url
        parts = urlsplit(whole)
        if parts.scheme in ("", "http", "https") and parts.netloc in OWN_HOSTS and view_of(whole) is not None:
            found.append(whole)
    return found


def pages() -> set[str]:
    """The names of all views that a person may read: of ours, not of the API, of feeds or of the admin site."""
    found: set[str] = set()
    for entry in get_resolver().url_patterns:
        names = entry.reverse_dict if isinstance(entry, URLResolver) else {entry.name: None}
        space = getattr(entry, "namespace", None)
        if space in ("admin", "api") or (isinstance(entry, URLResolver) and str(entry.pattern).startswith("api/")):
            continue
        found |= {f"{space}:{name}" if space else name for name in names if isinstance(name, str)}
        for inner, (_prefix, resolver) in getattr(entry, "namespace_dict", {}).items():
            found |= {f"{inner}:{name}" for name in resolver.reverse_dict if isinstance(name, str)}
    return found


def view_of(address: str) -> str | None:
    """The name of the view behind an address; None for what is not walked."""
    path = urlsplit(address).path
    if path.startswith(LEFT_OUT):
        return None
    try:
        return resolve(path).view_name or None
    except Resolver404:
        return f"no such page: {path}"
