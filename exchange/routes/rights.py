"""An agency answers citizens who exercise a right: its officers for withdrawals, its data officer for cases."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, model_validator

from exchange.answers import limits_of
from exchange.deps import CurrentOfficer, Parts, Wired, clock, current_officer
from exchange.flows import answer_case, answer_withdrawal, ask_right
from exchange.flows.answer_withdrawal import Answer, Owed
from exchange.flows.own_rights import Case
from exchange.pages.rights import REASONS
from exchange.rights_pages import answer_text, asked_text, case_answer_text, number
from exchange.schemas import DOCUMENT_ID, CaseId, Reference, Strict, WithdrawalId

router = APIRouter(prefix="/v1", tags=["Rights"], dependencies=[Depends(current_officer)])

State = Literal["open", "overdue", "answered", "all"]
Limit = Annotated[int, Query(ge=1, le=200)]


class AnswerIn(Strict):
    """``article`` is the law and article that orders to keep the copy: it belongs to `kept` and to nothing else."""

    answer: Literal["stopped", "deleted", "kept"]
    article: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _article_where_one_is_needed(self) -> AnswerIn:
        if bool(self.article) != (self.answer == "kept"):
            raise ValueError("an article belongs to kept, and to nothing else")
        return self


class CaseAnswerIn(Strict):
    """``thaw``: the frozen consent may go on from the agency's side; the citizen decides."""

    outcome: Literal["explained", "wrong", "corrected", "done", "refused"]
    text: str = Field(min_length=1, max_length=1_000)
    thaw: bool = False


_NAMED = {
    "consent": "c_[0-9A-HJKMNP-TV-Z]{26}",
    "entry": "[0-9]{1,18}",
    "document": DOCUMENT_ID,
    "agency": "[A-Za-z0-9_-]{1,40}@[0-9]{4}",
}


class RightIn(Strict):
    """``about_id`` names the consent, entry, document or agency; nothing for `identity` and `everything`."""

    kind: Literal["objection", "correction", "erasure", "suspension", "copy"]
    reason: str = Field(max_length=40)
    about: Literal["consent", "entry", "document", "agency", "identity", "everything"]
    about_id: str = Field(default="", max_length=60)
    text: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _what_is_named(self) -> RightIn:
        if self.reason not in REASONS[self.kind]:
            raise ValueError("no reason for this kind")
        if not re.fullmatch(_NAMED.get(self.about, ""), self.about_id):
            raise ValueError("about_id names what it is about")
        return self


