"""What every dashboard has: variables, annotations, links, and a grid to put panels on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.dashboards import colours, promql
from deploy.grafana.dashboards.panels import DATASOURCE, ON, Built, query

TAG = "mihu-trunk-exporter"

_EVERYTHING = ".+"
_ROW_HEIGHT = 1


@dataclass(frozen=True, slots=True)
class Name:
    """How a dashboard is called: in addresses, in lists, and in a sentence."""

    uid: str
    title: str
    description: str


OVERVIEW = Name(
    "mihu-overview",
    "Mihu trunks: overview",
    "Is anything out of service, since when, and who was its agent; and what else is wrong with your trunks.",
)
TRUNK = Name(
    "mihu-trunk",
    "Mihu trunks: one trunk",
    "One trunk: whether it is in service, who answers on it, what changed, how many calls it carries, what it costs.",
)
EXPORTER = Name(
    "mihu-exporter",
    "Mihu trunks: exporter",
    "Whether the exporter reads every workspace in time, how the API answers, and what the exporter uses.",
)


# Panels that lists are in: figures lead to them, whatever their place.
OUT_OF_SERVICE_LIST, REMEMBERED_LIST, SET_UP_LIST, ALERT_LIST, WORKSPACE_LIST, TRUNK_LIST = range(101, 107)

_HERE = "${__url_time_range}&${datasource:queryparam}&${job:queryparam}"
_ROW = "${__data.fields.%s:percentencode}"
_CHOSEN = "${workspace:queryparam}"
# Variables with one value each, as they are: Grafana makes no pattern of such a value, and escapes apostrophes wrongly.
THE_WORKSPACE, THE_NUMBER = (f"{name}=`${{{name}:raw}}`" for name in ("workspace", "number"))
_LISTED_OR_GONE = f'__name__=~"mihu_trunk_(info|gone_timestamp_seconds)", job=~"$job", {THE_WORKSPACE}'

LINE = "var-workspace=${__field.labels.workspace:percentencode}"  # the workspace of a line, or of a timeline's row


def to_list(name: Name, panel: int, *variables: str, workspace: str = _CHOSEN) -> str:
    """Return the address of a list, on the whole page, for the workspaces that are chosen."""
    return "&".join((f"/d/{name.uid}?viewPanel={panel}", _HERE, workspace, *variables))


def to_workspace(name: Name) -> str:
    """Return the address of a dashboard about the workspace of a table's row."""
    return f"/d/{name.uid}?{_HERE}&var-workspace={_ROW % 'workspace'}"


def to_trunk() -> str:
    """Return the address of the dashboard of the trunk of a table's row."""
    number, uuid = _ROW % "number", _ROW % "phone_number_uuid"
    return f"{to_workspace(TRUNK)}&var-number={number}&var-uuid={uuid}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A panel and where it is, counted from the top of its section."""

    x: int
    y: int
    width: int
    height: int
    panel: Builder[model.Panel]


def tiles(left: int, width: int, per_row: int, panels: Iterable[Builder[model.Panel]]) -> Iterator[Placed]:
    """Place figures in rows at the top of a section."""
    for index, panel in enumerate(panels):
        row, column = divmod(index, per_row)
        yield Placed(left + column * width, 3 * row, width, 3, panel)


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading; the first section of a dashboard needs none."""

    title: str
    panels: Sequence[Placed]


def new_dashboard(
    name: Name,
    variables: Iterable[Builder[model.VariableModel]],
    sections: Iterable[Section],
    *,
    alerts: str = promql.ALERTS,
) -> model.Dashboard:
    """Put a dashboard together.

    Args:
        name: what it is called.
        variables: beside the data source.
        sections: from top to bottom.
        alerts: those that are marked in it.
    """
    frame = (
        build.Dashboard(name.title)
        .uid(name.uid)
        .description(name.description)
        .tags([TAG])
        .time("now-24h", "now")
        .refresh("1m")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .editable()
        .variables([_datasource(), *variables])
        .annotations([_alerts(alerts), _restarts()])
        .links([_others()])
    )
    _lay_out(frame, sections)
    return frame.build()


def job() -> build.QueryVariable:
    """Return the variable for scrape jobs; the textfiles of ``once`` say nothing of an exporter, but of polls."""
    return _query_variable("job", "Job", "label_values(mihu_up, job)").multi(ON).include_all(ON)


def workspaces() -> build.QueryVariable:
    """Return the variable for any number of workspaces."""
    return workspace().multi(ON).include_all(ON).all_value(_EVERYTHING)


def workspace() -> build.QueryVariable:
    """Return the variable for one workspace."""
    query_ = 'label_values(mihu_poll_interval_seconds{job=~"$job"}, workspace)'
    return _query_variable("workspace", "Workspace", query_)


def reasons() -> build.CustomVariable:
    """Return the variable for reasons why trunks are out of service."""
    everything = model.VariableOption(selected=ON, text=["All"], value=["$__all"])
    return (
        build.CustomVariable("reason")
        .label("Reason")
        .values("unbound,not_active,blocked")
        .multi(ON)
        .include_all(ON)
        .current(everything)
    )


def search() -> build.TextBoxVariable:
    """Return the variable for a part of a number."""
    return (
        build.TextBoxVariable("search")
        .label("Part of a number")
        .default_value("")
        .current(model.VariableOption(text="", value=""))
    )


def number() -> build.QueryVariable:
    """Return the variable for a phone number."""
    return _query_variable("number", "Number", f"label_values({{{_LISTED_OR_GONE}}}, number)")


def uuid() -> build.QueryVariable:
    """Return the variable that tells trunks apart whose numbers look the same, or are hidden."""
    query_ = f"label_values({{{_LISTED_OR_GONE}, {THE_NUMBER}}}, phone_number_uuid)"
    return _query_variable("uuid", "UUID", query_)


def _query_variable(name: str, label: str, definition: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": definition, "refId": f"variable-{name}"})
        .definition(definition)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _datasource() -> build.DatasourceVariable:
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _alerts(expression: str) -> build.AnnotationQuery:
    return (
        _annotation("Alerts", colours.BAD, expression)
        .title_format("{{alertname}} ({{severity}})")
        .text_format("{{workspace}} {{number}} {{channel}}")
        .tag_keys("alertname,severity")
    )


def _restarts() -> build.AnnotationQuery:
    return (
        _annotation("Restarts", colours.UNKNOWN, promql.RESTARTS)
        .use_value_for_time(ON)
        .title_format("Exporter started")
        .text_format("{{instance}}")
    )


def _annotation(name: str, colour: str, expression: str) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(ON)
        .icon_color(colour)
        .expr(expression)
        .step("60s")
        .target(query(expression, ref="Anno"))
    )


def _others() -> build.DashboardLink:
    return (
        build.DashboardLink("Mihu dashboards")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(ON)
        .keep_time(ON)
    )


def _lay_out(frame: build.Dashboard, sections: Iterable[Section]) -> None:
    top, next_id = 0, 1
    for section in sections:
        if section.title:
            row = build.Row(section.title).id(next_id).grid_pos(model.GridPos(x=0, y=top, w=24, h=_ROW_HEIGHT))
            frame.with_row(row)
            top, next_id = top + _ROW_HEIGHT, next_id + 1
        for placed in section.panels:
            panel = placed.panel.build()
            panel.id_val = panel.id_val or next_id
            panel.grid_pos = model.GridPos(x=placed.x, y=top + placed.y, w=placed.width, h=placed.height)
            frame.with_panel(Built(panel))
            next_id += 1
        top += max(placed.y + placed.height for placed in section.panels)
