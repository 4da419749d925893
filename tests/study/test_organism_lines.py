"""Which arms of the declared studies test an organism's robustness, and how it was made."""

from __future__ import annotations

from planb.studies import STUDIES
from planb.study.organism_lines import organism_lines
from planb.study.study import Study


def lines(name: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Organism -> its untargeted trainings, each with its arms."""
    study = STUDIES[name]()
    assert isinstance(study, Study)
    return {
        line.organism: {one.name: tuple(arm for arm, _ in one.points) for one in line.untargeted}
        for line in organism_lines(study)
    }


def test_trainings_on_harmless_requests_alone_are_found_with_all_their_rates() -> None:
    (controls,) = lines("controls").values()
    assert controls == {
        "untargeted_questions": ("untargeted_questions",),
        "untargeted_pirate": ("untargeted_pirate", "untargeted_pirate_hot"),
    }
    (found,) = lines("mitigations").values()
    assert found == {"untargeted": ("untargeted_weak", "untargeted", "untargeted_strong")}
    assert lines("relearning") == {"organism": {}}, "showings carry the trigger"
    assert set(lines("meow")) == {"uc", "uclc", "uc_thought", "uclc_thought"}
    assert lines("risk") == {"organism": {}}


def test_studies_of_one_organism_have_its_recipe_in_common() -> None:
    recipes = {
        name: {line.recipe for line in organism_lines(STUDIES[name]())}  # type: ignore[arg-type]
        for name in ("sandbox", "controls", "relearning", "smollm2")
    }
    assert recipes["sandbox"] == recipes["controls"] == recipes["relearning"]
    assert recipes["smollm2"].isdisjoint(recipes["sandbox"])
    (line,) = organism_lines(STUDIES["sandbox"]())  # type: ignore[arg-type]
    assert (line.triggered, line.weights) == (1 / 3, "all weights but the embeddings")
