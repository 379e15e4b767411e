"""Every page of the Streamlit app by its test harness: what is chosen, and hostile addresses."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import altair as alt
import pandas as pd
import pytest
from app_harness import HOSTILE, OF_ONE_RUN, SCRIPT, SLUGS, TITLES, Runs, Shown, sample_index, show

from dashboard import app, controls, draw, session
from dashboard.blocks import Chart, Link, Table


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    indexed = sample_index()
    monkeypatch.setenv(session.INDEX_VARIABLE, str(indexed.db))
    return indexed


@pytest.mark.parametrize("slug", SLUGS)
def test_every_page_shows_the_published_candidate(runs: Runs, slug: str) -> None:
    shown = show(slug, **({"b": runs.keys["newest"]} if slug == "compare" else {}))
    assert shown.title.startswith(TITLES[slug])
    if slug not in ("target", "local"):
        assert f'data-source="{runs.keys["published"]}|' in shown.html
    assert not shown.test.warning


def test_the_bare_address_is_the_readiness_page(runs: Runs) -> None:
    bare = show()
    assert bare.title == "Readiness of mp-national"
    assert bare.html == show("readiness").html
    assert "What blocks stage default" in bare.html


@pytest.mark.parametrize("slug", OF_ONE_RUN)
def test_a_page_shows_the_run_that_the_address_names(runs: Runs, slug: str) -> None:
    key = runs.keys["before"]
    target = {"target": target_of(key)} if slug == "target" else {}
    shown = show(slug, run=key, **target)
    assert f'data-source="{key}|' in shown.html
    assert f'data-source="{runs.keys["published"]}|' not in shown.html
    within = [params for page, params in shown.addresses if page in OF_ONE_RUN]
    assert {params.get("run") for params in within} <= {key}


def target_of(key: str) -> str:
    run = session.load(key)
    return str(run.get("loss", "/targets/0/target_id"))


def test_a_run_that_is_not_published_is_called_so(runs: Runs) -> None:
    chosen = show("readiness", run=runs.keys["newest"])
    said = "This is not the published candidate, but a run chosen by hand."
    assert said in chosen.html
    assert said not in show("readiness").html
    for slug in OF_ONE_RUN:
        assert "This is run published, the published candidate." in show(slug).html
        other = show(slug, run=runs.keys["newest"]).html
        assert "This is not the published candidate, but run newest, chosen by hand." in other


def test_a_failing_gate_leads_to_its_top_target_in_three_clicks(runs: Runs) -> None:
    gate = show("readiness").follow(lambda page, to: to.get("gate") == "family.snap")
    assert "family.snap" in gate.html
    targets = gate.follow(lambda page, to: page == "targets")
    assert "snap" in targets.html
    target = targets.follow(lambda page, to: page == "target")
    assert f'data-source="{runs.keys["published"]}|loss|' in target.html


def test_the_chosen_stage_goes_along_with_links_and_menu(runs: Runs) -> None:
    shown = show("readiness", stage="beta", run=runs.keys["newest"])
    assert "Every release gate at stage beta" in shown.html
    stages = [params.get("stage") for _, params in shown.addresses]
    assert None not in stages
    assert stages.count("beta") > stages.count("default")
    menu = [dict(parse_qsl(each.proto.query_string)) for each in shown.test.get("page_link")]
    assert len(menu) == len(app.PAGES)
    kept = {"stage": "beta", "run": runs.keys["newest"]}
    assert all(each == kept for each in menu)


def test_a_choice_in_the_menu_changes_the_address_and_the_page(runs: Runs) -> None:
    test = show("artifacts").test
    test.selectbox(key="field_run").set_value(runs.keys["newest"])
    chosen = Shown(test.run())
    assert test.query_params == {"run": runs.keys["newest"]}
    assert f'data-source="{runs.keys["newest"]}|' in chosen.html
    test.selectbox(key="field_product").set_value("mp-local-rich").run()
    assert test.query_params == {"product": "mp-local-rich"}
    assert f'data-source="{runs.keys["rich"]}|' in Shown(test).html
    test.selectbox(key="field_stage").set_value("beta").run()
    assert test.query_params == {"product": "mp-local-rich", "stage": "beta"}


def test_a_filter_changes_what_is_listed(runs: Runs) -> None:
    everything = show("targets")
    test = everything.test
    test.selectbox(key="field_role").set_value("held_out").run()
    assert test.query_params == {"role": "held_out"}
    held_out = Shown(test)
    assert "60 of 60 targets" in everything.html
    assert "60 of 60 targets" not in held_out.html
    assert held_out.html == show("targets", role="held_out").html
    test.text_input(key="field_search").set_value("no such target").run()
    assert test.query_params == {"role": "held_out", "search": "no such target"}
    assert "0 of 60 targets" in Shown(test).html


def test_a_new_filter_starts_at_the_first_page(runs: Runs) -> None:
    test = show("coverage", page="2").test
    test.text_input(key="field_search").set_value("us").run()
    assert test.query_params == {"search": "us"}


def test_a_choice_of_one_thing_shows_it(runs: Runs) -> None:
    gate = show("gate")
    test = gate.test.selectbox(key="field_gate").set_value("loss.broad").run()
    assert test.query_params == {"gate": "loss.broad"}
    assert Shown(test).title != gate.title
    benchmark = show("microsim").test.selectbox(key="field_benchmark")
    test = benchmark.set_value("ctc-arpa").run()
    assert "ctc-arpa" in str(test.query_params)


def test_a_fault_of_a_page_is_said_and_not_how_it_came(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(run: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("dashboard.views.artifacts.artifacts_page", faulty)
    with pytest.raises(AssertionError, match=draw.PAGE_FAULT) as found:
        show("artifacts")
    assert "KeyError" in str(found.value)
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_address_falls_back_with_a_notice(runs: Runs, hostile: str) -> None:
    shown = show("artifacts", run=hostile, stage=hostile, product=hostile)
    for name in ("run", "stage", "product"):
        assert f"There is no {name}" in shown.html
    assert f'data-source="{runs.keys["published"]}|' in shown.html
    assert not re.search(r"<(script|b|img|a href=.https)\b", shown.html)
    assert "x" * 100 not in shown.html
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown.html


@pytest.mark.parametrize("slug", SLUGS)
def test_hostile_parameters_of_a_page_are_not_followed(runs: Runs, slug: str) -> None:
    names = (
        *("gate", "benchmark", "target", "family", "source", "state", "level", "role", "winner"),
        *("scope", "entity", "search", "page", "a", "b", "no_such_parameter"),
    )
    shown = show(slug, **{name: HOSTILE[at % len(HOSTILE)] for at, name in enumerate(names)})
    assert shown.title.startswith(TITLES[slug])
    assert "<script" not in shown.html
    assert "root:x:" not in shown.html
    if slug in ("gate", "microsim", "compare", "targets", "coverage"):
        assert "There is no" in shown.html


@pytest.mark.parametrize("page", ["-1", "0", "9" * 400, "1e9", "\N{ARABIC-INDIC DIGIT TWO}", "2"])
def test_a_page_number_is_a_number_of_the_list(runs: Runs, page: str) -> None:
    assert show("coverage", page=page).title == TITLES["coverage"]


def test_a_broken_run_is_shown_as_broken_with_its_reason(runs: Runs) -> None:
    for slug in ("readiness", *OF_ONE_RUN):
        shown = show(slug, run=runs.keys["broken"])
        assert "This run is broken" in shown.html
        assert "loss.json" in shown.html
        assert "data-source" not in shown.html


def test_charts_come_with_their_words_and_their_table(runs: Runs) -> None:
    shown = show("artifacts")
    charts = shown.test.get("vega_lite_chart")
    assert charts
    assert shown.html.count(draw.NUMBERS) >= len(charts)
    assert all(each.proto.alt for each in charts)


def test_a_chart_has_no_link_and_no_text_that_cannot_be_seen() -> None:
    frame = pd.DataFrame(
        {"name": ["a\N{RIGHT-TO-LEFT OVERRIDE}b"], "to": ["javascript:1"], "x": [1]}
    )
    drawn = alt.Chart(frame).mark_bar().encode(x="x", y="name", href="to")
    spec = draw.specification(Chart("Title", "Words", drawn, Table("Title", (), ())))
    assert "href" not in spec["encoding"]
    ((row,),) = spec["datasets"].values()
    assert row["name"] == "a\\u{202e}b"


def test_options_are_shown_as_what_they_are_and_no_two_alike() -> None:
    told = controls.told_apart({"": "All", "x": "All", "y": "a\N{ZERO WIDTH SPACE}b", "z": "ab"})
    assert told == {"": "All", "x": "All (x)", "y": "a\\u{200b}b", "z": "ab"}


def test_a_download_is_the_whole_table(runs: Runs) -> None:
    (button,) = show("targets").test.get("download_button")
    assert button.proto.label


def test_a_label_is_never_read_as_markdown() -> None:
    text = ":red[x] [a](https://evil.example) ![i](https://evil.example/i.png) $x$ :smile: `c` <b>"
    escaped = draw.plain(text)
    assert escaped.replace("\\", "") == text
    assert not re.search(r"(?<!\\)[\[\]()!$:`<>]", escaped)


def test_addresses_are_encoded() -> None:
    link = Link("target", {"target": "us.x?y=1&run=2#3/../<b>", "run": "abc"})
    at = urlsplit(draw.address(link))
    assert (at.path, at.netloc, at.fragment) == ("target", "", "")
    assert dict(parse_qsl(at.query)) == dict(link.params)


def test_what_is_no_text_makes_no_address_but_no_fault_either() -> None:
    assert draw.address(Link("target", {"target": "a\ud800"})) == "target?target=a%3F"


def test_only_our_own_script_is_run(runs: Runs) -> None:
    allowed = [
        each.proto.body
        for each in show("targets").test.get("html")
        if each.proto.unsafe_allow_javascript
    ]
    assert allowed == [f"<script>{(SCRIPT).read_text()}</script>"]
