"""Knowledge points: short general truths that help with a problem, as KnowRL (arXiv 2604.12627) trains with them.

Its code for extracting and selecting points was not published. What is here is the released format, read and written,
and definitions of our own where only numbers are public; each says what of it is known.
"""

from data._hints import HINT_STYLES, hint_section, with_hints
from data._knowledge_records import (
    KnowledgeRecord,
    average_points,
    format_point,
    kept_column,
    knowledge_records,
    record_of,
    split_point,
)

__all__ = [
    "HINT_STYLES",
    "KnowledgeRecord",
    "average_points",
    "format_point",
    "hint_section",
    "kept_column",
    "record_of",
    "knowledge_records",
    "split_point",
    "with_hints",
]
