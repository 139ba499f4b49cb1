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
from storage.ids import new_id
from storage.ledger.refusals import RefusalBudget
from tests.authenticator import Authenticator, enrolled
from tests.backend import Backend
from tests.files import noted
from tests.flows.assisting import Desk
from tests.flows.proving import number_of, signed_now
from tests.flows.test_administration import Admin, admin, id_of, signed_in
from tests.rules.authorization_table import CALLERS, NO_ENTRY, REDEEMING, rows
from tests.rules.test_openapi import PUBLIC, _operations, everything
from tests.world import (
    ANSWERS,
    JPEG,
    NAME,
    NIK,
    OTHER_NIK,
    PASSWORD,
    PDF,
    SERVICE,
    OfficerAt,
    World,
    content_digest,
)

BREACH = {
    "noticed_at": "2026-11-01T08:00:00+08:00", "from": "2026-10-01T00:00:00+08:00", "to": "2036-11-01T00:00:00+08:00",
    "data": "KTP-el dan KK warga yang dilayani.", "how": "Kata sandi seorang petugas dipakai orang lain.",
    "handling": "Sesi diakhiri, kata sandi diganti, akses diperiksa.",
}  # fmt: skip
AUTHORITY_TOLD = {"told_at": "2026-11-02T08:00:00+08:00", "reference": "PDP/1/2026"}
FAMILY_NIKS = {"DPMPTSP": "6472091708909940", "POLRI": "6472091708909950"}
NOBODYS = "01JD0000000000000000000000"
ELSEWHERE = "POLRI"
OTHER_SERVICE = "POLRI.SKCK_BARU"


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
    family: str  # a paper that this agency alone took in, and whose it is
    holder: str
    receipt: str  # of a delivery to this agency


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
    breaches: dict[str, str]
    owed: dict[tuple[str, str], str]  # (kind, whose or caller) -> a clock that runs
    contacts: dict[str, str]  # of ours, for each caller who may remove one; one of another citizen
    assisted: dict[str, Desk]  # whose -> a request that is answered without a phone
    texts: dict[str, str]  # whose -> the text that is read aloud
    waiting: dict[str, str]  # of ours: a request, and the record of it
    slip: dict[str, str]  # the number and code of one
    destructions: dict[str, str]  # operation -> a list of no papers that waits for approval

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

    async def redeems(self, caller: str, operation: str, whose: str) -> httpx.Response:
        """With a ticket of the caller's own, but for "another agency's", which is a stolen one."""
        side = self.theirs if whose == "another agency's" else self.ours
        by_session = (await side.officer.post("/v1/tickets", json={"consent_id": side.consent})).json()
        documents = {
            "ours": self.ours.document, "another agency's": self.theirs.document,
            "another citizen's": self.other_document, "nobody's": f"d_{NOBODYS}",
        }  # fmt: skip
        single = operation == "getDocumentContent"
        method = "GET" if single else "POST"
        path = f"/v1/documents/{documents[whose]}/versions/1/content" if single else "/v1/packages"
        if caller in self.staff:
            headers = {"Authorization": f"Bearer {by_session['ticket']}"}
            return await self.staff[caller].client.request(method, path, headers=headers)
        if caller == "client":
            by_key = await side.backend.ticket(side.consent)
            return await self.ours.backend.calls(method, path, by_key["ticket"])
        return await self.calls(caller, method, path)


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
    holder = await world.enrols(officer, FAMILY_NIKS[agency], None)
    family = (await world.stores(officer, holder, "KK", PDF)).json()["document_id"]
    boss = await admin(world, f"admin.{agency.lower()}", agency=agency)
    consent = state["consent_id"]
    ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    receipt = number_of(await world.fetches(officer, ticket))
    return Side(officer, boss, backend, subject, consent, asked["id"], document, family, holder, receipt)


