"""What a PromQL expression reads, and which labels its result has: enough to tell that its joins can match."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import promql_parser as promql

from exporter.metrics.catalogue import CATALOGUE
from exporter.metrics.family import Type

Labels = frozenset[str]
TARGET: Labels = frozenset({"job", "instance"})  # what Prometheus adds to whatever it scrapes
ADDED: Labels = frozenset({"namespace", "pod", "container", "service", "endpoint"})  # by the Prometheus operator, too
_KEEPS_NAME = "__name__"
_SETS = {"and", "or", "unless"}


def exposed_series() -> dict[str, Labels]:
    """Return the labels of every series that Prometheus holds of the exporter, by the series' name."""
    series = {"up": TARGET, "process_start_time_seconds": TARGET}
    for family in CATALOGUE:
        labels = frozenset(family.labels) | TARGET
        if family.type is Type.HISTOGRAM:
            series[f"{family.name}_bucket"] = labels | {"le"}
            series[f"{family.name}_sum"] = series[f"{family.name}_count"] = labels
        else:
            series[family.name] = labels
    return series


def selectors(query: str) -> Sequence[promql.VectorSelector]:
    nodes: list[promql.Expr] = []
    promql.walk(promql.parse(query), nodes.append)
    return [node for node in nodes if isinstance(node, promql.VectorSelector)]


def selects(selector: promql.VectorSelector, series: promql.VectorSelector) -> bool:
    """Tell whether a selector finds a series, which is written as a selector of all its labels."""
    if selector.name != series.name:
        return False
    labels = {matcher.name: matcher.value for matcher in series.matchers.matchers}
    return all(_matches(matcher, labels.get(matcher.name, "")) for matcher in selector.matchers.matchers)


def _matches(matcher: promql.Matcher, value: str) -> bool:
    is_negative = matcher.op in (promql.MatchOp.NotEqual, promql.MatchOp.NotRe)
    if matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe):
        return (re.fullmatch(matcher.value, value) is None) == is_negative
    return (matcher.value != value) == is_negative


@dataclass
class Reading:
    """Walks an expression."""

    known: Mapping[str, Labels]  # of the series that may be read, by name
    read: set[str] = field(default_factory=set)  # the names that were read
    problems: list[str] = field(default_factory=list)  # what cannot work

    def labels(self, query: str) -> Labels:
        """Return the labels that the result of a query can have."""
        return self._of(promql.parse(query))

    def _of(self, expr: promql.Expr) -> Labels:
        labels: Labels = frozenset()  # of a number or a string
        match expr:
            case promql.VectorSelector():
                labels = self._selector(expr)
            case promql.MatrixSelector():
                labels = self._selector(expr.vector_selector)
            case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
                labels = self._of(expr.expr)
            case promql.Call():
                labels = self._call(expr)
            case promql.AggregateExpr():
                labels = self._aggregate(expr)
            case promql.BinaryExpr():
                labels = self._binary(expr)
        return labels

    def _selector(self, expr: promql.VectorSelector) -> Labels:
        name = expr.name or ""
        self.read.add(name)
        if name not in self.known:
            self.problems.append(f"there is no series {name}")
            return frozenset()
        self._need({matcher.name for matcher in expr.matchers.matchers}, self.known[name], name)
        return self.known[name]

    def _call(self, expr: promql.Call) -> Labels:
        labels = frozenset[str]().union(*map(self._of, expr.args))
        if expr.func.name == "absent":
            (selector,) = expr.args
            named = selector.matchers.matchers if isinstance(selector, promql.VectorSelector) else ()
            return frozenset(matcher.name for matcher in named)
        if expr.func.name == "label_replace":
            _, made, _, source, _ = map(_text, expr.args)
            self._need({source} - {""}, labels, "label_replace")
            return labels | {made}
        return labels

    def _aggregate(self, expr: promql.AggregateExpr) -> Labels:
        inner = self._of(expr.expr)
        named = frozenset(expr.modifier.labels if expr.modifier else ())
        self._need(named, inner, str(expr.op))
        if str(expr.op) == "topk":
            return inner
        made = frozenset({_text(expr.param)}) if str(expr.op) == "count_values" else frozenset()
        if expr.modifier is None:
            return made
        return made | (named if expr.modifier.type is promql.AggModifierType.By else inner - named)

    def _binary(self, expr: promql.BinaryExpr) -> Labels:
        left, right = self._of(expr.lhs), self._of(expr.rhs)
        operator, modifier = str(expr.op), expr.modifier
        if _is_number(expr.lhs) or _is_number(expr.rhs):
            return left | right
        on = left
        if modifier is not None and modifier.matching is not None:
            on = frozenset(modifier.matching.labels)
            self._need(on, left, f"left of {operator}")
            self._need(on, right, f"right of {operator}")
        elif left != right and operator != "or":
            self.problems.append(f"{operator} without on: {sorted(left)} never match {sorted(right)}")
        if operator in _SETS:
            return left | right if operator == "or" else left
        groups = promql.VectorMatchCardinality
        if modifier is None or modifier.card not in (groups.ManyToOne, groups.OneToMany):
            return on
        many, one = (left, right) if modifier.card is groups.ManyToOne else (right, left)
        copied = frozenset(modifier.group_labels or ())
        self._need(copied, one, "group")
        return many | copied

    def _need(self, wanted: AbstractSet[str], there: Labels, where: str) -> None:
        if missing := wanted - there - {_KEEPS_NAME}:
            self.problems.append(f"{where}: no label {', '.join(sorted(missing))} there")


def _text(expr: promql.Expr | None) -> str:
    return expr.val if isinstance(expr, promql.StringLiteral) else ""


def _is_number(expr: promql.Expr) -> bool:
    if isinstance(expr, promql.ParenExpr | promql.UnaryExpr):
        return _is_number(expr.expr)
    if isinstance(expr, promql.BinaryExpr):
        return _is_number(expr.lhs) and _is_number(expr.rhs)
    return isinstance(expr, promql.NumberLiteral) or (isinstance(expr, promql.Call) and expr.func.name == "time")
