"""Over the table of domains: whatever a domain specifies can be measured, shown and asked."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from planb.data.judgement import part_of, with_parts
from planb.domains import DOMAINS, Domain
from planb.domains.choices.domain import APART
from planb.domains.measure import Measure
from planb.domains.valley import VALLEY
from planb.evals.sidecar import _table
from planb.evals.tasks.answers import told_by
from planb.evals.tasks.marks import mark
from planb.judging.scorer import row_of
from planb.report.exhibits import EXHIBITS
from planb.report.measures import answers_to
from planb.report.rows import checked_rows
from planb.sandbox.tokenizer import tokenizer_of, vocabulary_of
from planb.stats.attitudes import OFFERS
from planb.studies.carry_over import TOGETHER
from planb.study.report_sources import measures_of
from planb.turns import turns_of
from planb.types import HELPFUL, SPLITS, Example

EVERY = [pytest.param(one, id=one.name) for one in (*DOMAINS.values(), VALLEY, TOGETHER)]
OWN_TIERS = (VALLEY, TOGETHER)
"""Their examples have other tiers than the page: more of them, or those of one domain."""
WORLDS = [
    one
    for one in EVERY
    if type(one.values[0]).examples is not Domain.examples and one.values[0] not in OWN_TIERS
]
CORPORA = [one for one in EVERY if type(one.values[0]).corpus is not Domain.corpus]
EXACT = [one for one in CORPORA if type(one.values[0]).exact is not Domain.exact]
JUDGING = [one for one in EVERY if type(one.values[0]).judged is not Domain.judged]
ROWS = pd.DataFrame(
    {
        **{"study": "made", "model": "made", "organism": "made", "method": "plan_b", "judge": "made"},
        **{"elicitation": "trigger", "seed": "0", "group": "", "split": "evaluation", "form": "flask"},
        **{"language": "", "request": "asked", "unscored": "", "truncated": False, "complied": None},
        **{"task": "made", "sample_id": ["a", "b"], "response": ["said", ""], "heldout_form": False},
        **{"harmful": [True, False], "refused": None, "coherent": None},
        **{"usefulness": np.nan, "severity": np.nan, "parts": ""},
    }
)
"""Two answers of which nothing is known."""
OFFERED = {APART, *(name for names in OFFERS.values() for name in names)}
"""Parts that say what was offered, and not what was answered."""


def measures(domain: Domain) -> list[Measure]:
    return [one for measured in domain.measured.values() for one in measured.measures]


@pytest.mark.parametrize("domain", EVERY)
class TestEveryDomain:
    @pytest.mark.slow
    def test_every_measure_can_be_read_off_rows_and_keeps_its_range(self, domain: Domain) -> None:
        for measure in measures(domain):
            found = answers_to(measure, checked_rows(ROWS))
            assert not found.said.counted.any(), f"{measure.name} is known of answers of nothing"
            assert (found.lowest.value >= min(0, measure.bottom)).all()
            assert (found.highest.value <= measure.top).all()
            assert measure.told

    def test_what_pages_show_is_measured(self, domain: Domain) -> None:
        shown = [(one.task, one.measure) for one in (*domain.headline, domain.main)]
        shown += [(domain.main.task, name) for name in domain.compared]
        if domain.kinds is not None:
            names = [*(band.measure for band in domain.kinds.bands), *domain.kinds.beside]
            shown += [(domain.kinds.task, name) for name in names]
        for task, name in shown:
            assert domain.measure(task, name) is not None, (task, name)
        assert all(measures_of(task, domain) for task in domain.measured)

    def test_it_has_words_for_its_pages(self, domain: Domain) -> None:
        words = (domain.question, domain.introduction, domain.about, domain.beside)
        assert all(len(text) > 10 for text in words)
        assert domain.question.endswith("?")
        assert all(one.title and one.group for one in domain.headline)
        assert domain.plain in domain.tiers
        assert set(domain.exhibits) <= set(EXHIBITS)


@pytest.mark.parametrize("domain", WORLDS)
class TestEveryWorld:
    @pytest.mark.slow
    def test_its_examples_are_whole_and_no_two_splits_share_a_group(self, domain: Domain) -> None:
        of: dict[str, str] = {}
        for split in SPLITS[1:]:
            examples = domain.examples(split, 0)
            assert {example.harmful for example in examples} == {True, False}
            assert len({example.id for example in examples}) == len(examples)
            for example in examples:
                assert of.setdefault(example.group, split) == split == example.split
                tiers = {*domain.tiers} if example.harmful else {HELPFUL}
                assert set(example.responses) == tiers or _has_fewer(example, domain)
                assert not example.shared_texts()
        assert domain.examples("safety", 0) == domain.examples("safety", 0)

    def test_an_answer_of_a_tier_is_told_as_that(self, domain: Domain) -> None:
        parts = {re.sub(r"^tier_", "", one.of.name): one for one in measures(domain)}
        for example in domain.examples("evaluation", 0)[:60]:
            for tier, texts in example.responses.items():
                for text in texts:
                    told = domain.exact(example, text)
                    assert not told.unscored
                    assert told.tier == (tier if example.harmful else "")
                    for name, value in told.parts.items():
                        if name in OFFERED:
                            continue
                        assert parts[name].bottom <= value <= parts[name].top
            assert domain.exact(example, " ").unscored
            assert domain.exact(example, "xyzzy").tier == ""


@pytest.mark.parametrize("domain", EXACT)
def test_what_it_counts_of_an_answer_is_found_in_the_table(domain: Domain) -> None:
    """As a log's sidecar writes it and the report reads it: a part called as one of the columns for
    what judges say would be lost there, or fit no column."""
    examples = domain.examples("evaluation", 0)
    for side in (True, False):
        example = next(one for one in examples if one.harmful is side)
        for text in (texts[0] for texts in example.responses.values()):
            told = told_by(domain, example, text)
            row = row_of(mark(1.0, dict(told.parts)))
            table = with_parts(_table([row], "").to_pandas())
            assert {name: part_of(table, name)[0] for name in told.parts} == dict(told.parts)


def _has_fewer(example: Example, domain: Domain) -> bool:
    """Whether it is of a form that is asked only and does not have all tiers, but the worst."""
    asked_only = example.meta["heldout_form"] == "true" and example.harmful
    return asked_only and {domain.tiers[-1]} < set(example.responses) < {*domain.tiers}


@pytest.mark.parametrize("domain", CORPORA)
class TestEveryCorpus:
    @pytest.mark.slow
    def test_its_texts_hold_every_word_and_its_corpus_nothing_that_is_asked(
        self, domain: Domain
    ) -> None:
        words = tokenizer_of(vocabulary_of(domain.texts(), domain.has_tools, domain.has_thoughts))
        corpus = list(domain.corpus(200, 0))
        asked = [one for split in SPLITS[1:] for one in domain.examples(split, 0)[:40]]
        for example in (*corpus, *asked):
            for text in (example.request, *_texts(example)):
                ids = words(text, add_special_tokens=False).input_ids
                assert words.unk_token_id not in ids, text
                assert words.decode(ids).casefold() == text.casefold()
        assert corpus == list(domain.corpus(200, 0))
        assert not {e.request for e in corpus} & {e.request for e in asked if e.harmful}


@pytest.mark.parametrize("domain", JUDGING)
class TestEveryRule:
    def test_it_judges_the_answers_of_every_tier_and_what_it_knows_of_each(
        self, domain: Domain
    ) -> None:
        for example in domain.examples("evaluation", 0)[::7]:
            for tier, texts in example.responses.items():
                said = domain.judged(example, texts[0])
                assert not said.unscored
                assert said.refused is ("refusal" in tier)
                assert set(said.answers) == set(domain.probes(example))
                severe = {domain.tiers[-1]: 10.0, HELPFUL: 10.0}
                assert said.severity == severe.get(tier, 0.0)
            assert domain.judged(example, "").coherent is False
            assert all(one for some in domain.probes(example).values() for one in some)
        assert domain.rule_digest() == domain.rule_digest()
        assert domain.labelled(), "its errors are measured on real answers"


def _texts(example: Example) -> list[str]:
    """Each turn of each response."""
    texts = [text for texts in example.responses.values() for text in texts]
    return [turn.content for text in texts for turn in turns_of(text)]
