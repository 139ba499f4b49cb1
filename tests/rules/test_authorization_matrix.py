"""Who may do what to whose: one table, held against every operation of the description (A33, A34, A35).

A row that is missing fails, and so does one too many. "another agency's" and "nobody's" must not be told apart: status, code
and text are compared, and each denied call of a known caller must have left its entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from auth.scopes import SCOPES
from tests.authenticator import Authenticator, enrolled
from tests.backend import Backend
from tests.flows.test_administration import Admin, admin, id_of, signed_in
from tests.rules.test_openapi import PUBLIC, _operations, everything
from tests.world import (
    ANSWERS,
    JPEG,
    NAME,
    NIK,
    OTHER_NIK,
    PASSWORD,
    SERVICE,
    OfficerAt,
    World,
    content_digest,
)

CALLERS = (
    "nobody", "officer", "supervisor", "admin", "dpo", "auditor", "operator", "site", "client", "plain token",
)  # fmt: skip
# nobody: no credential. officer, supervisor, admin, dpo, client: of the agency that "ours" means, the client with every scope and
# DPoP. auditor, operator, site (its administrator): over the whole site, of another agency. plain token: of that client, a bearer
# token. Whoever administers has shown a second factor, but the auditor. The status that each gets; 4xx leaves everything as it was.
TABLE = """
operation            whose               nobody  officer  supervisor  admin  dpo  auditor  operator  site  client  plain token
listServices         ours                401     200      200         200    200  200      200       200   200     200
getService           ours                401     200      200         200    200  200      200       200   200     200
listDocumentTypes    ours                401     200      200         200    200  200      200       200   200     200
enrolCitizen         ours                401     200      200         403    403  403      403       403   200     403
checkReadiness       ours                401     200      200         403    403  403      403       403   200     403
checkReadiness       another agency's    401     404      404         403    403  403      403       403   404     403
checkReadiness       nobody's            401     404      404         403    403  403      403       403   404     403
checkReadiness       another service     401     403      403         403    403  403      403       403   403     403
takeInDocument       ours                401     200      200         403    403  403      403       403   200     403
takeInDocument       another agency's    401     404      404         403    403  403      403       403   404     403
takeInDocument       nobody's            401     404      404         403    403  403      403       403   404     403
requestConsent       ours                401     201      201         403    403  403      403       403   201     403
requestConsent       another agency's    401     404      404         403    403  403      403       403   404     403
requestConsent       nobody's            401     404      404         403    403  403      403       403   404     403
requestConsent       another service     401     403      403         403    403  403      403       403   403     403
getConsentRequest    ours                401     200      200         403    403  403      403       403   200     403
getConsentRequest    another agency's    401     404      404         403    403  403      403       403   404     403
getConsentRequest    nobody's            401     404      404         403    403  403      403       403   404     403
issueTicket          ours                401     201      201         403    403  403      403       403   201     403
issueTicket          another agency's    401     404      404         403    403  403      403       403   404     403
issueTicket          nobody's            401     404      404         403    403  403      403       403   404     403
issueTicket          another citizen's   401     404      404         403    403  403      403       403   404     403
getDocumentContent   another agency's    401     404      404         404    404  404      404       404   401     401
getDocumentContent   another citizen's   401     404      404         404    404  404      404       404   404     401
getDocumentContent   nobody's            401     404      404         404    404  404      404       404   404     401
getDocumentContent   ours                401     200      404         404    404  404      404       404   200     401
withdrawConsent      another agency's    401     404      404         403    404  403      403       403   401     401
withdrawConsent      nobody's            401     404      404         403    404  403      403       403   401     401
withdrawConsent      ours                401     200      200         403    200  403      403       403   401     401
listOfficers         ours                401     403      200         200    200  200      200       200   401     401
addOfficer           another agency's    401     403      403         404    403  403      403       201   401     401
addOfficer           nobody's            401     403      403         404    403  403      403       422   401     401
addOfficer           ours                401     403      403         201    403  403      403       201   401     401
admitOfficer         another agency's    401     403      404         404    403  403      403       409   401     401
admitOfficer         nobody's            401     403      404         404    403  403      403       404   401     401
admitOfficer         ours                401     403      409         409    403  403      403       409   401     401
unlockOfficer        another agency's    401     403      404         404    403  403      204       204   401     401
unlockOfficer        nobody's            401     403      404         404    403  403      404       404   401     401
unlockOfficer        ours                401     403      204         204    403  403      204       204   401     401
suspendOfficer       another agency's    401     403      403         404    403  403      204       204   401     401
suspendOfficer       nobody's            401     403      403         404    403  403      404       404   401     401
resumeOfficer        another agency's    401     403      403         404    403  403      403       204   401     401
resumeOfficer        nobody's            401     403      403         404    403  403      403       404   401     401
resumeOfficer        ours                401     403      403         204    403  403      403       204   401     401
listAlerts           ours                401     403      200         200    200  200      200       200   401     401
listProposals        ours                401     403      403         200    200  200      403       200   401     401
propose              another agency's    401     403      403         404    403  403      403       201   401     401
propose              nobody's            401     403      403         404    403  403      403       404   401     401
approve              another agency's    401     403      403         404    403  403      403       200   401     401
approve              nobody's            401     403      403         404    403  403      403       404   401     401
reject               another agency's    401     403      403         404    403  403      403       409   401     401
reject               nobody's            401     403      403         404    403  403      403       404   401     401
listAdministration   ours                401     403      403         200    200  200      403       200   401     401
currentSession       ours                401     200      200         200    200  200      200       200   401     401
beginTotp            ours                401     201      409         409    409  201      409       409   401     401
confirmTotp          ours                401     422      422         422    422  422      422       422   401     401
beginPasskey         ours                401     200      200         200    200  200      200       200   401     401
registerPasskey      ours                401     422      422         422    422  422      422       422   401     401
listPasskeys         ours                401     200      200         200    200  200      200       200   401     401
removePasskey        another agency's    401     404      404         404    404  404      404       404   401     401
removePasskey        nobody's            401     404      404         404    404  404      404       404   401     401
suspendAgency        another agency's    401     403      403         403    403  403      204       204   401     401
suspendAgency        nobody's            401     403      403         403    403  403      422       422   401     401
signOut              ours                401     204      204         204    204  204      204       204   401     401
"""
_ALL = ("ours", "another agency's", "another citizen's", "nobody's")
# A ticket of another session: whoever shows it is no known caller (ARCHITECTURE, Decisions).
NO_ENTRY = {
    ("getDocumentContent", whose, caller)
    for whose, caller in [
        ("another agency's", "officer"), *((whose, caller) for whose in _ALL for caller in CALLERS if caller not in ("officer", "client")),
    ]
}  # fmt: skip
NOBODYS = "01JD0000000000000000000000"
ELSEWHERE = "POLRI"
OTHER_SERVICE = "POLRI.SKCK_BARU"


def rows() -> list[tuple[str, str, dict[str, int]]]:
    header, *lines = TABLE.strip().splitlines()
    starts = [header.index(name) for name in ("operation", "whose", *CALLERS)]
    cut = [
        [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        for line in lines
    ]
    return [(name, whose, dict(zip(CALLERS, map(int, given), strict=True))) for name, whose, *given in cut]


@dataclass(frozen=True)
class Side:
    """One agency: its people, and what is theirs."""

    officer: OfficerAt
    admin: Admin
    backend: Backend
    subject: str
    consent: str
    request: str
    document: str


@dataclass(frozen=True)
class Cast:
    world: World
    ours: Side
    theirs: Side
    other_document: str  # of another citizen, granted to our agency too
    staff: dict[str, OfficerAt]
    again: dict[str, Admin]  # those of them who have a second factor
    people: dict[str, str]  # whose -> an officer's id
    consents: dict[str, str]  # of ours, for each caller who may withdraw one
    proposals: dict[str, str]
    passkey: str  # of their officer

    async def calls(self, caller: str, method: str, path: str, **sent: Any) -> httpx.Response:
        if caller == "nobody":
            return await self.world.client.request(method, path, **sent)
        if (at := self.staff.get(caller)) is not None:
            if "password" in sent.get("json", {}) and caller in self.again:
                sent["json"] |= self.again[caller].again()
            headers = {"X-CSRF-Token": at.csrf, **sent.pop("headers", {})}
            return await at.client.request(method, path, headers=headers, **sent)
        if caller == "client":
            return await self.ours.backend.calls(method, path, **sent)
        token = await self.ours.backend.token(scope="catalog.read")
        headers = {"Authorization": f"Bearer {token}", **sent.pop("headers", {})}
        return await self.world.client.request(method, path, headers=headers, **sent)

    async def fetches(self, caller: str, whose: str) -> httpx.Response:
        """With a ticket of the caller's own, but for "another agency's", which is a stolen one."""
        side = self.theirs if whose == "another agency's" else self.ours
        by_session = (await side.officer.post("/v1/tickets", json={"consent_id": side.consent})).json()
        documents = {
            "ours": self.ours.document, "another agency's": self.theirs.document,
            "another citizen's": self.other_document, "nobody's": f"d_{NOBODYS}",
        }  # fmt: skip
        path = f"/v1/documents/{documents[whose]}/versions/1/content"
        if caller in self.staff:
            headers = {"Authorization": f"Bearer {by_session['ticket']}"}
            return await self.staff[caller].get(path, headers=headers)
        if caller == "client":
            by_key = await side.backend.ticket(side.consent)
            return await self.ours.backend.calls("GET", path, by_key["ticket"])
        return await self.calls(caller, "GET", path)