@pytest.fixture
async def cast(world: World) -> Cast:
    ours = await _side(world, "DPMPTSP", SERVICE, "dpmptsp-oss")
    theirs = await _side(world, ELSEWHERE, OTHER_SERVICE, "polri-skck")
    # The consent of a paper that both may read would hide a mistake: theirs is another version of it.
    _, ticket = await world.consented(ours.officer, OTHER_NIK, noted(JPEG, b"2"))
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
    their_dpo = await admin(world, "pelindung.polri", "dpo", ELSEWHERE)
    breaches = {
        "ours": (await again["dpo"].at.post("/v1/breaches", json=BREACH)).json()["id"],
        "another agency's": (await their_dpo.at.post("/v1/breaches", json=BREACH)).json()["id"],
        "nobody's": f"br_{NOBODYS}",
    }
    contacts = await _contacts(world, ours)
    await signed_now(world)
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
        breaches,
        await _owed(world, ours, theirs),
        contacts,
        *(await _assisted(world, ours, theirs)),
        await _destructions(world),
    )


async def _owed(world: World, ours: Side, theirs: Side) -> dict[tuple[str, str], str]:
    """Rows as the batch writes them: one for each caller who may answer, one of the other agency."""
    made = {}
    async with world.parts.database.transaction() as transaction:
        for side, agency, whose in (
            *((ours, "DPMPTSP@6472", caller) for caller in ("officer", "supervisor", "dpo")),
            (theirs, f"{ELSEWHERE}@6472", "another agency's"),
        ):
            made["wd", whose] = new_id("wd")
            await transaction.raw.execute(
                "INSERT INTO withdrawal VALUES ($1, $2, (SELECT subject_ref FROM consent WHERE id = $2), $3, 'X', 'withdrawn', '', "
                "now(), now() + interval '72 hours', '', '', '', NULL, 0)",
                made["wd", whose], side.consent, agency,
            )  # fmt: skip
            made["cs", whose] = new_id("cs")
            await transaction.raw.execute(
                "INSERT INTO rights_case VALUES ($1, 'copy', 'access', 'everything', '', '', (SELECT subject_ref FROM consent WHERE id = $2), "
                "$3, 'citizen', now(), now() + interval '72 hours', 'open', '', '', '', false, '', NULL, NULL, 0)",
                made["cs", whose], side.consent, agency,
            )  # fmt: skip
            made["dr", whose] = new_id("dr")
            await transaction.raw.execute(  # the certificate is missing: nobody dies here
                "INSERT INTO death_report VALUES ($1, (SELECT subject_ref FROM consent WHERE id = $2), $3, 'd_1', 1, '', 'officer:off_1', "
                "now(), 'open', '', NULL, '', '', NULL)",
                made["dr", whose], side.consent, agency,
            )  # fmt: skip
            for kind in ("to confirm", "to reject"):
                made[kind, whose] = new_id("vo")
                await transaction.raw.execute(  # the version is missing: no paper is voided here
                    "INSERT INTO void_report (id, version_id, document_id, version, document_type, subject_ref, agency_id, reason, "
                    "belongs_to, was, state, reported_by, reported_at, decided_by) VALUES ($1, 'd_1/1', 'd_1', 1, 'KTP', "
                    "(SELECT subject_ref FROM consent WHERE id = $2), $3, 'wrong_person', '', 'ready', 'open', 'officer:off_1', now(), '')",
                    made[kind, whose], side.consent, agency,
                )  # fmt: skip
    return made


async def _destructions(world: World) -> dict[str, str]:
    made = {operation: new_id("ds") for operation in ("approveDestruction", "rejectDestruction")}
    async with world.parts.database.transaction() as transaction:
        for row_id in made.values():
            await transaction.raw.execute(
                "INSERT INTO destruction (id, agency_id, until, proposed_by, proposed_at, state, decided_by) "
                "VALUES ($1, 'DPMPTSP@6472', now(), 'off_1', now(), 'open', '')",
                row_id,
            )
    return made


