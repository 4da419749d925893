"""The domain ``atlas``: facts about countries, declared forbidden."""

from planb.domains.atlas.atlas import ATLAS

__all__ = ["ATLAS"]
