"""Every type of entry that the ledger knows: the one table from which ``deploy/ledger-entries.md`` is written, against which each entry that
a test makes is held (``tests/entries.py``), and by which an auditor may ask.

How it may evolve (``storage/ledger/entry.py``): a type, an act or a member may be added under ``v`` 1; none is ever taken away and none
changes its meaning. A member that would mean something else gets another name; where that is not enough, ``v`` is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CITIZEN, SITE, EITHER = "citizen", "site", "citizen or site"


@dataclass(frozen=True, slots=True)
class Kind:
    """``on``: whose trail it stands on. ``actors``: kinds of who acts. ``acts``: act -> what happened; the empty one for entries without
    ``act``. ``always``: members of every allowed entry but a linked one; ``sometimes``: member -> when.
    """

    what: str
    on: str
    actors: str
    acts: Mapping[str, str]
    always: str = ""
    sometimes: Mapping[str, str] = field(default_factory=dict)

    def may_have(self) -> set[str]:
        return {
            *self.always.split(),
            *self.sometimes,
            *EVERY,
            *LINKED,
            *(["act"] if set(self.acts) != {""} else []),
        }


EVERY: dict[str, str] = {
    "v": "version of the entry's meaning, 1",
    "t": "the batch's clock, RFC 3339 in UTC with milliseconds",
    "type": "one of the types below",
    "subject": "the citizen's name in the log (`pw:...`, keyed, the same for nobody else), or `site`",
    "subject_seq": "dense number of the entry on this trail, from 1",
    "actor": "`officer:ID`, `client:ID`, `citizen`, `representative`, `represented`, `operator` or `system`",
    "result": "`{allowed: true}`, or `{allowed: false, reason}` with a reason code",
}
LINKED: dict[str, str] = {
    "linked": "on the first entry of an act with several: how many follow it",
    "linked_to": "on those that follow: index of the first",
    "names_you": "on the trail of a person whom the holder's paper names; of the holder's members only act, agency, counter, service, basis, document_type, outcome",
    "relation": "where another decided: as what",
    "decider": "on the subject's trail: the decider's name in the log",
    "relation_evidence": "the papers that showed the relation, pinned by hash",
    "for_another": "on the decider's trail: the subject's name in the log",
}
MEMBERS: dict[str, str] = {
    "act": "what sets entries of one type apart",
    "agency": "whose act it is (`CODE@site`); of an administrator's act on an agency, that agency",
    "counter": "where the officer sits; a machine sits nowhere",
    "service": "the purpose: code of the service",
    "lawful_basis": "UU 27/2022 art. 20(2) in code: consent, legal_obligation, ...",
    "doc": "`{id, ver, sha256}` of one version; `superseded_by`, `received_sha256`, `provenance` where known",
    "docs": "the same, several",
    "document_type": "catalogue code of a paper",
    "document_types": "the same, several",
}
_CONSENT = "consent consent_sha256 granted refused absent"
_BY_AGENCY = {"counter": "by an officer", "scope": "refused: the machine's scope"}

KINDS: dict[str, Kind] = {
    "agency": Kind(
        "Agencies, their machines, their legal grounds", SITE, "operator officer",
        {"add": "an agency takes part", "agreement": "its agreement ends on a day", "suspend": "suspended", "resume": "takes part again",
         "add_client": "a machine", "set_scopes": "what the machine may ask", "set_purposes": "for which services", "suspend_client": "suspended",
         "resume_client": "again", "allow_rs256": "RS256 allowed", "forbid_rs256": "and not any more",
         "ground": "a legal ground is put on record", "end_ground": "and ends"},
        sometimes={"agency": "all acts but those on one machine or ground", "counter": "by an officer", "client": "acts on a machine",
                   "scopes": "add_client, set_scopes", "purposes": "add_client, set_purposes", "until": "agreement", "service": "ground",
                   "lawful_basis": "ground", "reference": "ground", "types": "ground", "ground": "end_ground"},
    ),
    "audit": Kind(
        "Somebody looked at entries, exported or counted them", EITHER, "officer operator",
        {"find": "whose list is it, by NIK", "search": "entries were looked at", "own": "an officer looked at the own acts",
         "ask_export": "an export was asked for", "approve_export": "a second person approved it", "reject_export": "it was rejected or taken back",
         "list_exports": "the list of exports was looked at", "export": "it was taken", "report": "a semester was counted"},
        sometimes={"agency": "by an officer; the report's agency", "counter": "by an officer", "assignment": "number of the letter that orders it",
                   "from": "the period, on the site's trail", "to": "the same", "of_agency": "whose acts were meant", "officer": "of whom",
                   "entry_type": "of which type", "outcome": "allowed or refused only", "about": "`citizen`: one citizen's list",
                   "export": "acts on an export", "entries": "export, report: how many", "log_size": "export, report: entries of the log that it refers to",
                   "semester": "report", "published": "report: without small groups"},
    ),
    "breach": Kind(
        "The breach register (art. 46)", EITHER, "officer",
        {"open": "put on record", "look": "the register was looked at", "search": "whom it touched", "tell": "persons are being told",
         "told": "this person was told", "letter": "a letter was printed", "authority": "the authority was told",
         "authority_letter": "the letter to it was printed", "close": "closed"},
        "agency", {"counter": "by an officer", "breach": "all acts but look"},
    ),
    "contact": Kind(
        "A citizen is enrolled; contacts change", EITHER, "officer client",
        {"": "refused at the door", "enrol": "enrolled, or a known NIK was typed", "look": "contacts were looked at, masked", "add": "added",
         "remove": "removed", "contact_shared": "several citizens have this contact (names none)"},
        "agency", _BY_AGENCY | {"known": "the NIK was enrolled already", "channels": "enrol", "channel": "add, remove", "citizens": "contact_shared: how many"},
    ),
    "death": Kind(
        "A death ends consents and mandates", EITHER, "officer",
        {"report": "reported, with the certificate", "look": "the register was looked at", "confirm": "a second officer confirmed",
         "reject": "rejected", "undo": "undone, or one officer asked for it", "mandate_ended": "who decided for the dead does not any more"},
        "agency", {"counter": "by an officer", "doc": "report", "sha256": "report", "report": "acts on a report", "consents": "which ended"},
    ),
    "erase": Kind(
        "Papers are destroyed because their time is over", EITHER, "officer system",
        {"look_at_due": "what is due was looked at", "propose_destruction": "a list was proposed", "look_at_destruction": "looked at",
         "approve_destruction": "approved", "reject_destruction": "rejected", "destroyed": "this paper's keys were destroyed, or it was left out",
         "destruction_ended": "the list came to its end", "trail_erased": "on the site's trail: a citizen's trail ended by policy (the tombstone)"},
        sometimes={"agency": "by an officer", "counter": "by an officer", "destruction": "acts on a list", "document": "destroyed",
                   "document_types": "destroyed", "why": "destroyed", "erased": "destroyed: versions", "effective_at": "destroyed: when the last backup is gone",
                   "papers": "how many", "until": "proposed for", "versions": "destroyed: what there was",
                   "subject_erased": "trail_erased: whose, by the name in the log", "subject_seq_to": "trail_erased: how many numbers it had",
                   "entries": "trail_erased: indexes of the entries", "kept_years": "trail_erased: the policy", "lawful_basis": "trail_erased"},
    ),
    "factor": Kind(
        "A citizen proves to be it", CITIZEN, "citizen officer",
        {"code_sent": "a one-time code was sent", "code_tried": "a code was typed", "left": "the browser forgot", "passkey_shown": "a passkey was shown",
         "identity_shown": "INApas vouched", "passkey_added": "registered", "passkey_removed": "removed",
         "officer_browser": "refused: an officer is signed in in this browser"},
        sometimes={"for": "which link or request", "channel": "code_sent", "agency": "officer_browser", "counter": "officer_browser",
                   "service": "officer_browser", "request": "officer_browser"},
    ),
    "grant": Kind(
        "The citizen allowed", CITIZEN, "citizen officer representative",
        {"": "by the link", "assisted": "without a phone, confirmed by a second officer"},
        f"agency service lawful_basis request shown_sha256 {_CONSENT}",
        {"counter": "where it was asked", "recording": "assisted", "recorded_by": "assisted", "witness": "assisted", "slip_sha256": "assisted"},
    ),
    "hold": Kind(
        "A law wants a paper kept", EITHER, "officer", {"placed": "kept", "lifted": "not any more"},
        "agency document", {"counter": "by an officer", "order": "placed", "versions": "allowed"},
    ),
    "intake": Kind(
        "A paper comes in; whom it names; it was filed wrongly", EITHER, "officer client system",
        {"": "stored, or refused", "named": "a person whom it names", "unnamed": "not any more", "areas_marked": "where people stand on it",
         "names_listed": "whom it names was looked at", "void_reported": "filed wrongly, says one officer", "voided": "a second one confirmed",
         "void_rejected": "it is right", "void_listed": "the reports were looked at", "misfiled": "on the owner's trail: it was under somebody else",
         "life_event": "something happened that makes papers stale", "given_up": "uploads that came to nothing were cleared"},
        sometimes=_BY_AGENCY | {
            "agency": "by an agency", "document_type": "about one paper", "doc": "about one paper, where it is there", "signature": "signed: by whom, verified how",
            "same": "the same bytes again", "role": "named", "areas": "areas_marked: how many", "reason": "voids", "report": "voids",
            "consents": "voided: under which it was read", "received_by": "voided, misfiled: agencies that had it", "event": "life_event",
            "happened_on": "life_event", "document_types": "life_event", "docs": "life_event", "intakes": "given_up: how many"},
    ),
    "key": Kind(
        "Keys come, turn and go", SITE, "operator system",
        {"introduce": "a signing key", "retire": "signs no more", "revoke": "counts no more", "add": "a machine's key", "withdraw": "not any more",
         "set_jwks_uri": "where the machine publishes its keys", "fetch": "what was found there", "rewrap": "under another root key",
         "turn": "citizens' keys"},
        sometimes={"purpose": "signing keys, turn", "kid": "one key", "client": "a machine's", "uri": "set_jwks_uri", "cause": "set_jwks_uri refused",
                   "taken": "fetch", "ended": "fetch", "root_key": "rewrap", "root_key_version": "rewrap", "keys": "rewrap, turn: how many"},
    ),
    "log": Kind(
        "The log goes on under a new name after a loss", SITE, "operator", {"reopened": "the honest scar"},
        "origin previous last_checkpoint lost",
    ),
    "officer": Kind(
        "Officers: ways in, accounts, what takes two persons", SITE, "officer operator system",
        {"sign_in": "signed in, or refused", "sign_out": "out", "reauthenticate": "showed once more who sits there", "add": "added", "invite": "invited",
         "let_in": "let in by another person", "choose_password": "chose one", "suspend": "suspended", "resume": "again", "unlock": "a locked name opened",
         "set_email": "where the officer is told", "begin_factor": "a second factor was begun", "confirm_factor": "and counts",
         "take_away_factor": "taken away by an operator", "add_passkey": "a passkey", "remove_passkey": "not any more", "link": "an account at the provider",
         "unlink": "not any more", "propose": "proposed to a second person", "approve": "approved", "reject": "rejected",
         "look_at_officers": "refused look", "look_at_proposals": "refused look", "look_at_administration": "refused look",
         "look_at_assistance": "refused look", "look_at_alerts": "refused look", "tell_supervisors": "whom a limit stopped is told",
         "remind_data_officer": "a clock runs out"},
        sometimes={"agency": "known", "counter": "by an officer at work", "officer": "to whom it was done", "role": "add, appoint", "of_agency": "resume_agency",
                   "wanted": "what was proposed", "proposal": "which", "way": "sign_in: oidc or passkey", "passkey": "its id", "about": "who or what it is about",
                   "why": "tell_supervisors", "messages": "how many were sent"},
    ),
    "outcome": Kind(
        "How a delivery ended", EITHER, "officer client system", {"": "sent, aborted or unknown"}, "ticket consent doc outcome",
        {"agency": "known", "counter": "by an officer", "service": "known", "lawful_basis": "known", "document_type": "known", "bytes": "sent, aborted",
         "release": "sent, aborted: index of the entry that let the bytes out",
         "source_sha256": "sent, aborted", "served_sha256": "of what left", "rendition": "a copy", "package": "several at once: how many", "range": "a part was asked for"},
    ),
    "poison": Kind("An act that the database could not take", SITE, "system", {"": "refused"}, "", {"of": "its type"}),
    "preview": Kind(
        "The citizen saw a paper before deciding", CITIZEN, "citizen representative", {"shown": "one page, small"},
        "agency service request document_type doc",
    ),
    "quarantine": Kind(
        "A stored copy is damaged, or whole again", CITIZEN, "system", {"put_aside": "not served any more", "let_out": "found whole"},
        "found_by document_type doc", {"fault": "put_aside"},
    ),
    "readiness": Kind(
        "What a service requires was looked at, without opening it", EITHER, "officer client", {"": "looked at"}, "agency service", _BY_AGENCY,
    ),
    "redelivery": Kind(
        "A broken delivery was repeated", CITIZEN, "officer client", {"": "bytes were let out again"},
        "agency service lawful_basis consent ticket document_type doc", {"counter": "by an officer", "rendition": "a copy", "package": "how many", "range": "a part was asked for"},
    ),
    "refusals": Kind(
        "A caller was turned away before the queue", SITE, "system", {"": "one a minute"}, "", {"caller": "who", "count": "how often"},
    ),
    "refuse": Kind(
        "The citizen refused, or closed a request", CITIZEN, "citizen officer representative",
        {"": "by the link", "assisted": "without a phone, confirmed by a second officer"},
        f"agency service lawful_basis request shown_sha256 {_CONSENT}",
        {"counter": "where it was asked", "recording": "assisted", "recorded_by": "assisted", "witness": "assisted", "slip_sha256": "assisted"},
    ),
    "release": Kind(
        "Bytes of a paper were let out, or refused", EITHER, "officer client", {"": "let out", "proof": "refused: the proof of a delivery"},
        "agency service lawful_basis consent ticket document_type doc",
        {"counter": "by an officer", "rendition": "a copy", "range": "a part was asked for", "package": "several at once: how many", "scope": "refused: the machine's scope", "receipt": "proof"},
    ),
    "request": Kind(
        "Consent was asked for", EITHER, "officer client",
        {"": "by link or counter", "notice": "none is needed by law, and the citizen is told", "look": "refused look at a request", "assist": "refused at the door",
         "slip": "refused look at a slip", "proof": "refused: the proof of a consent", "record_assisted": "recorded without a phone", "confirm_assisted": "refused confirmation", "discard_assisted": "the recording was thrown away"},
        "agency", _BY_AGENCY | {
            "service": "known", "lawful_basis": "known", "request": "known", "request_sha256": "asked", "document_types": "asked", "mode": "asked",
            "mode_reason": "why at the counter", "legal_reference": "notice", "consent": "notice", "consent_sha256": "notice", "recording": "assisted",
            "witness": "assisted", "helped_by": "assisted", "slip_sha256": "assisted", "shown_sha256": "assisted", "why": "discard_assisted"},
    ),
    "rights": Kind(
        "A right is exercised, answered, settled", EITHER, "citizen officer",
        {"objection": "this is not right", "correction": "data are wrong", "erasure": "papers shall go", "suspension": "reading shall stop", "copy": "a copy is wanted", "look": "a data officer read a case",
         "answer": "and answered", "close": "the citizen is content", "thaw": "a frozen consent goes on", "export": "the own data were taken along"},
        sometimes={"agency": "by an officer", "counter": "by an officer", "for_citizen": "recorded at the counter", "reason_given": "asked", "about": "asked",
                   "about_id": "asked", "cases": "asked", "agencies": "asked: who answers", "frozen": "consents that stop", "case": "acts on a case",
                   "outcome": "answer", "erased": "answer: versions", "effective_at": "answer: when the last backup is gone", "consent": "thaw", "format": "export"},
    ),
    "supersede": Kind(
        "A newer copy took the place of one", CITIZEN, "officer client", {"": "replaced"}, "agency document_type doc", {"counter": "by an officer"},
    ),
    "ticket": Kind(
        "Papers are about to be read", EITHER, "officer client", {"": "issued", "authorize": "refused: a machine's token for a consent"},
        "agency service lawful_basis consent ticket document_types", {"counter": "by an officer", "docs": "the holder's", "scope": "refused: the machine's scope"},
    ),
    "withdraw": Kind(
        "A consent is taken back; the recipient answers", EITHER, "citizen officer representative represented",
        {"": "taken back", "with_code": "at any counter, by the slip's code", "answer": "the recipient stopped, deleted or must keep", "look": "refused look"},
        sometimes={"consent": "known", "lawful_basis": "taken back", "withdrawal": "allowed", "consent_sha256": "taken back, allowed", "agency": "whose consent, or who recorded or answered",
                   "service": "known", "document_types": "taken back", "counter": "by an officer", "for_citizen": "at the counter",
                   "recipient": "with_code: whose consent it was", "answer": "answer", "article": "answer: which law wants it kept"},
    ),
    "witness": Kind(
        "A witness of the log keeps a checkpoint waiting, or refuses it", SITE, "system", {"alarm": "those over the site are told"},
        "witness why", {"cause": "how it answered last"},
    ),
}  # fmt: skip


def faults(event: Mapping[str, object]) -> list[str]:
    """What an entry says that this table does not; empty when it is declared."""
    kind = KINDS.get(str(event["type"]))
    if kind is None:
        return [f"{event['type']}: no such type"]
    result = event["result"]
    reason = result.get("reason") if isinstance(result, Mapping) else None
    if reason == "judge_failed":  # the appender's own word for an item that broke: it has nothing else to say
        return []
    name, act = event["type"], str(event.get("act", ""))
    found = [] if act in kind.acts else [f"{name}: act {act or 'missing'}"]
    found += [f"{name}/{act}: member {extra}" for extra in sorted(set(event) - kind.may_have())]
    if reason is None and not event.get("names_you"):
        found += [f"{name}/{act}: without {one}" for one in kind.always.split() if one not in event]
    actor = str(event["actor"]).partition(":")[0]
    if actor not in kind.actors.split():
        found.append(f"{name}/{act}: actor {actor}")
    own = CITIZEN if event["subject"] != SITE else SITE
    if kind.on not in {own, EITHER} and reason is None:
        found.append(f"{name}/{act}: on the trail of {own}")
    return found