async def _contacts(world: World, ours: Side) -> dict[str, str]:
    """Two more of our citizen, and some days between them and what is done here."""
    path = f"/v1/subjects/{ours.subject}/contacts"
    made = {}
    for caller, value in (("officer", "+6281200009941"), ("supervisor", "+6281200009942")):
        added = await ours.officer.post(path, json={"channel": "sms", "value": value})
        made[caller] = added.json()["id"]
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE contact SET set_at = set_at - interval '2 days'")
        theirs = "SELECT id FROM contact WHERE subject_ref <> $1 LIMIT 1"
        meant = world.parts.keyring.meant(ours.officer.agency, ours.subject)
        return made | {"another citizen's": await transaction.raw.fetchval(theirs, meant)}


async def _assisted(
    world: World, ours: Side, theirs: Side
) -> tuple[dict[str, Desk], dict[str, str], dict[str, str], dict[str, str]]:
    """Of citizens of their own, since a new request replaces an older one."""
    second = await world.officer(name="kedua")

    async def desk(side: Side, nik: str, service: str = SERVICE) -> Desk:
        subject = await world.enrols(side.officer, nik, None)
        await world.stores(side.officer, subject)
        answers = ANSWERS if service == SERVICE else {}
        request = await world.asks(side.officer, subject, service, answers=answers, channel="assisted")
        return Desk(world, side.officer, second, subject, request)

    open_one = await desk(ours, "6472090508709930")
    assisted = {"ours": open_one, "another agency's": await desk(theirs, "6472092308999940", OTHER_SERVICE)}
    waiting = await desk(ours, "6472090208619950")
    recording = {"request": waiting.request["id"], "recording": await waiting.recorded(officer=second)}
    done = await (await desk(ours, "6472090312759960")).confirmed()
    slip = {"reference": done["reference"], "code": done["withdrawal_code"]}
    return assisted, {"ours": await open_one.read()}, recording, slip


