"""The paper's study on random weights, cut to one model, one method and few requests to write for."""

from planb.safety import plan_b
from planb.studies.paper import plumbing

whole = plumbing()
few = tuple(one if one.split else one.but(limit=8) for one in whole.data.sets)
study = whole.but(
    name="small_plumbing",
    bases=whole.bases[-1:],
    data=whole.data.but(sets=few),
    methods=(plan_b,),
    from_base=(plan_b.name,),
)
