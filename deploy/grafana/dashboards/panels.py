"""The kinds of panels, each with the look that it has on every dashboard."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import common as build_common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.dashboards.colours import NO_JUDGEMENT, PLAIN, Steps, by_threshold, fixed, thresholds, when_empty

DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
_CURRENCIES = {"EUR": units.Euro, "USD": units.Dollars, "GBP": units.Pounds, "CHF": units.SwissFranc}
_DASHES: tuple[list[int], ...] = ([], [12, 6], [3, 5], [20, 5, 3, 5])

COUNT = "none"  # in full, since 1 K may stand for much

NO_COUNTERS = "No counters: none happened, or a textfile is read, which has gauges alone"

_NO_VALUE = model.DynamicConfigValue("noValue", "-")  # in a cell

ON, OFF = True, False  # the SDK takes them by position

Words = list[model.ValueMapping]


def query(expression: str, legend: str = "", *, ref: str = "A") -> prometheus.Dataquery:
    """Return a query over the dashboard's time."""
    return (
        prometheus.Dataquery()
        .datasource(DATASOURCE)
        .expr(expression)
        .range()
        .legend_format(legend or "__auto")
        .ref_id(ref)
    )


def now(expression: str, legend: str = "", *, ref: str = "A") -> prometheus.Dataquery:
    """Return a query about the end of the dashboard's time alone, so that what is gone does not linger."""
    return query(expression, legend, ref=ref).instant()


def rows(expression: str, *, ref: str = "A") -> prometheus.Dataquery:
    """Return a query for a table."""
    return now(expression, ref=ref).format(PromQueryFormat.TABLE)


def figure(  # noqa: PLR0913 - what figures differ in
    title: str,
    description: str,
    target: prometheus.Dataquery,
    *,
    steps: Steps = NO_JUDGEMENT,
    meanings: Words | None = None,
    leads_to: str = "",
) -> stat.Panel:
    """Return one figure, or a few, in the colour of its threshold.

    Args:
        title: in a word or two, since the panel is small.
        description: what the figure counts, and what to do about it.
        target: an instant query.
        steps: where it turns bad.
        meanings: words in the place of values; Unknown where the query finds nothing, unless they say otherwise.
        leads_to: the address of the list that has what is counted.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(target)
        .unit(COUNT)
        .thresholds(thresholds(steps))
        .color_scheme(by_threshold())
        .mappings([*(meanings or []), when_empty("Unknown")])
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .text_mode(common.BigValueTextMode.AUTO)
        .reduce_options(build_common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(OFF))
    )
    return panel.data_links(_to_list(leads_to))


def filled(panel: stat.Panel) -> stat.Panel:
    """Return a figure whose whole panel takes the colour: the one that matters most."""
    return panel.color_mode(common.BigValueColorMode.BACKGROUND_SOLID)


def named(panel: stat.Panel) -> stat.Panel:
    """Return a figure that shows its legend in the place of its value."""
    return panel.text_mode(common.BigValueTextMode.NAME)


def lines(  # noqa: PLR0913 - what lines differ in
    title: str,
    description: str,
    targets: Sequence[prometheus.Dataquery],
    *,
    by_name: Mapping[str, str] | None = None,
    colour: build.FieldColor | None = None,
    leads_to: str = "",
) -> timeseries.Panel:
    """Return lines over time, with a legend; they keep each value until the next one, as settings and counts do.

    Args:
        title: what is drawn.
        description: how to read it.
        targets: range queries.
        by_name: colours of lines by their legend.
        colour: of the others.
        leads_to: the address of the list that has what is drawn.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(list(targets))
        .unit(COUNT)
        .axis_soft_min(0)
        .color_scheme(colour or fixed(PLAIN))
        .thresholds(thresholds(NO_JUDGEMENT))
        .legend(_legend(shown=True))
        .tooltip(_tooltip())
        .draw_style(common.GraphDrawStyle.LINE)
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.NEVER)
        .data_links(_to_list(leads_to))
        .span_nulls(OFF)
    )
    for name, line_colour in (by_name or {}).items():
        panel.override_by_name(name, [model.DynamicConfigValue("color", fixed(line_colour).build())])
    return panel


def smooth(panel: timeseries.Panel) -> timeseries.Panel:
    """Return a panel of what changes gradually."""
    return panel.line_interpolation(common.LineInterpolation.LINEAR)


def bounded(panel: timeseries.Panel, steps: Steps) -> timeseries.Panel:
    """Return a panel with a dashed line at each threshold."""
    style = build_common.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(thresholds(steps)).thresholds_style(style)


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Return a panel of areas that add up; without lines, since one at 0 would hide the line below it."""
    stacking = build_common.StackingConfig().group("A").mode(common.StackingMode.NORMAL)
    return panel.stacking(stacking).fill_opacity(75).line_width(0)


def bars(panel: timeseries.Panel) -> timeseries.Panel:
    """Return a panel of things that happen now and then, which bars show better than lines."""
    return (
        stacked(panel)
        .interval("15m")
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(85)
        .bar_alignment(common.BarAlignment.BEFORE)
    )


def story(
    title: str, description: str, targets: Sequence[prometheus.Dataquery], meanings: Words, *, leads_to: str = ""
) -> statetimeline.Panel:
    """Return states over time, a row each; a gap is a time about which nothing is known."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(list(targets))
        .unit(COUNT)
        .mappings(meanings)
        .thresholds(thresholds(NO_JUDGEMENT))
        .color_scheme(by_threshold())
        .fill_opacity(85)
        .line_width(0)
        .row_height(0.82)
        .per_page(12)  # more rows than the panel's height has room for cannot be read
        .merge_values(ON)
        .show_value(common.VisibilityMode.AUTO)
        .align_value(common.TimelineValueAlignment.LEFT)
        .legend(_legend(shown=False))
        .data_links(_to_list(leads_to))
        .tooltip(_tooltip())
    )


