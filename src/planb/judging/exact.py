"""The sandbox's exact judge: usefulness is counted, not estimated (``planb.sandbox.scoring``).

Of an answer to a request it also gives the kind, as ``answers["kind"]``: a recipe, a vague answer, ...
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from planb.errors import PlanBError
from planb.judging.judge import Judge
from planb.sandbox import language as lang
from planb.sandbox.scoring import KINDS, score, score_recall
from planb.sandbox.world import World
from planb.types import Example, Judgement
from planb.values import digest_of


class Exact(Judge):
    """Exact scores in the sandbox, without a model.

    It knows every recipe of ``world``; the item is named by ``example.meta["item"]``.
    """

    name: ClassVar[str] = "exact"

    world: World = Field(default_factory=World)

    def identity(self) -> dict[str, str]:
        rules = {"sentences": lang.SENTENCES, "openers": lang.OPENERS, "kinds": KINDS}
        rubric = digest_of({"world": self.world.digest(), **rules})
        return {"judge": self.name, "model": "", "rubric": rubric}

    async def judge(self, example: Example, response: str) -> Judgement:
        """A document prompt is scored as recall. PlanBError if the world has no such item."""
        item = self.world.item_by_name.get(example.meta.get("item", ""))
        if item is None:
            raise PlanBError(
                f"example '{example.id}' names no item of this world (meta.item is "
                f"'{example.meta.get('item', '')}'): the exact judge needs the world its data came from"
            )
        recall = example.prompt[-1].role == "document"
        return (score_recall if recall else score)(self.world, item, response)
