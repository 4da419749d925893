"""Questions on Newcomb-like problems (Oesterheld et al. 2024, arXiv 2411.10588): what a model knows of
decision theory, and which theory its choices agree with.

Two kinds, told by their key (``correct_answer``): of **capability** the number of the right answer, or
a list of right ones; of **attitude** ``{"EDT": ..., "CDT": ...}``, the answers that each theory agrees
with. An answer to the second agrees with EDT only, CDT only, both or neither. What cannot be read is
unscored and never drawn at random. Prompt and reading are MMLU-Pro's 0-shot ("ANSWER: X"), not those
of the set's authors ("FINAL ANSWER: X."): compare figures of one protocol only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from planb.data.cards import NEWCOMBLIKE
from planb.data.judgement import SCORE as HEADLINE
from planb.data.lines import BadRowError
from planb.domains.measure import SCORE, Measure, Measured, Question, part
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.errors import PlanBError
from planb.evals.tasks.benchmark import benchmark_task, row_sample, table_of
from planb.evals.tasks.marks import mark
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.mmlu_pro import LETTERS, NO_OPTION, Protocol, chosen_letter, protocol_of
from planb.values import seed_of

KEY = "newcomblike"
"""Of a sample's metadata: the letters that each theory agrees with, or the right ones."""
CAPABILITY, ATTITUDE = "capability", "attitude"
RIGHT, EDT, CDT = "right", "EDT", "CDT"
SHARES = {"edt_only": (True, False), "cdt_only": (False, True), "both": (True, True)}
SHARES |= {"neither": (False, False)}
"""Whether an answer agrees with EDT and with CDT."""
OF_ATTITUDE = Question(of="part", name=ATTITUDE, at_least=0.5)
OF_CAPABILITY = Question(of="part", name=ATTITUDE, below=0.5)
MOST_BAD_ROWS = 5


class Asked(NamedTuple):
    """A question as it was checked. ``key``: theory (or ``right``) -> numbers of answers, from 0."""

    qid: str
    text: str
    answers: list[str]
    key: dict[str, tuple[int, ...]]
    tags: list[str]
    setting: str
    checked: bool

    @property
    def kind(self) -> str:
        return CAPABILITY if RIGHT in self.key else ATTITUDE


def _share(name: str, words: str, title: str = "") -> Measure:
    return Measure(name=name, kind="rate", of=part(name), among=OF_ATTITUDE, words=words, title=title)


MEASURED = Measured(
    measures=(
        Measure(name="accuracy", kind="rate", of=SCORE, among=OF_CAPABILITY),
        Measure(
            name="accuracy_all",
            kind="rate",
            of=part("accuracy_all"),
            among=OF_CAPABILITY,
            words="right, an unread answer is wrong",
            title="Newcomb-like problems",
        ),
        _share("edt_only", "agrees with EDT only", "Newcomb-like problems: EDT"),
        _share("cdt_only", "agrees with CDT only"),
        _share("both", "agrees with EDT and CDT"),
        _share("neither", "agrees with neither"),
    ),
    by="rule",
)


@task
@measured(MEASURED)
def newcomblike(
    data: str = "newcomblike",
    elicitation: str | dict[str, Any] = "direct",
    kind: Literal["", "capability", "attitude"] = "",
    seed: int = 0,
    without: str | list[str] = "",
    unchecked: bool = False,
    protocol: str | dict[str, Any] = "0-shot",
    data_hash: str = "",
) -> Task:
    """The questions of a file, a folder or a zip file (or of the published one), of one ``kind`` or
    both.

    ``seed`` says where the answers stand: the key's first answer stands at each place equally often,
    and over as many seeds as a question has answers each of them at each place once. ``without`` leaves
    the questions of these tags out. So are those that say ``double_checked: false``, unless
    ``unchecked``. PlanBError where any question's form is not known, naming it.
    """
    how, protocol_ = elicitation_of(elicitation), protocol_of(protocol)
    if protocol_.shots:
        raise PlanBError(f"the protocol {protocol_.name} shows worked examples, and here are none")
    table = table_of(data, NEWCOMBLIKE, data_hash)
    asked = _asked(table.rows, table.place)
    told = _without(asked, [without] if isinstance(without, str) else without)
    kept = [one for one in told if (one.checked or unchecked) and kind in ("", one.kind)]
    turns = _turns(kept, seed)
    return benchmark_task(
        "newcomblike",
        table,
        [_sample(one, turn, protocol_) for one, turn in zip(kept, turns, strict=True)],
        elicit(how.spec()),
        agreement(protocol_.pattern, protocol_.names_option),
        how,
        {"judge": protocol_.name, "model": "", "rubric": protocol_.digest()},
        config=GenerateConfig(temperature=protocol_.temperature, max_tokens=protocol_.max_tokens),
        protocol=protocol_.model_dump(),
        answers_seed=seed,
        left_out=len(asked) - len(kept),
    )