def listing(  # noqa: PLR0913 - what tables differ in
    title: str,
    description: str,
    targets: Sequence[prometheus.Dataquery],
    columns: Mapping[str, str],
    *,
    panel_id: int = 0,
    ascending: str = "",
    descending: str = "",
    empty: str = "Nothing to list",
) -> table.Panel:
    """Return a table; its columns hold texts unless they are told otherwise.

    Args:
        title: what is listed.
        description: what it takes to be in the list.
        targets: queries for tables; several are merged where their labels agree.
        columns: the names of columns by label, in their order; others are left out.
        panel_id: for a table that figures lead to.
        ascending: the column that it is sorted by.
        descending: likewise, the largest first.
        empty: what it says in place of rows.
    """
    order = {name: index for index, name in enumerate(columns)}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(list(targets))
        .unit(COUNT)
        .thresholds(thresholds(NO_JUDGEMENT))
        .color_scheme(fixed(PLAIN))
        .align(common.FieldTextAlignment.LEFT)
        .cell_height(common.TableCellHeight.SM)
        .show_header(ON)
        .no_value(empty)
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(columns)}})
        )
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={"indexByName": order, "renameByName": dict(columns), "excludeByName": {}},
            )
        )
    )
    if panel_id:
        panel.id(panel_id)
    if column := ascending or descending:
        panel.sort_by([build_common.TableSortByFieldState().display_name(column).desc(bool(descending))])
    for label, name in columns.items():
        is_text = not label.startswith("Value")
        panel.override_by_name(
            name, [_NO_VALUE, model.DynamicConfigValue("unit", "string")] if is_text else [_NO_VALUE]
        )
    return panel


def colour_by_value(meanings: Words, steps: Steps = NO_JUDGEMENT) -> list[model.DynamicConfigValue]:
    """Return the properties of a column whose text has the colour of its value."""
    return [
        model.DynamicConfigValue("mappings", meanings),
        model.DynamicConfigValue("thresholds", thresholds(steps).build()),
        model.DynamicConfigValue("color", by_threshold().build()),
        model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]


def link(title: str, url: str) -> model.DynamicConfigValue:
    """Return the property that makes the values of a field lead somewhere."""
    return model.DynamicConfigValue("links", [{"title": title, "url": url}])


def width(pixels: int) -> model.DynamicConfigValue:
    """Return the property of a column's width."""
    return model.DynamicConfigValue("custom.width", pixels)


def seconds_column(pixels: int, *, decimals: int = 1, empty: str = "-") -> list[model.DynamicConfigValue]:
    """Return the properties of a column of durations."""
    return [
        model.DynamicConfigValue("unit", units.Seconds),
        model.DynamicConfigValue("decimals", decimals),
        model.DynamicConfigValue("mappings", [when_empty(empty)]),
        width(pixels),
    ]


def by_dashes(panel: timeseries.Panel, names: Iterable[str]) -> timeseries.Panel:
    """Return a panel whose lines differ in their dashes, from unbroken to dotted."""
    for name, dash in zip(names, _DASHES, strict=False):
        panel.override_by_name(name, _dashed(dash))
    return panel


def in_currency(panel: timeseries.Panel | stat.Panel) -> None:
    """Give figures or lines that are named after a currency its unit."""
    for currency, unit in _CURRENCIES.items():
        panel.override_by_name(currency, [model.DynamicConfigValue("unit", unit)])
    if isinstance(panel, timeseries.Panel):
        by_dashes(panel, _CURRENCIES)
    else:
        panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)  # other currencies have no unit


class Built(Builder[Any]):
    """What is finished, for where the SDK asks for a builder."""

    def __init__(self, built: Any) -> None:  # noqa: ANN401 - anything that the SDK writes as JSON
        self._built = built

    def build(self) -> Any:  # noqa: ANN401 - likewise
        return self._built


def _dashed(dash: list[int]) -> list[model.DynamicConfigValue]:
    style = {"fill": "dash", "dash": dash} if dash else {"fill": "solid"}
    return [model.DynamicConfigValue("custom.lineStyle", style)]


def _to_list(address: str) -> list[Builder[Any]]:
    return [Built({"title": "List them", "url": address})] if address else []


def _legend(*, shown: bool) -> build_common.VizLegendOptions:
    return (
        build_common.VizLegendOptions()
        .show_legend(shown)
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs([])
    )


def _tooltip() -> build_common.VizTooltipOptions:
    return build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
