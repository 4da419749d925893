"""Study -> steps -> plan, run, resume, status. Only this folder knows the order of the steps."""