@router.get(
    "/withdrawals", operation_id="listWithdrawals", summary="Where this agency must stop, and by when"
)
async def list_withdrawals(
    parts: Wired,
    officer: CurrentOfficer,
    response: Response,
    state: State = "open",
    cursor: Annotated[str, Query(pattern=r"^(wd_[0-9A-Z]{26})?$")] = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """Officers and the data protection officer: withdrawals of consents that the own agency was given, erasures of what it
    received, and papers that were filed wrongly (`voided`, with the version to destroy), oldest first. `cursor` is the `next_cursor` of the page before.
    """
    rows = await answer_withdrawal.listed(
        parts.database, parts.keyring, parts.appender, by=officer, state=state, after=cursor, limit=limit
    )
    now = clock()
    after = rows[-1].withdrawal.id if len(rows) == limit else None
    return paged(
        response, f"/v1/withdrawals?state={state}", limit, [_shown(parts, row, now) for row in rows], after
    )


@router.post(
    "/withdrawals/{withdrawal_id}/answer", operation_id="answerWithdrawal", summary="Stopped, deleted, or kept by law"
)  # fmt: skip
async def answer(
    parts: Wired, officer: CurrentOfficer, withdrawal_id: WithdrawalId, body: AnswerIn
) -> dict[str, Any]:
    """An officer or the data protection officer of the recipient, once; `deleted` may follow `stopped` and `kept`. One entry in the
    citizen's list, and a message to the citizen.
    """
    answered = await answer_withdrawal.answer(
        parts.database,
        parts.keyring,
        parts.appender,
        withdrawal_id=withdrawal_id,
        by=officer,
        said=Answer(body.answer, body.article),
        notice=answer_text(parts),
        now=clock(),
    )
    return _shown(parts, Owed(answered, ()), clock())


@router.get("/cases", operation_id="listCases", summary="Which citizens wait for an answer")
async def list_cases(
    parts: Wired,
    officer: CurrentOfficer,
    response: Response,
    state: Literal["open", "overdue", "answered", "closed", "all"] = "open",
    cursor: Annotated[str, Query(pattern=r"^(cs_[0-9A-Z]{26})?$")] = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """The data protection officer: objections and requests to the own agency, oldest first, without what the citizen wrote."""
    rows = await answer_case.listed(
        parts.database, parts.keyring, parts.appender, by=officer, state=state, after=cursor, limit=limit
    )
    after = rows[-1].id if len(rows) == limit else None
    return paged(
        response, f"/v1/cases?state={state}", limit, [_case(parts, row, clock()) for row in rows], after
    )


@router.get("/cases/{case_id}", operation_id="getCase", summary="One case, with what the citizen wrote")
async def get_case(parts: Wired, officer: CurrentOfficer, case_id: CaseId) -> dict[str, Any]:
    """The data protection officer of the agency that answers. One entry in the citizen's list."""
    found = await answer_case.open_case(
        parts.database, parts.keyring, parts.appender, case_id=case_id, by=officer
    )
    return _case(parts, found.case, clock()) | {"text": found.text, "answer": found.answer}


@router.post("/cases/{case_id}/answer", operation_id="answerCase", summary="Answer a citizen")
async def answer_a_case(
    parts: Wired, officer: CurrentOfficer, case_id: CaseId, body: CaseAnswerIn
) -> dict[str, Any]:
    """The data protection officer, once. The citizen is told, and alone lets a frozen consent go on. `done` for an erasure destroys
    the keys at once: nobody can open what was erased; `effective_at` is when the last backup that holds them is gone. What has to be kept
    by law is refused (BK-3043).
    """
    answered = await answer_case.answer(
        parts.database,
        parts.keyring,
        parts.appender,
        case_id=case_id,
        by=officer,
        said=answer_case.Answer(body.outcome, body.text, body.thaw),
        notice=case_answer_text(parts),
        backups=timedelta(days=parts.settings.backup_retention_days),
        now=clock(),
    )
    return _case(parts, answered, clock())


@router.post(
    "/subjects/{ref}/rights-requests", status_code=201, operation_id="askForRight", summary="A right, typed in for a citizen"
)  # fmt: skip
async def ask_for_right(
    parts: Wired, officer: CurrentOfficer, ref: Reference, body: RightIn
) -> dict[str, Any]:
    """An officer or the data protection officer, for a citizen at the counter (UU 27/2022 art. 14). Number, time of receipt and deadline
    are for the citizen's slip; the citizen is told by message too.
    """
    asked = await ask_right.ask(
        parts.database,
        parts.keyring,
        parts.appender,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
        by=officer,
        wanted=ask_right.Wanted(body.kind, body.reason, body.text, body.about, body.about_id),
        keeper=parts.settings.keeper,
        notice=asked_text(parts),
        limits=limits_of(parts),
        now=clock(),
    )
    # Which other agencies hold a consent is not the counter's to know: one number stands for all.
    own = next((case for case in asked.cases if case.agency_id == officer.agency_id), asked.cases[0])
    return {
        "id": own.id,
        "number": number(own.id),
        "received_at": own.opened_at.isoformat(),
        "deadline": own.deadline.isoformat(),
        "state": own.state,
    }


def paged(
    response: Response, address: str, limit: int, data: list[dict[str, Any]], after: str | None
) -> dict[str, Any]:
    """A page of a list that goes on behind ``after`` (RFC 8288: `Link`)."""
    if after is not None:
        response.headers["Link"] = f'<{address}&limit={limit}&cursor={after}>; rel="next"'
    return {"data": data, "next_cursor": after}


def _shown(parts: Parts, owed: Owed, now: datetime) -> dict[str, Any]:
    row = owed.withdrawal
    overdue = not row.answer and now >= row.deadline
    return {
        "id": row.id,
        "number": number(row.id),
        "kind": row.kind,
        "consent_id": row.consent_id,
        "subject_ref": parts.keyring.pseudonym(row.agency_id, row.subject_ref),
        "service": row.service,
        **({"document_types": list(owed.types)} if owed.types else {}),
        **({"document_id": owed.paper[0], "version": owed.paper[1]} if owed.paper else {}),
        "received_at": row.received_at.isoformat(),
        "deadline": row.deadline.isoformat(),
        "state": "answered" if row.answer else "overdue" if overdue else "open",
        "answer": row.answer or None,
        "article": row.article or None,
        "answered_at": row.answered_at.isoformat() if row.answered_at else None,
    }


def _case(parts: Parts, case: Case, now: datetime) -> dict[str, Any]:
    late = case.state == "open" and now >= case.deadline
    return {
        "id": case.id,
        "number": number(case.id),
        "kind": case.kind,
        "reason": case.reason,
        "about": case.about,
        "about_id": case.about_id or None,
        "consent_id": case.consent_id or None,
        "subject_ref": parts.keyring.pseudonym(case.agency_id, case.subject_ref),
        "at_counter": case.asked_by != "citizen",
        "opened_at": case.opened_at.isoformat(),
        "deadline": case.deadline.isoformat(),
        "state": "overdue" if late else case.state,
        "outcome": case.outcome or None,
        "offers_thaw": case.offers_thaw,
        "answered_at": case.answered_at.isoformat() if case.answered_at else None,
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "effective_at": case.effective_at.isoformat() if case.effective_at else None,
    }
