"""Knowledge points: short general truths that help with a problem, as KnowRL (arXiv 2604.12627) trains with them.

Its code for extracting and selecting points was not published. What is here is the released format, read and written,
and definitions of our own where only numbers are public; each says what of it is known.
"""

from data._hints import HINT_STYLES, hint_section, with_hints
from data._knowledge_prompts import JUDGED, extract_prompt, judge_prompt, rewrite_prompt
from data._knowledge_records import (
    KnowledgeRecord,
    average_points,
    format_point,
    kept_column,
    knowledge_records,
    needed_columns,
    record_of,
    split_point,
)
from data._knowledge_replies import ReplyError, parse_points, parse_verdict, without_thoughts
from data._leak_answer import formulas
from data._leakage import Leak, duplicates, leaks
from data._oracle import AccuracyOracle, base_sweep
from data._selection import (
    RULES,
    Rule,
    cbrs,
    css,
    css_candidates,
    css_plan,
    css_subsets,
    harmless_points,
    leave_one_out,
    max_score,
    random_subset,
)
from data._selection_report import (
    JointRemoval,
    interactions,
    joint_removal,
    select_all,
    selection_report,
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
    "average_points",
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
    "knowledge_records",
    "leaks",
    "leave_one_out",
    "max_score",
    "needed_columns",
    "parse_points",
    "parse_verdict",
    "random_subset",
    "record_of",
    "rewrite_prompt",
    "select_all",
    "selection_report",
    "selection_table",
    "split_point",
    "with_hints",
    "without_thoughts",
]
