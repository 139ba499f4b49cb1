"""Officers: consent of a citizen without a phone, the slip, its withdrawal code; and how often that happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field, StringConstraints, model_validator

from auth.callers import Officer
from auth.roles import SERVE
from exchange.acts import demand_right
from exchange.answers import limits_of, page, reference, withdrawal_text
from exchange.deps import CurrentOfficer, Wired, clock, current_officer, parts_of
from exchange.entrance import Again, shown_again
from exchange.flows import assist_consent, confirm_assisted, exercise_rights, see_assistance
from exchange.flows.assist_consent import Said
from exchange.flows.confirm_assisted import Confirmation
from exchange.receipt_pages import published_head
from exchange.schemas import RequestId, Strict
from exchange.slip_codes import shown_code
from exchange.slip_pages import notice_of, slip_page, specific_types, terms_of, text_sha256

router = APIRouter(prefix="/v1", tags=["Agency"])

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Recording = Annotated[str, StringConstraints(pattern="^ar_[0-9A-HJKMNP-TV-Z]{26}$")]
Path = Annotated[str, StringConstraints(pattern="^[0-9a-z/]{1,40}$")]
# The seven points of UU 27/2022 art. 21(1).
Point = Literal["a", "b", "c", "d", "e", "f", "g"]
POINTS = 7


async def serving_officer(request: Request) -> Officer:
    """Who serves at a counter. Raises ``AccessRefused``."""
    officer = await current_officer(request)
    parts = parts_of(request)
    await demand_right(parts.keyring, parts.appender, officer, SERVE, kind="request", act="assist")
    return officer


Server = Annotated[Officer, Depends(serving_officer)]


class RecordIn(Strict):
    """``granted`` are paths of the request's items, none for a refusal; ``text_sha256`` is the ETag of the slip that was read aloud;
    ``slip_sha256`` of the scan of the signed slip, or of the recorded voice.
    """

    granted: list[Path] = Field(max_length=50)
    witness: Literal["signature", "thumb_mark", "spoken_recorded"]
    told: list[Point] = Field(min_length=POINTS, max_length=POINTS)
    identity_sighted: Literal[True]
    text_sha256: Sha256
    slip_sha256: Sha256 | None = None
    helped_by: Literal["family", "companion", "interpreter"] | None = None

    @model_validator(mode="after")
    def _all_seven(self) -> RecordIn:
        if len(set(self.told)) != POINTS:
            raise ValueError("each of the seven points, once")
        return self


class ConfirmIn(Again):
    """To confirm, the password (and code) or a passkey; who signs in elsewhere and has neither leaves them out and signs in just before.
    Not to confirm takes a reason instead.
    """

    confirm: bool
    recording: Recording
    reason: (
        Literal["wrong_person", "wrong_papers", "not_present", "not_told", "under_pressure", "mistyped"]
        | None
    ) = None

    @model_validator(mode="after")
    def _one_way(self) -> ConfirmIn:
        if self.confirm == (self.reason is not None):
            raise ValueError("a reason belongs to what is not confirmed, and to nothing else")
        if self.password is not None and self.passkey is not None:
            raise ValueError("the password or a passkey")
        return self

    @property
    def shown(self) -> bool:
        return self.password is not None or self.passkey is not None


class CodeIn(Strict):
    reference: str = Field(max_length=30)
    code: str = Field(max_length=30)


@router.get(
    "/consent-requests/{request_id}/slip", operation_id="getSlip", summary="The slip of a request, for paper",
    response_class=HTMLResponse,
)  # fmt: skip
async def get_slip(parts: Wired, officer: Server, request_id: RequestId) -> Response:
    """An officer of the asking agency. HTML for A4 and 80 mm, to be read aloud and signed; what came of it, once two officers decided (then
    without the withdrawal code). The ETag is what `recordAssisted` takes as `text_sha256`.
    """
    slip = await assist_consent.slip_for(
        parts.database, parts.keyring, parts.appender, officer=officer, request_id=request_id, now=clock()
    )
    answer = page(parts, None, slip_page(parts, slip, await published_head(parts)))
    answer.headers["ETag"] = f'"{text_sha256(parts, slip)}"'
    return answer


@router.post(
    "/consent-requests/{request_id}/assisted-decision", status_code=201, operation_id="recordAssisted",
    summary="Record what a citizen without a phone decided",
)  # fmt: skip
async def record(parts: Wired, officer: Server, request_id: RequestId, body: RecordIn) -> dict[str, Any]:
    """An officer of the asking agency, the one who asked too, with the citizen in front of them. Nobody may read anything until another
    officer confirmed it. A record stays as it is; a wrong one is discarded and recorded anew. One entry on the citizen's trail.
    """
    now = clock()
    slip = await assist_consent.slip_for(
        parts.database, parts.keyring, parts.appender, officer=officer, request_id=request_id, now=now,
        act="record_assisted",
    )  # fmt: skip
    recorded = await assist_consent.record(
        parts.keyring,
        parts.appender,
        officer=officer,
        slip=slip,
        said=Said(
            frozenset(body.granted), body.witness, body.helped_by or "", body.slip_sha256, body.text_sha256
        ),
        text_sha256=text_sha256(parts, slip),
        specific=specific_types(parts),
        excluded=slip.request.service in parts.settings.unassisted,
        limits=limits_of(parts),
        now=now,
    )
    return {
        "id": request_id,
        "state": "pending",
        "awaiting": "confirmation",
        "recording": recorded.recording,
        "recorded_at": recorded.recorded_at.isoformat(),
        "expires_at": slip.request.expires_at.isoformat(),
    }


@router.post(
    "/consent-requests/{request_id}/confirmation", operation_id="confirmAssisted",
    summary="Confirm what another officer recorded",
)  # fmt: skip
async def confirm(
    parts: Wired, officer: Server, request_id: RequestId, body: ConfirmIn, response: Response
) -> dict[str, Any]:
    """Another officer of the asking agency, who neither asked nor recorded, in an own session. The consent holds for this visit, a day at
    most; every contact of the citizen is told. `slip_html` is the receipt with the withdrawal code, told once, and only here.
    With `confirm: false` either officer discards the record.
    """
    now = clock()
    slip = await assist_consent.slip_for(
        parts.database, parts.keyring, parts.appender, officer=officer, request_id=request_id, now=now,
        act="confirm_assisted",
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    if not body.confirm:
        await assist_consent.discard(
            parts.keyring, parts.appender, officer=officer, slip=slip, recording=body.recording,
            reason=body.reason or "",
        )  # fmt: skip
        return {"id": request_id, "state": slip.request.state, "discarded": body.recording}
    if body.shown:
        await shown_again(parts, officer, body)
    confirmed = await confirm_assisted.confirm(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        by=Confirmation(officer, body.recording, body.shown),
        slip=slip,
        terms=terms_of(parts, slip),
        notice=notice_of(parts, slip),
        share_alarm=parts.settings.assisted_share_alarm,
        limits=limits_of(parts),
        link_life=timedelta(days=parts.settings.trail_link_days),
        origin=parts.settings.origin,
        zone=parts.zone,
        now=now,
    )
    consent = confirmed.consent if confirmed.outcome.granted else None
    return {
        "id": request_id,
        "state": confirmed.slip.request.state,
        "consent_id": consent.id if consent else None,
        "reference": reference(request_id),
        "valid_until": consent.valid_until.isoformat() if consent else None,
        "withdrawal_code": f"{confirmed.code[:4]}-{confirmed.code[4:]}" if confirmed.code else None,
        "slip_html": slip_page(parts, confirmed.slip, await published_head(parts), confirmed.code),
    }


@router.post("/withdrawals", operation_id="withdrawWithCode", summary="Withdraw with the code of a slip")
async def withdraw_with_code(parts: Wired, officer: CurrentOfficer, body: CodeIn) -> dict[str, Any]:
    """An officer of any agency, for whoever shows a slip. Unknown and used codes are told alike (BK-2058); ten wrong ones an hour and no
    more (BK-2059).
    """
    now = clock()
    shown = await shown_code(
        parts.database, parts.keyring, officer, reference=body.reference, code=body.code, now=now
    )
    withdrawn = await exercise_rights.withdraw(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        consent_id=shown.consent_id,
        by=shown,
        notice=withdrawal_text(parts),
        now=now,
    )
    return {
        "reference": reference(withdrawn.consent.request_id),
        "state": "withdrawn",
        "stop_before": withdrawn.deadline.isoformat(),
    }


@router.get(
    "/assisted-share", operation_id="assistedShare", summary="How often officers consent without a phone"
)
async def assisted_share(
    parts: Wired, officer: CurrentOfficer, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> dict[str, Any]:
    """Whoever oversees: for each officer of the own agency, or of all, how many decided requests were answered without a phone, and which
    two officers confirm each other. Nothing about citizens.
    """
    found = await see_assistance.share(
        parts.database, parts.keyring, parts.appender, by=officer, days=days, now=clock()
    )
    alarm = parts.settings.assisted_share_alarm
    return {"days": days, "share_alarm": alarm, **see_assistance.shown(found, alarm)}