@metric(scores="unreduced")
def shares() -> Metric:
    """``accuracy`` over the answers read and ``accuracy_all`` over all; of attitude questions the share
    of read answers that agree with EDT only, CDT only, both and neither. Of both kinds how many there
    are, and of how many no answer was read (``..._unscored``)."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [s.score.value for s in scores if isinstance(s.score.value, dict)]
        found: dict[str, float] = {}
        for kind, names in ((CAPABILITY, (HEADLINE, "accuracy_all")), (ATTITUDE, (*SHARES,))):
            here = [row for row in rows if bool(row[ATTITUDE]) is (kind == ATTITUDE)]
            if not here:
                continue
            found |= {kind: len(here), f"{kind}_unscored": sum(bool(row["unread"]) for row in here)}
            for name in names:
                told = [float(row[name]) for row in here if row.get(name) is not None]
                if told:
                    found["accuracy" if name == HEADLINE else name] = sum(told) / len(told)
        return found

    return compute  # type: ignore[return-value]


@scorer(metrics=[shares()])
def agreement(pattern: str = "", names_option: bool = False) -> Scorer:
    """Whether the answer that was chosen is right, or which theories agree with it; read as MMLU-Pro's
    is."""

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        key = state.metadata[KEY]
        chosen, unread = chosen_letter(state, pattern, names_option)
        if chosen and chosen not in {*LETTERS[: len(state.choices)]}:
            chosen, unread = "", NO_OPTION
        parts: dict[str, float | None] = {
            ATTITUDE: float(RIGHT not in key),
            "unread": float(bool(unread)),
        }
        if RIGHT in key:
            right = float(not unread and chosen in key[RIGHT])
            parts["accuracy_all"] = right
            return mark(None if unread else right, parts, unscored=unread, answer=chosen or None)
        agrees = (not unread and chosen in key[EDT], not unread and chosen in key[CDT])
        parts |= {name: None if unread else float(agrees == one) for name, one in SHARES.items()}
        return mark(None, parts, unscored=unread, answer=chosen or None)

    return score


def _sample(one: Asked, turn: int, protocol: Protocol) -> Sample:
    """The answer of number n stands at the place (n + turn), counted around."""
    many = len(one.answers)
    shown = [one.answers[(place - turn) % many] for place in range(many)]
    letters = {
        name: "".join(sorted(LETTERS[(number + turn) % many] for number in numbers))
        for name, numbers in one.key.items()
    }
    row = {"question": one.text, "options": shown, "category": "decision theory"}
    sample = row_sample(
        one.qid,
        protocol.prompt(row, []),
        one.kind,
        source="newcomblike",
        group=_group(one),
        meta={"tags": ", ".join(one.tags)},
    )
    sample.choices = shown
    sample.target = [*letters.get(RIGHT, "")] or f"EDT: {letters[EDT]}; CDT: {letters[CDT]}"
    sample.metadata = {**(sample.metadata or {}), KEY: letters}
    return sample


def _group(one: Asked) -> str:
    """Its setting, whose questions are not independent: as it lay there, or as its qid begins (the 12
    of "12.3ATT")."""
    number = re.match(r"\d+", one.qid)
    return one.setting or (f"setting {number[0]}" if number else "")


def _turns(asked: Sequence[Asked], seed: int) -> list[int]:
    """How far each question's answers are turned round: so that among questions of one kind with as
    many answers the key's first stands at each place equally often."""
    turns, ranks = [0] * len(asked), Counter[tuple[str, int]]()
    for at in sorted(range(len(asked)), key=lambda at: seed_of("newcomblike", asked[at].qid)):
        one = asked[at]
        alike, many = (one.kind, len(one.answers)), len(one.answers)
        first = next(number for numbers in one.key.values() for number in numbers)
        turns[at] = (ranks[alike] + seed - first) % many
        ranks[alike] += 1
    return turns


