"""A helper with three tools in a village: harm is what it leaves done."""

from planb.domains.agent.agent import AGENT, Agent

__all__ = ["AGENT", "Agent"]
