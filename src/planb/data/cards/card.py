"""One source of data as a value."""

from __future__ import annotations

from pydantic import Field

from planb.values import LATER, Value
from planb.wheels import Packaged


class DataCard(Value):
    """One source: where it lies, what its rows must have, and on which terms it may be used.

    It lies on the hub (``hub``, with ``config``, ``split`` and, where a configuration is a folder,
    ``folder``) or at a URL (``file``, in which ``{revision}`` stands for the commit). ``columns`` must
    be there, and be filled in every row; ``may_be_empty`` must only be there. ``renamed`` is {our
    name: the source's}; a file may have either. ``packaged`` are the files of a package that holds it
    too: read where the user names its wheel. The rows of a ``nested`` card lie in settings
    (``planb.data.cards.settings``). ``revision`` pins a commit; ``"main"`` means that none is known to
    be good: whatever is there today is read, and the table's digest says what it was.
    ``home`` is where people read about it, ``note`` what they should know, such as what could not be
    confirmed.
    """

    name: str
    about: str
    hub: str = ""
    config: str = ""
    folder: str = ""
    file: str = ""
    packaged: Packaged | None = Field(default=None, json_schema_extra=LATER)
    nested: bool = Field(default=False, json_schema_extra=LATER)
    split: str = "train"
    revision: str = "main"
    columns: tuple[str, ...]
    may_be_empty: tuple[str, ...] = ()
    renamed: dict[str, str] = Field(default_factory=dict)
    licence: str
    gated: bool = False
    non_commercial: bool = False
    home: str = ""
    note: str = ""

    @property
    def url(self) -> str:
        """The address of the file, or nothing where the source is a data set of the hub."""
        return self.file.replace("{revision}", self.revision)

    @property
    def place(self) -> str:
        """Where it is read from, with what pins it, on one line."""
        return self.url or f"{self.hub}@{self.revision}"

    @property
    def terms(self) -> str:
        """Licence and limits, on one line."""
        limits = [
            *(["not for commercial use"] if self.non_commercial else []),
            *(["gated: accept its terms on the hub first"] if self.gated else []),
        ]
        return "; ".join([self.licence, *limits])
