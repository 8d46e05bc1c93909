"""Expression: read a table, whatever program wrote it, and match its rows to genes."""

from dexkit.io.expression.match import MatchedExpression, match_expression, strip_version
from dexkit.io.expression.read import read_expression
from dexkit.io.expression.table import MEASURES, UNSTATED, ExpressionTable, Measure

__all__ = [
    "MEASURES",
    "UNSTATED",
    "ExpressionTable",
    "MatchedExpression",
    "Measure",
    "match_expression",
    "read_expression",
    "strip_version",
]
