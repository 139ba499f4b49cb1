"""The web application: edge, routes, errors; its parts come from ``exchange.wiring``."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from auth.token_self_test import self_test
from exchange import errors
from exchange.deps import clock
from exchange.edge import Edge
from exchange.routes import (
    administration,
    assistance,
    breaches,
    bundles,
    catalogue,
    citizen_passkeys,
    consent,
    contacts,
    counter,
    deaths,
    delivery,
    destructions,
    family,
    holds,
    intake,
    oauth,
    operations,
    own_proofs,
    own_rights,
    packages,
    papers,
    passkeys,
    preview,
    public_log,
    rights,
    session,
    trail,
    verify,
    voids,
)
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import at_work


class Application(FastAPI):
    """FastAPI behind our own edge, and the content past all of its layers."""

    def build_middleware_stack(self) -> ASGIApp:
        outermost = super().build_middleware_stack()
        if not isinstance(outermost, ServerErrorMiddleware):
            raise TypeError("the framework is built otherwise than it was")
        # What it would answer to an exception that nobody caught, the edge answers.
        return Edge(delivery.ShortWay(outermost.app), secure=self.state.settings.secure, answer=errors.answer)


def create_app(settings: Settings) -> FastAPI:
    """The application; its parts are opened when the server starts it. Raises ``SettingsRefused``."""
    self_test(clock())

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with at_work(settings) as parts:
            app.state.parts = parts
            yield

    sandbox = settings.mode == "sandbox"
    app = Application(
        title="Berkas",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if sandbox else None,
        redirect_slashes=False,  # a redirect would be made from the caller's Host (A52)
        # A tracer that the environment brings along would keep addresses, and a citizen's address holds the link's code.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    errors.install(app)
    for router in (
        oauth.router,
        catalogue.router,
        session.public,
        session.router,
        passkeys.public,
        passkeys.router,
        administration.public,
        administration.router,
        breaches.router,
        counter.router,
        rights.router,
        contacts.router,
        deaths.router,
        voids.router,
        intake.router,
        family.router,
        holds.router,
        destructions.router,
        papers.router,
        assistance.router,
        delivery.router,
        packages.router,
        bundles.router,
        consent.router,
        preview.router,
        trail.router,
        own_rights.router,
        own_proofs.router,
        citizen_passkeys.router,
        verify.router,
        public_log.router,
        operations.router,
        *([operations.sandbox] if sandbox else []),
        *([_extra_routes("oidc", "BERKAS_OIDC_ISSUER")] if settings.oidc_issuer else []),
        *([_extra_routes("inapas", "BERKAS_INAPAS_ISSUER")] if settings.inapas_issuer else []),
    ):
        app.include_router(router)
    return app


def _extra_routes(name: str, setting: str) -> APIRouter:
    """Loaded only for who uses it: what it needs is an extra."""
    try:
        router: APIRouter = importlib.import_module(f"exchange.routes.{name}").router
    except ModuleNotFoundError as missing:
        raise SettingsRefused(
            f"{setting} is set and {missing.name} is not installed: pip install 'berkas[oidc]'"
        ) from None
    return router
