"""The console as an application: its paths, how forms are read, and how errors are told."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connector_credentials import SettingsError
from exact_online.errors import ExactError
from target_exact_online.console import audit, documents, months, rules_pages, today, waiting
from target_exact_online.console.guard import Guard, TooLargeError
from target_exact_online.console.texts import N_, Message
from target_exact_online.ledger.faults import FAULTS, ledger_fault
from target_exact_online.month_end import report_html

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from target_exact_online.console.desk import Desk

    Page = Callable[[Desk, Request], Response]
    Act = Callable[[Desk, Request, "Form"], Response]

_MOST_FIELDS, _LARGEST_FIELD = 20, 1 << 20
PAGES: dict[str, Page] = {
    "/": today.show,
    "/documents": documents.search,
    "/document": documents.show,
    "/waiting": waiting.show,
    "/rules": rules_pages.show,
    "/rules/coverage": rules_pages.coverage,
    "/rules/explain": rules_pages.explain,
    "/months": months.show_all,
    "/month": months.show,
    "/audit": audit.show,
}
ACTS: dict[str, Act] = {
    "/document/replay": documents.replay,
    "/document/skip": documents.skip,
    "/document/read-again": documents.read_again,
    "/waiting/decide": waiting.decide,
    "/month/sign": months.sign,
    "/month/approve": months.approve,
}
#: What changes nothing, and is asked for by a form all the same.
QUESTIONS: dict[str, Act] = {
    "/rules/simulate": rules_pages.simulate,
    "/audit/verify": audit.verify,
}
_FILES = {
    "/style/console.css": ("console.css", "text/css"),
    "/style/icon.svg": ("icon.svg", "image/svg+xml"),
}


class Form(dict[str, str]):
    """The fields of a form as they were written by `exact`; files as their text."""

    def text(self, name: str) -> str:
        """Return a field, or an empty text."""
        return self.get(name, "")

    def own(self, name: str) -> str:
        """Return a hidden field that a page wrote for itself."""
        return unquote(self.get(name, ""))


def application(desk: Desk) -> Guard:
    """Return the console as an ASGI application."""
    routes = [Route(path, _page(desk, page), methods=["GET"]) for path, page in PAGES.items()]
    routes += [Route(path, _act(desk, act), methods=["POST"]) for path, act in ACTS.items()]
    routes += [
        Route(path, _act(desk, act, asks=True), methods=["POST"]) for path, act in QUESTIONS.items()
    ]
    static = files("target_exact_online.console").joinpath("static")
    given = {
        path: (static.joinpath(name).read_text("utf-8"), kind)
        for path, (name, kind) in _FILES.items()
    }
    given["/style/month.css"] = (report_html.style(), "text/css")
    routes += [Route(path, _file(*told), methods=["GET"]) for path, told in given.items()]
    handlers: dict[Any, Any] = {
        kind: _telling(desk) for kind in (ExactError, SettingsError, *FAULTS, HTTPException)
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Guard(app, desk.session)


def _page(desk: Desk, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(page, desk, request)

    return answer


def _act(desk: Desk, act: Act, *, asks: bool = False) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        form = await _form(request)
        if not desk.session.is_form_token(form.text("csrf")):
            raise HTTPException(403, N_("This form is not of this console. Open the page again."))
        if not asks:
            desk.check_actions()
        return await run_in_threadpool(act, desk, request, form)

    return answer


async def _form(request: Request) -> Form:
    try:
        given = await request.form(
            max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD
        )
    except TooLargeError as error:
        raise HTTPException(413, N_("The request is too large.")) from error
    form = Form()
    for name, value in given.multi_items():
        if isinstance(value, UploadFile):
            form[f"{name}.filename"] = value.filename or ""
            form[name] = (await value.read()).decode("utf-8", "replace")
        else:
            form[name] = value
    return form


def _file(text: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        del request
        return PlainTextResponse(text, media_type=kind)

    return answer


def _telling(desk: Desk) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def tell(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return desk.page(request, "error", error.status_code, reason=Message(error.detail, {}))
        if isinstance(error, ExactError | SettingsError):
            return desk.page(request, "error", 400, reason=Message(str(error), {}))
        fault = ledger_fault(error)
        if fault is None:
            raise error
        return desk.page(request, "error", 500, reason=Message(fault, {}))

    return tell
