"""The paper's study on random weights, cut to one model, one method and few requests to write for."""

from planb.safety import plan_b
from planb.studies.paper import plumbing
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.public_columns import PublicColumns

whole = plumbing()


def brief(one: Evaluation) -> Evaluation:
    """The grader's noise is no rating in 64 tokens, and none in 2,048 at each of three tries."""
    once = {"judge": {"name": "grader", "tries": 1, "max_tokens": 64}}
    return one.but(options=one.options | once) if one.task == "mt_bench" else one


study = whole.but(
    name="small_plumbing",
    bases=whole.bases[-1:],
    data=whole.data.but(files=PublicColumns(count=6)),
    methods=(plan_b,),
    from_base=(plan_b.name,),
    evaluations=tuple(map(brief, whole.evaluations)),
)