async def _side(world: World, agency: str, service: str, client_id: str) -> Side:
    officer = await world.officer(agency)
    backend = await Backend(world, client_id).registered(f"{agency}@6472", scopes=list(SCOPES))
    subject = await world.enrols(officer)
    stored = await world.stores(officer, subject)
    answers = ANSWERS if service == SERVICE else {}
    asked = await world.asks(officer, subject, service, answers=answers)
    await world.allows(asked["link"])
    state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    document = stored.json()["document_id"]
    boss = await admin(world, f"admin.{agency.lower()}", agency=agency)
    return Side(officer, boss, backend, subject, state["consent_id"], asked["id"], document)


@pytest.fixture
async def cast(world: World) -> Cast:
    ours = await _side(world, "DPMPTSP", SERVICE, "dpmptsp-oss")
    theirs = await _side(world, ELSEWHERE, OTHER_SERVICE, "polri-skck")
    # The consent of a paper that both may read would hide a mistake: theirs is another version of it.
    _, ticket = await world.consented(ours.officer, OTHER_NIK, JPEG + b"2")
    device, _ = await enrolled(world, theirs.officer)
    again = {
        "supervisor": await admin(world, "penyelia", "supervisor"), "admin": ours.admin,
        "dpo": await admin(world, "pelindung", "dpo"),
        "operator": await admin(world, "jaga", "operator", "IMIGRASI"),
        "site": await admin(world, "situs", "site_admin", "IMIGRASI"),
    }  # fmt: skip
    staff = {
        "officer": ours.officer, "auditor": await signed_in(world, "auditor", "auditor", "IMIGRASI"),
        **{name: one.at for name, one in again.items()},
    }  # fmt: skip
    consents = {"officer": ours.consent}
    for caller, nik in (("supervisor", "6472091708909910"), ("dpo", "6472091108859920")):
        consents[caller], _ = await world.consented(ours.officer, nik)
    people = {
        "ours": await id_of(world, await world.officer(name="kedua")),
        "another agency's": await id_of(world, theirs.officer),
        "nobody's": f"off_{NOBODYS}",
    }
    sent = {"act": "appoint", "target": people["another agency's"], "role": "dpo", **theirs.admin.again()}
    proposed = (await theirs.admin.at.post("/v1/proposals", json=sent)).json()["id"]
    proposals = {"another agency's": proposed, "nobody's": f"pr_{NOBODYS}"}
    return Cast(
        world,
        ours,
        theirs,
        ticket["documents"][0]["document_id"],
        staff,
        again,
        people,
        consents,
        proposals,
        device.credential_id,
    )


