"""The table: which status each kind of caller gets for which operation, and whose."""

from __future__ import annotations

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
nameOnDocument       another agency's    401     404      404         403    403  403      403       403   401     401
nameOnDocument       nobody's            401     404      404         403    403  403      403       403   401     401
nameOnDocument       ours                401     201      201         403    403  403      403       403   401     401
markPeopleOnDocument another agency's    401     404      404         403    403  403      403       403   401     401
markPeopleOnDocument nobody's            401     404      404         403    403  403      403       403   401     401
markPeopleOnDocument ours                401     200      200         403    403  403      403       403   401     401
listNamedOnDocument  another agency's    401     404      404         403    403  403      403       403   401     401
listNamedOnDocument  nobody's            401     404      404         403    403  403      403       403   401     401
listNamedOnDocument  ours                401     200      200         403    403  403      403       403   401     401
unnameOnDocument     another agency's    401     404      404         403    403  403      403       403   401     401
unnameOnDocument     nobody's            401     404      404         403    403  403      403       403   401     401
unnameOnDocument     ours                401     404      204         403    403  403      403       403   401     401
getSlip              ours                401     200      200         403    403  403      403       403   401     401
getSlip              another agency's    401     404      404         403    403  403      403       403   401     401
getSlip              nobody's            401     404      404         403    403  403      403       403   401     401
recordAssisted       ours                401     409      201         403    403  403      403       403   401     401
recordAssisted       another agency's    401     404      404         403    403  403      403       403   401     401
recordAssisted       nobody's            401     404      404         403    403  403      403       403   401     401
confirmAssisted      ours                401     409      200         403    403  403      403       403   401     401
confirmAssisted      another agency's    401     404      404         403    403  403      403       403   401     401
confirmAssisted      nobody's            401     404      404         403    403  403      403       403   401     401
withdrawWithCode     nobody's            401     404      404         403    404  403      403       403   401     401
withdrawWithCode     ours                401     404      200         403    404  403      403       403   401     401
assistedShare        ours                401     403      200         200    200  200      200       200   401     401
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
takePackage          another agency's    401     404      404         404    404  404      404       404   401     401
takePackage          ours                401     200      404         404    404  404      404       404   200     401
getReceiptBundle     another agency's    401     404      404         403    404  403      403       403   404     403
getReceiptBundle     nobody's            401     404      404         403    404  403      403       403   404     403
getReceiptBundle     ours                401     200      200         403    200  403      403       403   200     403
getConsentBundle     another agency's    401     404      404         403    404  403      403       403   404     403
getConsentBundle     nobody's            401     404      404         403    404  403      403       403   404     403
getConsentBundle     ours                401     200      200         403    200  403      403       403   200     403
withdrawConsent      another agency's    401     404      404         403    404  403      403       403   401     401
withdrawConsent      nobody's            401     404      404         403    404  403      403       403   401     401
withdrawConsent      ours                401     200      200         403    200  403      403       403   401     401
listWithdrawals      ours                401     200      200         403    200  403      403       403   401     401
answerWithdrawal     another agency's    401     404      404         403    404  403      403       403   401     401
answerWithdrawal     nobody's            401     404      404         403    404  403      403       403   401     401
answerWithdrawal     ours                401     200      200         403    200  403      403       403   401     401
listCases            ours                401     403      403         403    200  403      403       403   401     401
placeLegalHold       ours                401     403      403         403    200  403      403       403   401     401
placeLegalHold       nobody's            401     404      404         404    404  404      404       404   401     401
liftLegalHold        nobody's            401     404      404         404    404  404      404       404   401     401
liftLegalHold        ours                401     403      403         403    200  403      403       403   401     401
listDuePapers        ours                401     403      403         403    200  403      403       403   401     401
proposeDestruction   ours                401     403      403         403    409  403      403       403   401     401
getDestruction       nobody's            401     403      403         404    404  403      403       403   401     401
getDestruction       ours                401     403      403         200    200  403      403       403   401     401
printMinutes         nobody's            401     403      403         404    404  403      403       403   401     401
printMinutes         ours                401     403      403         200    200  403      403       403   401     401
rejectDestruction    nobody's            401     403      403         404    404  403      403       403   401     401
rejectDestruction    ours                401     403      403         200    409  403      403       403   401     401
approveDestruction   nobody's            401     403      403         404    404  403      403       403   401     401
approveDestruction   ours                401     403      403         200    409  403      403       403   401     401
getCase              another agency's    401     403      403         403    404  403      403       403   401     401
getCase              nobody's            401     403      403         403    404  403      403       403   401     401
getCase              ours                401     403      403         403    200  403      403       403   401     401
answerCase           another agency's    401     403      403         403    404  403      403       403   401     401
answerCase           nobody's            401     403      403         403    404  403      403       403   401     401
answerCase           ours                401     403      403         403    200  403      403       403   401     401
askForRight          another agency's    401     404      404         403    404  403      403       403   401     401
askForRight          nobody's            401     404      404         403    404  403      403       403   401     401
askForRight          ours                401     201      201         403    201  403      403       403   401     401
listContacts         ours                401     200      200         403    403  403      403       403   401     401
listContacts         another agency's    401     404      404         403    403  403      403       403   401     401
listContacts         nobody's            401     404      404         403    403  403      403       403   401     401
addContact           ours                401     201      201         403    403  403      403       403   401     401
addContact           another agency's    401     404      404         403    403  403      403       403   401     401
addContact           nobody's            401     404      404         403    403  403      403       403   401     401
removeContact        ours                401     204      204         403    403  403      403       403   401     401
removeContact        another agency's    401     404      404         403    403  403      403       403   401     401
removeContact        another citizen's   401     404      404         403    403  403      403       403   401     401
removeContact        nobody's            401     404      404         403    403  403      403       403   401     401
reportDeath          another agency's    401     403      403         403    403  403      403       403   401     401
reportDeath          nobody's            401     403      403         403    403  403      403       403   401     401
reportDeath          ours                401     403      403         403    403  403      403       403   401     401
listDeaths           ours                401     200      200         403    403  403      403       403   401     401
confirmDeath         another agency's    401     404      404         403    403  403      403       403   401     401
confirmDeath         nobody's            401     404      404         403    403  403      403       403   401     401
confirmDeath         ours                401     422      422         403    403  403      403       403   401     401
undoDeath            another agency's    401     404      404         403    403  403      403       403   401     401
undoDeath            nobody's            401     404      404         403    403  403      403       403   401     401
undoDeath            ours                401     409      409         403    403  403      403       403   401     401
rejectDeath          another agency's    401     404      404         403    403  403      403       403   401     401
rejectDeath          nobody's            401     404      404         403    403  403      403       403   401     401
rejectDeath          ours                401     200      200         403    403  403      403       403   401     401
reportVoid           another agency's    401     404      404         403    403  403      403       403   401     401
reportVoid           nobody's            401     404      404         403    403  403      403       403   401     401
reportVoid           ours                401     409      201         403    403  403      403       403   401     401
listVoids            ours                401     200      200         403    403  403      403       403   401     401
confirmVoid          another agency's    401     404      404         403    403  403      403       403   401     401
confirmVoid          nobody's            401     404      404         403    403  403      403       403   401     401
confirmVoid          ours                401     200      200         403    403  403      403       403   401     401
rejectVoid           another agency's    401     404      404         403    403  403      403       403   401     401
rejectVoid           nobody's            401     404      404         403    403  403      403       403   401     401
rejectVoid           ours                401     200      200         403    403  403      403       403   401     401
recordLifeEvent      another agency's    401     404      404         403    403  403      403       403   401     401
recordLifeEvent      nobody's            401     404      404         403    403  403      403       403   401     401
recordLifeEvent      ours                401     200      200         403    403  403      403       403   401     401
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
listBreaches         ours                401     403      403         403    200  403      403       200   401     401
openBreach           ours                401     403      403         403    201  403      403       201   401     401
openBreach           another agency's    401     403      403         403    403  403      403       201   401     401
openBreach           nobody's            401     403      403         403    403  403      403       422   401     401
findBreachPersons    another agency's    401     403      403         403    404  403      403       200   401     401
findBreachPersons    nobody's            401     403      403         403    404  403      403       404   401     401
findBreachPersons    ours                401     403      403         403    200  403      403       200   401     401
tellBreachPersons    another agency's    401     403      403         403    404  403      403       200   401     401
tellBreachPersons    nobody's            401     403      403         403    404  403      403       404   401     401
printBreachLetter    another agency's    401     403      403         403    404  403      403       404   401     401
printBreachLetter    nobody's            401     403      403         403    404  403      403       404   401     401
printAuthorityLetter another agency's    401     403      403         403    404  403      403       200   401     401
printAuthorityLetter nobody's            401     403      403         403    404  403      403       404   401     401
noteAuthorityTold    another agency's    401     403      403         403    404  403      403       204   401     401
noteAuthorityTold    nobody's            401     403      403         403    404  403      403       404   401     401
closeBreach          another agency's    401     403      403         403    404  403      403       204   401     401
closeBreach          nobody's            401     403      403         403    404  403      403       404   401     401
signOut              ours                401     204      204         204    204  204      204       204   401     401
"""
_ALL = ("ours", "another agency's", "another citizen's", "nobody's")
# A ticket of another session: whoever shows it is no known caller (ARCHITECTURE, Decisions).
REDEEMING = ("getDocumentContent", "takePackage")
NO_ENTRY = {
    (operation, whose, caller)
    for operation in REDEEMING
    for whose, caller in [
        ("another agency's", "officer"), *((whose, caller) for whose in _ALL for caller in CALLERS if caller not in ("officer", "client")),
    ]
}  # fmt: skip


def rows() -> list[tuple[str, str, dict[str, int]]]:
    header, *lines = TABLE.strip().splitlines()
    starts = [header.index(name) for name in ("operation", "whose", *CALLERS)]
    cut = [
        [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        for line in lines
    ]
    return [(name, whose, dict(zip(CALLERS, map(int, given), strict=True))) for name, whose, *given in cut]