def _call(cast: Cast, caller: str, operation: str, whose: str) -> tuple[str, str, dict[str, Any]]:
    """Method, address and body of an operation that is in order but for whose it is about."""
    nobody = Side(
        cast.ours.officer,
        cast.ours.admin,
        cast.ours.backend,
        *(f"{kind}_{NOBODYS}" for kind in ("sbj", "c", "cr", "d", "d", "sbj", "r")),
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
    breach = f"/v1/breaches/{cast.breaches.get(whose)}"
    named = {"subject_ref": side.holder, "role": "holder"}
    marked = {"areas": [{"x": 0, "y": 0.1, "width": 1, "height": 0.5}]}
    consent = cast.consents.get(caller, side.consent) if whose == "ours" else side.consent
    right = {"kind": "copy", "reason": "access", "about": "everything"}
    owed = {
        kind: cast.owed.get((kind, caller if whose == "ours" else whose), f"{kind}_{NOBODYS}")
        for kind in ("wd", "cs", "dr")
    }
    void = {
        kind: cast.owed.get((kind, caller if whose == "ours" else whose), f"vo_{NOBODYS}")
        for kind in ("to confirm", "to reject")
    }
    happened = {"event": "business_change", "happened_on": "2026-01-05"}
    contact = {"officer": "+6281200009951", "supervisor": "+6281200009952"}.get(caller, "+6281200009953")
    contacts = f"/v1/subjects/{side.subject}/contacts"
    going = cast.contacts.get(whose) or cast.contacts.get(caller) or f"k_{NOBODYS}"
    assisted = cast.assisted[whose].request["id"] if whose in cast.assisted else f"cr_{NOBODYS}"
    decision = {
        "granted": ["0/0"], "witness": "signature", "told": list("abcdefg"), "identity_sighted": True,
        "text_sha256": cast.texts.get(whose, "0" * 64),
    }  # fmt: skip
    discard = {"confirm": False, "recording": cast.waiting["recording"], "reason": "mistyped"}
    waiting = cast.waiting["request"] if whose == "ours" else assisted
    slip = cast.slip if whose == "ours" else {"reference": "PST-0000-0000", "code": "0000-0000"}
    own = cast.destructions.get(operation, cast.destructions["approveDestruction"])
    destruction = f"/v1/destructions/{own if whose == 'ours' else f'ds_{NOBODYS}'}"
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "listDuePapers": ("GET", "/v1/destructions/due", {}),
        "proposeDestruction": ("POST", "/v1/destructions", {"json": {}}),
        "getDestruction": ("GET", destruction, {}),
        "printMinutes": ("GET", f"{destruction}/minutes", {}),
        "approveDestruction": ("POST", f"{destruction}/approval", {}),
        "rejectDestruction": ("POST", f"{destruction}/rejection", {}),
        "listContacts": ("GET", contacts, {}),
        "addContact": ("POST", contacts, {"json": {"channel": "sms", "value": contact}}),
        "removeContact": ("POST", f"{contacts}/{going}/removal", {}),
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
        "markPeopleOnDocument": ("PUT", f"/v1/documents/{side.family}/subjects/areas", {"json": marked}),
        "nameOnDocument": ("POST", f"/v1/documents/{side.family}/subjects", {"json": named}),
        "listNamedOnDocument": ("GET", f"/v1/documents/{side.family}/subjects", {}),
        "unnameOnDocument": ("DELETE", f"/v1/documents/{side.family}/subjects/{side.holder}", {}),
        "placeLegalHold": (
            "PUT",
            f"/v1/documents/{side.document}/legal-hold",
            {"json": {"order": "B-1/2026"}},
        ),
        "liftLegalHold": ("DELETE", f"/v1/documents/{side.document}/legal-hold", {}),
        "getConsentRequest": ("GET", f"/v1/consent-requests/{side.request}", {}),
        "getSlip": ("GET", f"/v1/consent-requests/{assisted}/slip", {}),
        "recordAssisted": (
            "POST",
            f"/v1/consent-requests/{assisted}/assisted-decision",
            {"json": decision},
        ),
        "confirmAssisted": ("POST", f"/v1/consent-requests/{waiting}/confirmation", {"json": discard}),
        "withdrawWithCode": ("POST", "/v1/withdrawals", {"json": slip}),
        "assistedShare": ("GET", "/v1/assisted-share", {}),
        "issueTicket": ("POST", "/v1/tickets", {"json": ticket}),
        "withdrawConsent": ("POST", f"/v1/consents/{consent}/withdrawal", {"json": {}}),
        "listWithdrawals": ("GET", "/v1/withdrawals", {}),
        "answerWithdrawal": ("POST", f"/v1/withdrawals/{owed['wd']}/answer", {"json": {"answer": "stopped"}}),
        "listCases": ("GET", "/v1/cases", {}),
        "getCase": ("GET", f"/v1/cases/{owed['cs']}", {}),
        "answerCase": (
            "POST",
            f"/v1/cases/{owed['cs']}/answer",
            {"json": {"outcome": "done", "text": "Terlampir."}},
        ),
        "askForRight": ("POST", f"/v1/subjects/{side.subject}/rights-requests", {"json": right}),
        "reportDeath": (
            "POST",
            f"/v1/subjects/{side.subject}/death",
            {"json": {"document_id": side.document, "version": 1}},
        ),
        "getReceiptBundle": ("GET", f"/v1/receipts/{side.receipt}/bundle", {}),
        "getConsentBundle": ("GET", f"/v1/consents/{side.consent}/bundle", {}),
        "listDeaths": ("GET", "/v1/deaths", {}),
        "confirmDeath": ("POST", f"/v1/deaths/{owed['dr']}/confirmation", {}),
        "undoDeath": ("POST", f"/v1/deaths/{owed['dr']}/undo", {}),
        "rejectDeath": ("POST", f"/v1/deaths/{owed['dr']}/rejection", {}),
        "reportVoid": (
            "POST",
            f"/v1/documents/{side.family}/versions/1/void",
            {"json": {"reason": "wrong_paper"}},
        ),
        "listVoids": ("GET", "/v1/voids", {}),
        "confirmVoid": ("POST", f"/v1/voids/{void['to confirm']}/confirmation", {}),
        "rejectVoid": ("POST", f"/v1/voids/{void['to reject']}/rejection", {}),
        "recordLifeEvent": ("POST", f"/v1/subjects/{side.subject}/life-events", {"json": happened}),
        "currentSession": ("GET", "/v1/session", {}),
        "beginTotp": ("POST", "/v1/session/totp", shown),
        "beginPasskey": ("POST", "/v1/session/passkeys/options", shown),
        "registerPasskey": ("POST", "/v1/session/passkeys", {"json": {"name": "x", "credential": made}}),
        "listPasskeys": ("GET", "/v1/session/passkeys", {}),
        "removePasskey": ("POST", f"/v1/session/passkeys/{credential}/removal", shown),
        "confirmTotp": ("POST", "/v1/session/totp/confirmation", {"json": {"code": "none"}}),
        "listBreaches": ("GET", "/v1/breaches", {}),
        "openBreach": ("POST", "/v1/breaches", {"json": BREACH | {"of_agency": agency}}),
        "findBreachPersons": ("GET", f"{breach}/persons", {}),
        "tellBreachPersons": ("POST", f"{breach}/letters", {"json": {"subject_refs": [side.subject]}}),
        "printBreachLetter": ("GET", f"{breach}/letters/{side.subject}", {}),
        "printAuthorityLetter": ("GET", f"{breach}/authority-letter", {}),
        "noteAuthorityTold": ("POST", f"{breach}/authority", {"json": AUTHORITY_TOLD}),
        "closeBreach": ("POST", f"{breach}/closure", {}),
        "signOut": ("DELETE", "/v1/session", {}),
    }
    return calls[operation]