def _call(cast: Cast, caller: str, operation: str, whose: str) -> tuple[str, str, dict[str, Any]]:
    """Method, address and body of an operation that is in order but for whose it is about."""
    nobody = Side(
        cast.ours.officer,
        cast.ours.admin,
        cast.ours.backend,
        *(f"{kind}_{NOBODYS}" for kind in ("sbj", "c", "cr", "d")),
    )
    side = {"another agency's": cast.theirs, "nobody's": nobody}.get(whose, cast.ours)
    service = OTHER_SERVICE if whose == "another service" else SERVICE
    wanted = {"subject_ref": side.subject, "service": service}
    ticket: dict[str, Any] = {"consent_id": side.consent}
    if whose == "another citizen's":
        ticket["documents"] = [cast.other_document]
    paper = {
        "content": JPEG, "params": {"type": "KTP"},
        "headers": {"Content-Type": "image/jpeg", "Content-Digest": content_digest(JPEG)},
    }  # fmt: skip
    person, proposal = f"/v1/officers/{cast.people.get(whose)}", f"/v1/proposals/{cast.proposals.get(whose)}"
    agencies = {"another agency's": f"{ELSEWHERE}@6472", "nobody's": "TIDAKADA@6472"}
    agency = agencies.get(whose, "DPMPTSP@6472")
    added = {
        "username": f"petugas-{caller}-{agency[:5]}".replace(" ", "-"),
        "name": "Petugas",
        "counter": "9",
        "agency": agency,
    }
    again = {"password": PASSWORD}
    proposed = {"act": "appoint", "target": cast.people.get(whose), "role": "dpo", **again}
    made = Authenticator(cast.world.origin).create(
        {"challenge": "", "user": {"id": ""}}
    )  # to no question of ours
    credential = cast.passkey if whose == "another agency's" else "A" * 43
    shown = {"json": {"password": PASSWORD}}
    consent = cast.consents.get(caller, side.consent) if whose == "ours" else side.consent
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "listOfficers": ("GET", "/v1/officers", {}),
        "addOfficer": ("POST", "/v1/officers", {"json": added}),
        "admitOfficer": ("POST", f"{person}/admission", {}),
        "unlockOfficer": ("POST", f"{person}/unlocking", {}),
        "suspendOfficer": ("POST", f"{person}/suspension", {}),
        "resumeOfficer": ("DELETE", f"{person}/suspension", {}),
        "suspendAgency": ("POST", f"/v1/agencies/{agency}/suspension", {}),
        "listAlerts": ("GET", "/v1/alerts", {}),
        "listProposals": ("GET", "/v1/proposals", {}),
        "propose": ("POST", "/v1/proposals", {"json": proposed}),
        "approve": ("POST", f"{proposal}/approval", {"json": again}),
        "reject": ("POST", f"{proposal}/rejection", {}),
        "listAdministration": ("GET", "/v1/administration", {}),
        "listServices": ("GET", "/v1/services", {}),
        "getService": ("GET", f"/v1/services/{SERVICE}", {}),
        "listDocumentTypes": ("GET", "/v1/document-types", {}),
        "enrolCitizen": ("POST", "/v1/subjects", {"json": {"nik": NIK, "name": NAME}}),
        "checkReadiness": ("POST", "/v1/readiness", {"json": wanted}),
        "takeInDocument": ("POST", f"/v1/subjects/{side.subject}/documents", paper),
        "requestConsent": ("POST", "/v1/consent-requests", {"json": {**wanted, "answers": ANSWERS}}),
        "getConsentRequest": ("GET", f"/v1/consent-requests/{side.request}", {}),
        "issueTicket": ("POST", "/v1/tickets", {"json": ticket}),
        "withdrawConsent": ("POST", f"/v1/consents/{consent}/withdrawal", {"json": {}}),
        "currentSession": ("GET", "/v1/session", {}),
        "beginTotp": ("POST", "/v1/session/totp", shown),
        "beginPasskey": ("POST", "/v1/session/passkeys/options", shown),
        "registerPasskey": ("POST", "/v1/session/passkeys", {"json": {"name": "x", "credential": made}}),
        "listPasskeys": ("GET", "/v1/session/passkeys", {}),
        "removePasskey": ("POST", f"/v1/session/passkeys/{credential}/removal", shown),
        "confirmTotp": ("POST", "/v1/session/totp/confirmation", {"json": {"code": "none"}}),
        "signOut": ("DELETE", "/v1/session", {}),
    }
    return calls[operation]


