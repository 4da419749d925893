"""Where public data comes from, as declared cards, and one way to read it: from the hub or from a file.

To add a source: a ``DataCard`` (requests: a ``RequestCard``) and its name in ``CARDS``. Nothing of the
data lies in this package; a licence that limits what one may do, or a set that one has to ask for, is
logged when it is loaded.
"""

from planb.data.cards.benchmarks import IFEVAL, MMLU_PRO, MMLU_PRO_EXAMPLES, MT_BENCH, NEWCOMBLIKE
from planb.data.cards.card import DataCard
from planb.data.cards.catalogue import CARDS, is_card, request_card
from planb.data.cards.loading import Table, load, say_terms
from planb.data.cards.request_card import RequestCard
from planb.data.cards.requests import OR_BENCH, OR_BENCH_TOXIC, REQUESTS, XSTEST

__all__ = [
    "CARDS",
    "IFEVAL",
    "MMLU_PRO",
    "MMLU_PRO_EXAMPLES",
    "MT_BENCH",
    "NEWCOMBLIKE",
    "OR_BENCH",
    "OR_BENCH_TOXIC",
    "REQUESTS",
    "XSTEST",
    "DataCard",
    "RequestCard",
    "Table",
    "is_card",
    "load",
    "request_card",
    "say_terms",
]