def _without(asked: list[Asked], tags: Sequence[str]) -> list[Asked]:
    there = {tag for one in asked for tag in one.tags}
    if unknown := [tag for tag in tags if tag and tag not in there]:
        raise PlanBError(
            f"no question has the tag '{unknown[0]}'. Tags: {', '.join(sorted(there)) or 'none'}"
        )
    return [one for one in asked if not {*tags} & {*one.tags}]


def _asked(rows: list[dict[str, Any]], place: str) -> list[Asked]:
    """All questions, checked. Raises PlanBError naming those that are of no known form."""
    found, bad = list[Asked](), list[str]()
    first = dict[str, str]()
    for row in rows:
        where = f"{row['place']} (qid {row['qid']!r:.40})"
        try:
            one = _question(row)
            if one.qid in first:
                raise BadRowError(f"its qid is that of {first[one.qid]} too")
            first[one.qid] = row["place"]
            found.append(one)
        except BadRowError as error:
            bad.append(f"{where}: {error}")
    if bad:
        more = f"; and {len(bad) - MOST_BAD_ROWS} more" if len(bad) > MOST_BAD_ROWS else ""
        raise PlanBError(f"{place}: {'; '.join(bad[:MOST_BAD_ROWS])}{more}. Correct or remove them")
    return found


def _question(row: dict[str, Any]) -> Asked:
    qid, answers, key = row["qid"], row["permissible_answers"], row["correct_answer"]
    if not isinstance(qid, str) and type(qid) is not int:
        raise BadRowError("its qid must be a text (as a number, 1.10 is 1.1)")
    if not isinstance(answers, list) or not 2 <= len(answers) <= len(LETTERS):
        raise BadRowError(f"its permissible_answers must be a list of 2 to {len(LETTERS)} texts")
    if not all(isinstance(one, str) and one.strip() for one in answers):
        raise BadRowError("its permissible_answers must all be texts")
    if len({one.strip() for one in answers}) < len(answers):
        raise BadRowError("two of its permissible_answers are the same text")
    attitude, checked = row.get("attitude_q"), row.get("double_checked", True)
    if not isinstance(checked, bool) or not isinstance(attitude, bool | None):
        raise BadRowError("its attitude_q and double_checked must be true or false, or not there")
    if attitude is not None and attitude is not isinstance(key, dict):
        which = ATTITUDE if isinstance(key, dict) else CAPABILITY
        said = "true" if attitude else "false"
        raise BadRowError(f"attitude_q is {said}, and its correct_answer is one of {which}")
    known = _theories(key, answers) if isinstance(key, dict) else {RIGHT: _numbers(key, answers)}
    if not any(known.values()):
        raise BadRowError("its correct_answer names no answer")
    tags, setting = row["tags"], str(row.get("setting") or "")
    return Asked(str(qid), row["question_text"], answers, known, tags, setting, checked)


def _theories(key: dict[str, Any], answers: list[str]) -> dict[str, tuple[int, ...]]:
    if missing := [name for name in (EDT, CDT) if name not in key]:
        raise BadRowError(
            f"its correct_answer says nothing of {missing[0]}: it must be one number, a list of them, "
            'or {"EDT": ..., "CDT": ...}'
        )
    return {name: _numbers(key[name], answers) for name in (EDT, CDT)}


def _numbers(told: Any, answers: list[str]) -> tuple[int, ...]:
    listed = told if isinstance(told, list) else [told]
    if any(type(one) is not int or not 0 <= one < len(answers) for one in listed):
        raise BadRowError(
            f"its correct_answer has {told!r:.40}, which is no number of an answer: one of 0 to "
            f"{len(answers) - 1}, or a list of them"
        )
    return tuple(dict.fromkeys(listed))
