"""The code of the documentation runs."""

import importlib.util
import json
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import evaluators
import evaluators.export
import neat
from experiments.__main__ import main
from tests.support.paths import ROOT
from tests.support.scripts import run_python


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


def test_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("README.md"):
        if "sklearn" not in block or importlib.util.find_spec("sklearn"):
            exec(block, namespace)
    assert (tmp_path / "champion.svg").exists()
    predicted = evaluators.load("flats.json").predict([[50.0, "Kiel"], [50.0, "Bonn"]])
    assert predicted == pytest.approx([100_000, 130_000], rel=0.02)
    if "classifier" in namespace:
        assert namespace["classifier"].score(namespace["X_test"], namespace["y_test"]) > 0.85
    assert float(capsys.readouterr().out.splitlines()[-1]) == 500


@pytest.mark.parametrize("heading", ["Data", "scikit-learn", "Environments"])
def test_the_readme_has_an_example_of_ten_lines(heading):
    section = (ROOT / "README.md").read_text("utf-8").partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert sum(bool(line.strip()) for line in example.splitlines()) <= 10


def test_the_page_on_xor(capsys):
    (block,) = blocks("docs/xor.md")
    exec(block, {})
    assert capsys.readouterr().out.startswith("True ")


def test_the_page_on_checkpoints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    run, loop = blocks("docs/checkpoints.md")
    exec(run, namespace)
    assert namespace["result"].generations == 40
    uninterrupted = neat.Population(namespace["config"]).run(namespace["evaluator"], generations=40)
    assert namespace["result"].champion == uninterrupted.champion
    exec(loop, namespace)
    assert capsys.readouterr().out.startswith("10 ")


def test_the_page_on_going_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first, second = blocks("docs/going-on.md")
    namespace = {}
    exec(first, namespace)
    assert capsys.readouterr().out.split() == ["max_evaluations", "1950"]
    exec(second, namespace)
    assert namespace["result"].stopped_by == "stop"
    population = neat.Population(namespace["config"], genomes=namespace["genomes"])
    assert {len(population.genomes), population.config.genome.num_inputs} == {150, 3}


