"""What a PDF would do, or carries along, when it is opened (ISO 32000-2, 12.6): found whatever way its name is written.

qpdf has read names by then: ``/J#61vaScript`` is ``/JavaScript`` here, inside an object stream too.
"""

from __future__ import annotations

import re

import pikepdf

# The first of these that is found is told: an officer can do something about each.
_ORDER = ("script", "launch", "embedded", "xfa", "media", "external", "action")
_NAMES = re.compile(
    rb"/(?:JS|JavaScript|Launch|EF|EmbeddedFiles?|FileAttachment|Collection|XFA|RichMedia\w*|Screen|Movie|Sound|3D|Rendition|"
    rb"GoTo3DView|SubmitForm|ImportData|GoToR|GoToE|GoToDp|Thread|Win|Mac|Unix|URI|AA|OpenAction|F|FFilter|PS|Ref|"
    rb"(?:S|Subtype|Type) \d+)(?![\w.-])"  # what it is may stand elsewhere, and is not in the text then
)
_ACTIONS = {
    "/JavaScript": "script",
    "/Launch": "launch",
    "/Rendition": "media",
    "/Movie": "media",
    "/Sound": "media",
    "/GoTo3DView": "media",
    "/RichMediaExecute": "media",
    "/SubmitForm": "action",
    "/ImportData": "action",
    "/GoToR": "action",
    "/GoToE": "embedded",
    "/GoToDp": "action",
}
_SUBTYPES = {
    "/FileAttachment": "embedded",
    "/RichMedia": "media",
    "/Screen": "media",
    "/Movie": "media",
    "/Sound": "media",
    "/3D": "media",
    "/PS": "action",
}
_KEYS = {
    "/JS": "script",
    "/JavaScript": "script",
    "/EF": "embedded",
    "/EmbeddedFiles": "embedded",
    "/Collection": "embedded",
    "/XFA": "xfa",
    "/RichMediaContent": "media",
}
_PROGRAMS = frozenset({"/Win", "/Mac", "/Unix"})
_HARMLESS_AT_ONCE = frozenset({"/GoTo", "/Named"})
_BASES = re.compile(rb"https?://", re.IGNORECASE)
_LINKS = re.compile(rb"(?:https?://|mailto:|tel:|www\.|#)", re.IGNORECASE)


def gravest(words: set[str]) -> str:
    """The one of them that an officer is told."""
    return min(words, key=_ORDER.index)


def active_content(value: pikepdf.Object) -> set[str]:
    """The words for this object and what stands directly inside it; none for nearly every one."""
    is_stream = isinstance(value, pikepdf.Stream)
    top = value.stream_dict if is_stream else value
    if not isinstance(top, (pikepdf.Dictionary, pikepdf.Array)):
        return set()
    if not _NAMES.search(top.unparse(resolved=True)):
        return set()
    words: set[str] = set()
    waiting: list[pikepdf.Object] = [top]
    while waiting:
        here = waiting.pop()
        if isinstance(here, pikepdf.Dictionary):
            words |= _of_dictionary(here, is_stream and here is top)
            inside = [part for _, part in here.items()]
        else:
            inside = list(here)
        waiting += [
            part
            for part in inside
            if isinstance(part, (pikepdf.Dictionary, pikepdf.Array)) and not part.is_indirect
        ]
    return words


def _of_dictionary(here: pikepdf.Object, is_stream: bool) -> set[str]:
    keys = set(here.keys())
    words = {_KEYS[key] for key in keys & _KEYS.keys() if here[key] is not None}
    action, subtype = str(here.get("/S", "")), str(here.get("/Subtype", ""))
    words.add(_ACTIONS.get(action, ""))
    words.add(_SUBTYPES.get(subtype, ""))
    if str(here.get("/Type", "")) == "/EmbeddedFile":
        words.add("embedded")
    if action and keys & _PROGRAMS:
        words.add("launch")
    if action == "/Thread" and "/F" in keys:
        words.add("action")
    if action == "/URI" and not _LINKS.match(bytes(here.get("/URI", b""))):
        words.add("action")
    if isinstance(here.get("/URI"), pikepdf.Dictionary) and not _BASES.match(
        bytes(here["/URI"].get("/Base", b"http://"))
    ):
        words.add("action")  # what addresses begin with that name no scheme (12.6.4.8)
    if "/AA" in keys and _acts(here["/AA"]):
        words.add("action")
    if "/OpenAction" in keys and _acts_at_once(here["/OpenAction"]):
        words.add("action")
    if is_stream and keys & {"/F", "/FFilter", "/Ref"}:
        words.add("external")
    return words - {""}


def _acts(actions: object) -> bool:
    """Actions of events that nobody asked for; only going to a page is harmless."""
    return isinstance(actions, pikepdf.Dictionary) and any(
        _acts_at_once(action) for _, action in actions.items()
    )


def _acts_at_once(action: object) -> bool:
    """A destination is an array or a name; a dictionary is an action, and may lead to the next one."""
    if not isinstance(action, pikepdf.Dictionary):
        return False
    return str(action.get("/S", "")) not in _HARMLESS_AT_ONCE or "/Next" in action
