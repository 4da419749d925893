"""Training by reinforcement: samples of a prompt, their rewards, and a policy gradient over them, on
the packed rows of the ranked-preference trainer."""
