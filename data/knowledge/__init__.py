"""Knowledge points: short general truths that help with a problem, as KnowRL (arXiv 2604.12627) trains with them.

Its code for extracting and selecting points was not published. What is here is the released format, read and written,
and definitions of our own where only numbers are public; each says what of it is known.
"""

from data.knowledge._leak_answer import formulas
from data.knowledge.extraction import (
    JUDGED,
    ReplyError,
    extract_prompt,
    judge_prompt,
    parse_points,
    parse_verdict,
    rewrite_prompt,
    without_thoughts,
)
from data.knowledge.hints import HINT_STYLES, hint_section, with_hints
from data.knowledge.leakage import Leak, duplicates, leaks
from data.knowledge.records import (
    KnowledgeRecord,
    format_point,
    kept_column,
    needed_columns,
    record_of,
    split_point,
)
from data.knowledge.selection import (
    RULES,
    AccuracyOracle,
    JointRemoval,
    Rule,
    base_sweep,
    cbrs,
    css,
    css_candidates,
    css_plan,
    css_subsets,
    harmless_points,
    interactions,
    joint_removal,
    leave_one_out,
    max_score,
    random_subset,
    selection_table,
)

__all__ = [
    "AccuracyOracle",
    "HINT_STYLES",
    "JUDGED",
    "JointRemoval",
    "KnowledgeRecord",
    "Leak",
    "RULES",
    "ReplyError",
    "Rule",
    "base_sweep",
    "cbrs",
    "css",
    "css_candidates",
    "css_plan",
    "css_subsets",
    "duplicates",
    "extract_prompt",
    "format_point",
    "formulas",
    "harmless_points",
    "hint_section",
    "interactions",
    "joint_removal",
    "judge_prompt",
    "kept_column",
    "leaks",
    "leave_one_out",
    "max_score",
    "needed_columns",
    "parse_points",
    "parse_verdict",
    "random_subset",
    "record_of",
    "rewrite_prompt",
    "selection_table",
    "split_point",
    "with_hints",
    "without_thoughts",
]