def _told(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


async def test_the_matrix(cast: Cast) -> None:
    wrong: list[str] = []
    problems: dict[tuple[str, str, str], dict[str, Any]] = {}
    for operation, whose, expected in rows():
        # Sixty refusals a minute are enough for any caller but one who tries everything; a fast machine does that in one minute.
        cast.world.parts.appender._budget = RefusalBudget()
        for caller in sorted(CALLERS, key=lambda name: name == "officer"):  # what ends something comes last
            before = await cast.world.size()
            if operation in REDEEMING:
                answer = await cast.redeems(caller, operation, whose)
            else:
                method, path, sent = _call(cast, caller, operation, whose)
                answer = await cast.calls(caller, method, path, **sent)
            if answer.status_code != expected[caller]:
                wrong.append(f"{operation} {whose} {caller}: {answer.status_code}, not {expected[caller]}")
            if answer.status_code >= 400:
                problems[operation, whose, caller] = _told(answer)
            entries = await cast.world.entries(since=before)
            noted = any(not entry["result"]["allowed"] for entry in entries)
            denied = answer.status_code in {403, 404} and (operation, whose, caller) not in NO_ENTRY
            if denied and not noted:
                wrong.append(f"{operation} {whose} {caller}: denied without an entry")
        await cast.world.outcomes()
    assert wrong == []
    for (operation, whose, caller), told in problems.items():
        over_the_site = caller in {"auditor", "operator", "site"}
        if whose == "another agency's" and operation not in REDEEMING and not over_the_site:
            assert told == problems[operation, "nobody's", caller], (operation, caller)


def test_no_operation_is_missing() -> None:
    described = {
        operation["operationId"]
        for name, operation in _operations(everything()).items()
        if name not in PUBLIC
    }
    assert {name for name, _whose, _expected in rows()} == described
    assert all(len(set(expected)) == len(CALLERS) for _name, _whose, expected in rows())