def test_the_page_on_models(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("docs/models.md"):
        exec(block, namespace)
    printed = capsys.readouterr().out
    assert "['plum' 'pear']" in printed
    assert namespace["action"] in (0, 1) and namespace["actions"].shape == (8,)
    assert float(printed.splitlines()[-1]) > 0.85
    assert evaluators.load("iris.json").classes.tolist() == [0, 1, 2]


def test_the_page_on_gpus():
    anywhere, *on_gpus = blocks("docs/gpu.md")
    namespace = {}
    exec(anywhere, namespace)
    assert namespace["result"].generations > 0
    for block in on_gpus:
        compile(block, "docs/gpu.md", "exec")  # needs cupy or a GPU


def test_the_environment_of_the_page_on_control(tmp_path, monkeypatch, capsys):
    first, gymnasium_example, generalisation = blocks("docs/control.md")
    (environment,) = blocks("docs/environment.md")
    namespace = {}
    exec(first, namespace)
    exec(generalisation, namespace)
    assert namespace["result"].generations == 3
    assert float(capsys.readouterr().out) == 500
    (tmp_path / "thermostat.py").write_text(environment, "utf-8")
    assert len(environment.strip().splitlines()) < 50
    monkeypatch.syspath_prepend(tmp_path)
    from thermostat import Thermostat

    rollout = evaluators.Rollout(Thermostat(), episodes=4)
    config = neat.Config.for_task(rollout, population_size=100, seed=0)
    result = neat.Population(config).run(rollout, generations=15)
    reward = rollout.play(result.champion).reward.mean()
    assert -100 < reward < 0  # always off or always on: below -500
    pytest.importorskip("gymnasium")
    assert "LunarLander-v3" in gymnasium_example
    env = Thermostat().to_gymnasium()
    observation, _ = env.reset(seed=1)
    assert env.observation_space.contains(observation)


def test_the_page_on_watching(tmp_path, monkeypatch, capsys):
    """Its commands run too, with fewer generations."""
    monkeypatch.chdir(tmp_path)
    film, draw, throw = blocks("docs/watching.md")
    namespace = {}
    for block in (film, draw, throw):
        exec(block, namespace)
    assert {path.name for path in tmp_path.iterdir()} == {"cartpole.gif", "throw.gif"}
    assert len(namespace["draw"](None, (1.0, 0.5), None)) == 4
    assert namespace["result"].champion_fitness > -0.5
    shutil.copytree(ROOT / "examples", "examples")
    Path("docs/demo").mkdir(parents=True)
    (commands,) = re.findall(
        r"```sh\n(.*?)```", (ROOT / "docs" / "watching.md").read_text("utf-8"), re.DOTALL
    )
    for command in commands.splitlines():
        words = shlex.split(command.replace("--generations 30", "--generations 3 --quiet"))
        assert words[0] == "batchneat" and main(words[1:]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "film: docs/demo/flappy.gif" in out and "reward " in out
    assert Path("flappy.c").exists() and Path("docs/demo/flappy.gif").stat().st_size < 300_000
    assert Path("runs/flappy/behaviour.gif").exists()
    assert len(Path("examples/flappy.py").read_text().splitlines()) < 60


def test_the_pages_on_gradients(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    through_networks, layers, policy = blocks("docs/gradient.md")
    exec(through_networks, namespace)
    assert namespace["population"].generation == 12
    assert namespace["learned"].fitness.max() > namespace["learned"].fitness_before.max()
    exec(layers, {})
    assert capsys.readouterr().out
    exec(policy, {})
    assert float(capsys.readouterr().out) > 50  # at first some 20
    assert (tmp_path / "metrics.csv").read_text().startswith("update,steps,episodes,reward,")


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_page_on_training(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("docs/training.md"):
        exec(compile(block, "page.py", "exec"), namespace)
    area, best, matched, other, error = capsys.readouterr().out.splitlines()
    assert 0 <= float(area) <= 1 and 1e-4 <= float(best) <= 1
    expected = "gradient of sqrt with respect to input 0: expected finite numbers, got inf at (0,), in step 0"
    assert error == f"{expected} (page.py, line 6)"
    assert namespace["seen"].inputs.shape == (9, 1, 8, 8)
    assert matched == "2 matched: layers.0.weight, layers.0.bias"
    assert other.startswith("2 of another shape: layers.4.weight (128, 2), here (128, 5)")
    assert (tmp_path / "training.svg").exists() and (tmp_path / "metrics.csv").exists()
    assert (tmp_path / "rates.svg").exists()


def test_the_page_on_the_backend():
    namespace = {}
    convert, climb = blocks("docs/backend.md")
    exec(convert, namespace)
    assert namespace["learned"].fitness.mean() > namespace["fitness"].mean()
    assert len(namespace["model"].layers) == 3
    exec(climb, namespace)
    after = evaluators.differentiate(*(namespace[name] for name in ("genomes", "inputs", "targets"))).fitness
    assert (after > namespace["found"].fitness).all()


def test_the_page_on_distribution(capsys):
    (example,) = blocks("docs/distributed.md")
    namespace = {}
    exec(example, namespace)
    alone = neat.Population(namespace["config"]).run(namespace["make_evaluator"](), generations=5)
    assert alone.champion == namespace["result"].champion
    assert float(capsys.readouterr().out) == alone.champion_fitness


def test_the_page_on_learning(capsys):
    namespace = {}
    evolution, polishing = blocks("docs/learning.md")
    exec(evolution, namespace)
    assert namespace["result"].champion_fitness > -1e-3
    assert float(capsys.readouterr().out) == pytest.approx(namespace["result"].champion_fitness, rel=0.1)
    exec(polishing, namespace)
    assert namespace["polished"].fitness >= namespace["polished"].fitness_before


@pytest.fixture
def files_of_neat_python(tmp_path, monkeypatch):
    """The files that the page on neat-python begins with, in the current folder."""
    monkeypatch.chdir(tmp_path)
    data = ROOT / "tests" / "data"
    settings = (data / "neat_python_xor.ini").read_text()
    (tmp_path / "config-feedforward").write_text(settings)
    changes = {"num_inputs": 4, "num_outputs": 2, "fitness_threshold": 475}
    for name, value in changes.items():
        settings = re.sub(rf"^({name} *=).*", rf"\1 {value}", settings, flags=re.MULTILINE)
    (tmp_path / "config-cartpole").write_text(settings)
    exported = json.loads((data / "neat_python_exports_2.1.0.json").read_text())["cases"][0]
    (tmp_path / "winner.json").write_text(json.dumps(exported["genes"]))


@pytest.mark.usefixtures("files_of_neat_python")
def test_the_imports_of_the_page_on_neat_python(capsys):
    *_, configuration, genome = map(textwrap.dedent, blocks("docs/neat-python.md"))
    namespace = {}
    exec(configuration, namespace)
    assert (namespace["fitness_threshold"], namespace["config"].seed) == (3.9, 1)
    assert capsys.readouterr().out.startswith("[DefaultReproduction] min_species_size = 2: ")
    exec(genome, namespace)
    assert namespace["genome"].num_inputs == 2


@pytest.mark.usefixtures("files_of_neat_python")
def test_the_ports_of_the_page_on_neat_python():
    pytest.importorskip("gymnasium")
    their_xor, xor, their_cart, cart, *_ = blocks("docs/neat-python.md")
    for program in (
        their_xor,
        their_cart,
    ):  # both ran with neat-python 2.0.0, which cannot be beside batchneat
        compile(program, "docs/neat-python.md", "exec")
    namespace = {}
    exec(xor, namespace)
    assert namespace["result"].solved
    answers = [namespace["network"].activate([x])[0, 0, 0] > 0.5 for x in namespace["INPUTS"]]
    assert answers == [False, True, True, False]
    faster = evaluators.Supervised(namespace["INPUTS"], namespace["TARGETS"], device="cpu")
    assert faster.score(namespace["result"].champion) >= (namespace["threshold"] - 4) / 4 - 1e-6
    exec(cart, namespace)
    assert namespace["played"].reward.shape == (1, 20) and namespace["played"].reward.mean() > 100


def test_the_page_on_exports(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sections = (ROOT / "docs" / "export.md").read_text("utf-8").split("\n## ")
    assert len(sections) == 10
    needed = {"ONNX": ["onnx", "onnxruntime"], "PyTorch": ["torch"], "SymPy and LaTeX": ["sympy"]}
    namespace = {}
    for section in sections:
        if all(map(importlib.util.find_spec, needed.get(section.partition("\n")[0], []))):
            for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
                exec(block, namespace)
    assert (tmp_path / "champion.c").read_text() == evaluators.export.to_c(namespace["champion"])
    expected = evaluators.compile(namespace["champion"]).activate(namespace["observations"])[0]
    assert namespace["outputs"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert "inputs[1]: velocity" in capsys.readouterr().out


def test_the_page_on_plots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("docs/plots.md"):
        exec(block, namespace)
    drawn = {path.name for path in tmp_path.iterdir()}
    shown = re.findall(r'<img src="plots/(.*?)"', (ROOT / "docs" / "plots.md").read_text("utf-8"))
    assert drawn == set(shown) == {path.name for path in (ROOT / "docs" / "plots").iterdir()}
    called = re.findall(r"plot\.(\w+)\(", "".join(blocks("docs/plots.md")))
    assert set(called) == set(neat.plot.__all__)


PICTURES = (".svg", ".png", ".gif")


def test_every_picture_is_on_a_page():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
    links = [
        (page.parent / link).resolve()
        for page in pages
        for link in re.findall(r'(?:src="|\]\()([^")\s:]+)', page.read_text("utf-8"))
    ]
    pictures = {path for path in (ROOT / "docs").rglob("*") if path.suffix in PICTURES}
    assert pictures == {link for link in links if link.suffix in PICTURES}


def run_notebook(name, folder):
    """Execute a notebook in a folder, and return it with its outputs."""
    book = nbformat.read(ROOT / "docs" / "notebooks" / f"{name}.ipynb", as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in book.cells), "has outputs"
    return NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


def shown(book, kind):
    """Return what the cells of a notebook show, as "text/plain" or another kind of data."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    streams = [
        output["text"] for output in outputs if output["output_type"] == "stream" and kind == "text/plain"
    ]
    return streams + [output["data"][kind] for output in outputs if kind in output.get("data", {})]


# The build of the site executes the notebooks too, and fails if a cell does.
@pytest.mark.long
def test_the_notebook_on_data(tmp_path):
    book = run_notebook("evolve-on-data", tmp_path)
    (progress,) = [html for html in shown(book, "text/html") if "<progress" in html]
    assert "generation 60/60" in progress and "evaluations/s" in progress, "it was updated in place"
    (model,) = [html for html in shown(book, "text/html") if ">Model</caption>" in html]
    assert "petal width (cm)" in model and "<svg" in model
    assert int(re.search(r"(\d+)% of 50 flowers", "".join(shown(book, "text/plain")))[1]) >= 90
    assert evaluators.load(tmp_path / "iris.json").classes.tolist() == ["setosa", "versicolor", "virginica"]


@pytest.mark.long
def test_the_notebook_on_players(tmp_path):
    book = run_notebook("evolve-a-player", tmp_path)
    assert any("solved after" in text for text in shown(book, "text/plain"))


@pytest.mark.long
def test_the_notebook_on_neat(tmp_path):
    text = "".join(shown(run_notebook("what-neat-does", tmp_path), "text/plain"))
    by_hand, ours = re.search(r"the distance is (.*)\n(.*), says batchneat", text).groups()
    assert by_hand == ours and float(ours) > 0
    assert "solved after" in text
    assert "best -0.250," in text, "no network without hidden nodes does better"


def test_the_page_on_looking_back(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first, second = blocks("docs/looking-back.md")
    namespace = {}
    exec(first, namespace)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and "Genome(2 inputs" in lines[-1]
    files = set(
        re.findall(r"`([a-z_]+\.(?:csv|npz))`", (ROOT / "docs" / "looking-back.md").read_text("utf-8"))
    )
    assert {path.name for path in tmp_path.iterdir()} == {*files, "growth.gif"} and len(files) == 5
    exec(second, namespace)
    *since, family = capsys.readouterr().out.splitlines()
    assert len(since) == 3 and all("since generation" in line for line in since)
    assert family.endswith("of them born by crossover")


# The pages that a test above runs, with what it checks.
TESTED = set(re.findall(r"\"docs/([\w-]+\.md)\"", Path(__file__).read_text("utf-8"))) | {"export.md"}
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "```python" in path.read_text("utf-8")]


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path.name not in TESTED], ids=lambda path: path.stem
)
def test_the_snippets_of_a_page_run(path, tmp_path, monkeypatch):
    source = "\n".join(blocks(path.relative_to(ROOT)))
    if "neat.activations.register" in source:  # what a process registers stays in its tables
        program = f"exec(compile({source!r}, {str(path)!r}, 'exec'), {{}})"
        run_python("-c", program, folder=tmp_path, timeout=None)
    else:
        monkeypatch.chdir(tmp_path)
        exec(compile(source, str(path), "exec"), {})
