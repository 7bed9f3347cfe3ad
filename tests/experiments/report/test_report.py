"""The report of a run: what its data say, and what a browser makes of them."""

import contextlib
import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from evaluators import Rollout
from experiments.__main__ import main
from experiments.report import topology
from experiments.report.curves import collect_curves
from experiments.runs.reader import read_run
from experiments.tasks.cartpole import Cartpole
from experiments.tasks.classification import Classification
from experiments.tasks.control import REPORT_TRIAL
from experiments.tasks.prediction import predictions
from neat import Genome, Population
from tests.support.evolving import BUSY, evolve, make_config
from tests.support.processes import FEW, refused

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
RUNS = {
    "data": ["classification", "--data", "spirals", "--seed", "2"],
    "environment": ["cartpole", "--episodes", "1", "--innovation", "pairing"],
    "interrupted": ["regression", "--samples", "60"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of three runs with their reports."""
    folder = tmp_path_factory.mktemp("runs")
    with contextlib.chdir(folder):
        for name, line in RUNS.items():
            assert main([*line, *FEW, "--generations", "8", "--output", name]) == 0
            if name == "interrupted":
                for file in ("result.json", "champion.json", "model.json"):
                    Path(name, file).unlink()
            assert main(["show", name]) == 0
    return folder


def read(path):
    """Return the text of a report, and its data."""
    text = Path(path).read_text("utf-8")
    return text, json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


@pytest.mark.parametrize("name", RUNS)
def test_a_report_is_small_and_needs_no_network(runs, name):
    text, _ = read(runs / name / "report.html")
    assert len(text.encode()) < 2_000_000
    assert "default-src 'none'" in text
    assert all(source.startswith("data:") for source in re.findall(r'\s(?:src|href)="([^"]*)', text))
    assert "{{" not in text.split("<script>")[0] and "NaN" not in text.split('id="data">')[1]


@pytest.mark.parametrize("name", RUNS)
def test_networks_are_those_of_the_run(runs, name):
    _, data = read(runs / name / "report.html")
    run, network = read_run(runs / name, "show"), data["network"]
    births = dict(run.lineage.innovations[["innovation", "generation"]].tolist())
    rows = run.lineage.champions
    assert len(network["champions"]) == 1 + len(np.unique(rows["genome"])) and network["leftOut"] == 0
    for drawn in network["champions"]:
        generation = drawn["generation"]
        genome = run.champion if generation is None else run.lineage.champion(generation)
        layout = network["layouts"][drawn["layout"]]
        genes = [(layout["genes"][row], weight, enabled) for row, weight, enabled in drawn["connections"]]
        expected = genome.connections
        assert [gene[1] for gene, _, _ in genes] == [str(c["innovation"]) for c in expected]
        assert [gene[2] for gene, _, _ in genes] == [births[c["innovation"]] for c in expected]
        assert [weight for _, weight, _ in genes] == pytest.approx([c["weight"] for c in expected], rel=1e-4)
        assert [bool(enabled) for _, _, enabled in genes] == [c["enabled"] for c in expected]
        names = {
            node: name for node, name in zip(genome.hidden_ids, map(str, genome.hidden_ids), strict=True)
        }
        for (gene, _, _), c in zip(genes, expected, strict=True):
            for place, end in zip(layout["curves"][gene[0]][:2], ("source", "target"), strict=True):
                assert layout["nodes"][place]["name"] == names.get(c[end], layout["nodes"][place]["name"])
        assert [bias for _, bias, _, _ in drawn["nodes"]] == pytest.approx(
            [node["bias"] for node in genome.nodes], rel=1e-4
        )


def test_hashed_ids_are_shown_short_and_what_is_not_counted_is_left_out():
    title = "Innovation numbers given"
    for scheme in ("global", "hashed"):
        population = evolve(Population(make_config(**BUSY, innovation=scheme)), 8)
        genome = max(population.genomes, key=lambda each: len(each.hidden_ids))
        names = topology.Names().of_nodes(genome)
        hidden = [names[node] for node in genome.hidden_ids]
        shown = genome.hidden_ids if scheme == "global" else range(5, 5 + len(hidden))
        assert len(hidden) > 2 and hidden == [str(number) for number in shown]
        titles = [chart["title"] for chart in collect_curves(population.history)["charts"]]
        assert (title in titles) == (scheme == "global") and "Fitness" in titles


def test_curves_species_and_ancestors_are_those_of_the_run(runs):
    text, data = read(runs / "data" / "report.html")
    run = read_run(runs / "data", "show")
    fitness = dict(data["curves"]["charts"][0]["series"])
    assert data["curves"]["x"] == list(range(8))
    assert fitness["best"] == pytest.approx(run.history.generations["best"].tolist(), rel=1e-4)
    sizes = np.zeros(8, int)
    for _, _, _, first, own in data["species"]["series"]:
        sizes[first : first + len(own)] += own
    assert sizes.tolist() == [20] * 8
    line = run.lineage.ancestors(run.champion)
    assert f"follows its primary parents: {len(line)} individuals" in html.unescape(text)
    births = data["ancestry"]["charts"][0]["series"][0][1]
    assert sum(births) == len(run.lineage.ancestors(run.champion, both=True))


def test_confusion_matrices_count_the_samples(runs):
    text, _ = read(runs / "data" / "report.html")
    task = Classification(data="spirals")
    sets = task.sets()
    outputs = predictions(Genome.load(runs / "data" / "champion.json"), sets.inputs)
    for part, table in zip(
        (sets.test, sets.train), re.findall('class="confusion">(.*?)</table>', text), strict=True
    ):
        cells = [int(n or 0) for n in re.findall(r'<td style="[^"]*">(\d*)</td>', table)]
        truth, predicted = (array[part].argmax(axis=1) for array in (sets.targets, outputs))
        expected = [np.sum((truth == k) & (predicted == n)) for k in range(2) for n in range(2)]
        assert cells == expected


def test_residuals_are_in_the_unit_of_the_target(runs):
    _, data = read(runs / "interrupted" / "report.html")
    points = {part: np.array(rest) for part, *rest in data["behaviour"]["residuals"]}
    assert {part: values.shape for part, values in points.items()} == {
        "training part": (2, 45),
        "test part": (2, 15),
    }
    metrics = np.genfromtxt(runs / "interrupted" / "metrics.csv", delimiter=",", names=True)
    targets, outputs = points["training part"]
    # The fitness is minus the mean squared error in standard deviations of the target.
    error = np.mean((outputs - targets) ** 2) / targets.var()
    assert error == pytest.approx(-metrics["best_ever"][-1], rel=1e-3)


def test_values_of_nodes_lead_to_the_actions(runs):
    _, data = read(runs / "environment" / "report.html")
    episode = data["behaviour"]["episode"]
    champion = Genome.load(runs / "environment" / "champion.json")
    evaluator = Cartpole(episodes=1).evaluator("cpu")
    assert isinstance(evaluator, Rollout)
    trace = evaluator.trace(champion, REPORT_TRIAL)
    values = dict(episode["nodes"])
    *_, action, rewards = (chart["series"][0][1] for chart in episode["charts"])
    steps = np.rint(np.array(episode["x"]) / 0.02).astype(int)
    outputs = np.array([values[name] for name in list(values)[-champion.num_outputs :]])
    decided = outputs.argmax(axis=0) if len(outputs) > 1 else (outputs[0] > 0.5).astype(int)
    assert action == trace.action[steps, 0].tolist() == decided.tolist()
    assert rewards[-1] == trace.reward.sum()


def test_what_a_run_lacks_is_said(in_empty_folder, capsys):
    Path("data.csv").write_text("a,b\n" + "\n".join(f"{k},{k * k}" for k in range(20)))
    line = ["regression", "--data", "data.csv", "--target", "b", *FEW, "--no-lineage", "--output", "run"]
    assert main(line) == 0
    Path("data.csv").write_text("a,b\n1,2\n")
    capsys.readouterr()
    assert main(["show", "run", "--output", "page.html"]) == 0
    assert capsys.readouterr().out == "report: page.html\n"
    text, data = read("page.html")
    assert "keeps no lineage" in text and "data.csv has changed since the run began" in text
    assert data["behaviour"] is None and data["ancestry"] is None and len(data["network"]["champions"]) == 1
    assert not Path("run/report.html").exists()


def test_text_of_the_user_is_shown_as_text(in_empty_folder):
    name = "</script><b>x&"
    Path("data.csv").write_text(f"a,{name}\n" + "\n".join(f"{k},{k % 2}" for k in range(20)))
    assert main(["classification", "--data", "data.csv", "--target", name, *FEW, "--output", "a<i>b"]) == 0
    assert main(["show", "a<i>b"]) == 0
    text, _ = read("a<i>b/report.html")
    assert name not in text and "<i>b" not in text


def test_champions_are_left_out_of_a_report_that_would_be_too_large(runs, monkeypatch):
    from experiments.report import command

    whole = command.make_report(read_run(runs / "data", "show"), runs / "data")
    monkeypatch.setattr(command, "_MOST_BYTES", len(whole.encode()) - 1)
    monkeypatch.setattr(command, "_MOST_CHAMPIONS", 8)
    smaller = command.make_report(read_run(runs / "data", "show"), runs / "data")
    assert len(smaller) < len(whole)
    assert json.loads(re.search('id="data">(.*?)</script>', smaller)[1])["network"]["leftOut"] > 0


def test_champions_with_much_in_common_share_a_layout():
    def champion(*hidden):
        nodes = [{"id": node, "bias": 0.0} for node in (1, *hidden)]
        data = {"num_inputs": 1, "num_outputs": 1, "nodes": nodes, "connections": []}
        return topology.Champion(0, 0.0, Genome.from_dict(data))

    small, grown, other = champion(2), champion(*range(2, 14)), champion(*range(20, 60))
    parts = topology._split([small, grown, other, other, small])
    assert [len(part) for part in parts] == [2, 2, 1]


def test_overwriting_a_run_deletes_its_report_but_no_file_of_the_user(in_empty_folder, capsys):
    assert main(["xor", *FEW, "--output", "run"]) == 0
    assert main(["show", "run"]) == 0
    assert main(["xor", *FEW, "--output", "run", "--overwrite"]) == 0
    assert not Path("run/report.html").exists()
    Path("run/report.html").write_text("mine")
    refused(["show", "run"], capsys, "show: run/report.html is not the report of a run")
    assert main(["xor", *FEW, "--output", "run", "--overwrite"]) == 0
    assert Path("run/report.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "show: expected the folder of a run first, such as show runs/xor"),
        (["--output", "a.html"], "show: expected the folder of a run first"),
        (["nowhere"], "show: nowhere/run.json: cannot be read"),
        (["run", "--output", "no/where.html"], "output: there is no folder"),
    ],
)
def test_mistakes(in_empty_folder, capsys, line, message):
    if line[:1] == ["run"]:
        assert main(["xor", *FEW, "--output", "run"]) == 0
    refused(["show", *line], capsys, message)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs Chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"),
        *("disable-component-update", "disable-sync", "hide-scrollbars"),
        f"user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=webdriver.ChromeService(DRIVER), options=options)
    yield driver
    driver.quit()


def opened(browser, path, width=1280):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get(path.as_uri())
    browser.set_script_timeout(10)
    # Charts are drawn after the layout of the page.
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    return browser


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", RUNS)
def test_it_opens_without_errors_and_fits(runs, browser, name, width):
    page = opened(browser, runs / name / "report.html", width)
    assert page.get_log("browser") == []
    assert page.execute_script("return document.documentElement.scrollWidth") == width
    for part in (
        "#curves figure svg path.series",
        "#species svg path.species",
        "#ancestry svg",
        ".node:not(.absent)",
    ):
        assert page.find_elements("css selector", part), part
    shown = {
        "data": "table.confusion",
        "environment": "#behaviour canvas",
        "interrupted": "#behaviour circle",
    }
    assert page.find_elements("css selector", shown[name])


def test_the_slider_shows_the_champions(runs, browser):
    page, run = opened(browser, runs / "data" / "report.html"), read_run(runs / "data", "show")
    for generation in (0, 7, 3):
        page.execute_script(
            "const slider = document.getElementById('slider'); slider.value = arguments[0];"
            "slider.dispatchEvent(new Event('input'))",
            generation,
        )
        champion = run.lineage.champion(generation)
        drawn = page.find_elements("css selector", ".connection:not(.absent)")
        assert len(drawn) == len(champion.connections)
        assert page.find_element("id", "shown").text.startswith(f"Generation {generation}")
        assert page.find_elements("css selector", "#curves .chosen[visibility=visible]")
    # A click on a curve moves the slider.
    page.find_element("css selector", "#curves svg").click()
    assert 2 <= int(page.find_element("id", "slider").get_property("value")) <= 5
    assert page.get_log("browser") == []


def test_pointing_and_zooming(runs, browser):
    from selenium.webdriver import ActionChains

    page, run = opened(browser, runs / "data" / "report.html"), read_run(runs / "data", "show")
    node = next(n for n in run.champion.nodes if n["id"] == run.champion.output_ids[0])
    page.execute_script("document.getElementById('network').scrollIntoView()")
    ActionChains(page).move_to_element(page.find_element("css selector", ".node.output circle")).perform()
    lines = page.find_element("id", "tooltip").text.replace("−", "-").splitlines()
    assert lines[0] == "output first" and lines[2] == f"activation {node['activation']}"
    assert float(lines[1].removeprefix("bias ")) == pytest.approx(node["bias"], rel=1e-4)
    page.execute_script(
        "const connection = document.querySelector('.connection:not(.absent)');"
        "connection.dispatchEvent(new PointerEvent('pointerenter', {clientX: 9}))"
    )
    facts = page.find_element("id", "tooltip").text
    assert re.search(r"→.*\nweight .*\ninnovation number \d+\nsince generation \d+", facts)
    before = find_scale(page)
    page.find_element("css selector", "[data-zoom='1.5']").click()
    assert find_scale(page) > before
    assert page.get_log("browser") == []


def find_scale(page):
    transform = page.find_element("css selector", ".drawing g").get_attribute("transform")
    return float(re.search(r"scale\((.*)\)", transform)[1])
