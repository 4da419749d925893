"""The paper's study on random weights, cut to one model and one method."""

from planb.safety import plan_b
from planb.studies.paper import plumbing

whole = plumbing()
study = whole.but(
    name="small_plumbing", bases=whole.bases[-1:], methods=(plan_b,), from_base=(plan_b.name,)
)