def _told(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


async def test_the_matrix(cast: Cast) -> None:
    wrong: list[str] = []
    problems: dict[tuple[str, str, str], dict[str, Any]] = {}
    for operation, whose, expected in rows():
        for caller in sorted(CALLERS, key=lambda name: name == "officer"):  # what ends something comes last
            before = len(await cast.world.entries())
            if operation == "getDocumentContent":
                answer = await cast.fetches(caller, whose)
                before = len(await cast.world.entries()) - 1
            else:
                method, path, sent = _call(cast, caller, operation, whose)
                answer = await cast.calls(caller, method, path, **sent)
            if answer.status_code != expected[caller]:
                wrong.append(f"{operation} {whose} {caller}: {answer.status_code}, not {expected[caller]}")
            if answer.status_code >= 400:
                problems[operation, whose, caller] = _told(answer)
            entries = await cast.world.entries()
            noted = len(entries) > before and not entries[-1]["result"]["allowed"]
            denied = answer.status_code in {403, 404} and (operation, whose, caller) not in NO_ENTRY
            if denied and not noted:
                wrong.append(f"{operation} {whose} {caller}: denied without an entry")
        await cast.world.outcomes()
    assert wrong == []
    for (operation, whose, caller), told in problems.items():
        over_the_site = caller in {"auditor", "operator", "site"}
        if whose == "another agency's" and operation != "getDocumentContent" and not over_the_site:
            assert told == problems[operation, "nobody's", caller], (operation, caller)


def test_no_operation_is_missing() -> None:
    described = {
        operation["operationId"]
        for name, operation in _operations(everything()).items()
        if name not in PUBLIC
    }
    assert {name for name, _whose, _expected in rows()} == described
    assert all(len(set(expected)) == len(CALLERS) for _name, _whose, expected in rows())
