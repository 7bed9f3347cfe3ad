"""Fitness from episodes in a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from evaluators.checks import as_genome, check_choice, check_count, check_seconds
from evaluators.episodes.episodic_evaluator import (
    TRAINING,
    TRIAL,
    Actions,
    Combine,
    Episodes,
    EpisodicEvaluator,
    Starts,
    check_trial,
)
from evaluators.episodes.observations import Normaliser, Observations, observation_part
from evaluators.gymnasium import watching
from evaluators.gymnasium.factory import check_picklable, make_factory
from evaluators.gymnasium.playing import Interface, play_tasks
from evaluators.gymnasium.spaces import read_actions, read_observations
from evaluators.models import inputs
from evaluators.models.model import Model
from evaluators.pictures.canvas import WIDTH
from evaluators.pictures.film import MOST_STEPS, Film, Span
from evaluators.thread_guard import Exclusive
from neat.genome.genome import Genome, Genomes
from neat.kernels import parallel, rng
from neat.kernels.jit import kernel
from neat.processes.worker_processes import retry_lost_work

if TYPE_CHECKING:
    import gymnasium

    from evaluators.gymnasium.factory import Make
    from evaluators.gymnasium.vector import Vector

_DEFAULT_SLOTS = 32  # with "sync"; more hardly reduce the time of a step
_DEFAULT_TIMEOUT = 300.0  # seconds


class Gymnasium(EpisodicEvaluator):
    """Fitness of genomes that act in a Gymnasium environment, over several episodes.

    Gymnasium must be able to flatten the observations (Discrete ones become one-hot). Actions must be a Box, Discrete,
    MultiDiscrete or MultiBinary. A `reset` with a seed must restore the environment fully; then the same genomes, seed
    and generation give the same rewards with any number of slots.

    Each number of a Box action has one output: the range of its activation (`neat.activations.Activation.low` and
    `high`) is mapped linearly to the number's bounds; if these are infinite, the number is the output itself. A choice
    among integers has one output per integer with `actions="argmax"`, and the integer with the greatest output is
    taken. With `"threshold"`, it has one output, and its activation's range is divided evenly among the integers. A NaN
    output counts as the lowest.

    Args:
        environment: An id for `gymnasium.make`, or a function without arguments that makes a new environment each time.
        episodes: Episodes of each genome.
        starts: "generation": all genomes of a generation have the same random starts; "genome": each has its own. Both
            depend only on the run's seed and the generation, and differ between generations.
        combine: How the rewards of episodes become a fitness.
        observations: "scaled": finite bounds of a Box are mapped to ±1; "raw": observations are unchanged;
            "normalised": by the mean and the standard deviation of all observations of earlier generations, and limited
            to ±10. Then make an evaluator for each run, since it keeps updating them.
        actions: How outputs choose an integer, "argmax" or "threshold".
        time_limit: Steps after which an episode is cut off, in addition to the environment's own limit. Without any
            limit an episode can run forever; a warning is logged every 100,000 steps.
        slots: Number of environments that are stepped side by side. By default 32; with "async", one for each core.
        vectorization_mode: "sync": the environments are in this process; "async": each is in its own process, which
            pays off if a step takes longer than a message to a process and back (about 0.3 ms). The processes start
            with the first call. They end with `close`, with the `with` block, or with this process. If one dies or
            takes too long, all are replaced and the call's episodes are repeated, at most
            `neat.processes.worker_processes.RETRIES` times; the rewards do not depend on this. For a fast environment
            on many cores, a `PerGenome` whose function runs whole episodes is faster.
        timeout: With "async", seconds that a process may take for a step or a reset. By default 300.
        **arguments: Further arguments of `gymnasium.make`, such as `continuous=True`.

    Attributes:
        name: The environment's name.
        step_duration: Seconds of a step, which MuJoCo's environments know; None: unknown.
        num_inputs: Inputs that the networks must have.
        num_outputs: Outputs that the networks must have.
        last: The Episodes of the last call.
        steps: Environment steps of all calls so far, without those in `play` and `validate`.

    Raises:
        ImportError: Gymnasium, or a package that the environment needs, is not installed.
        ValueError: An argument or the environment's id is unknown, or its spaces cannot be used.
    """

    def __init__(
        self,
        environment: str | Callable[[], gymnasium.Env[Any, Any]],
        episodes: int = 1,
        *,
        starts: Starts = "generation",
        combine: Combine = "mean",
        observations: Observations = "scaled",
        actions: Actions = "argmax",
        time_limit: int | None = None,
        slots: int | None = None,
        vectorization_mode: Literal["sync", "async"] = "sync",
        timeout: float | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(episodes, starts, combine, actions)
        check_choice("observations", observations, get_args(Observations))
        check_choice("vectorization_mode", vectorization_mode, ("sync", "async"))
        for name, value in (("time_limit", time_limit), ("slots", slots)):
            if value is not None:
                check_count(name, value)
        if timeout is not None:
            check_seconds("timeout", timeout)
            if vectorization_mode == "sync":
                raise ValueError(
                    "timeout: needs vectorization_mode 'async', since only processes can be ended, got 'sync'"
                )
        self.vectorization_mode = vectorization_mode
        self.timeout = float(timeout or _DEFAULT_TIMEOUT)
        self.slots = int(
            slots or (_DEFAULT_SLOTS if vectorization_mode == "sync" else parallel.get_threads())
        )
        self._vector: Vector | None = None
        self._make, self._make_rendering, example = make_factory(environment, arguments, time_limit)
        self.name = example.spec.id if example.spec else type(example.unwrapped).__name__
        seconds = getattr(example.unwrapped, "dt", None)
        self.step_duration = seconds if isinstance(seconds, float) else None
        self._in_use = Exclusive(
            f"{self.name}: another thread is using this evaluator's environments; make an evaluator for each thread"
        )
        try:
            self._fixed_inputs = read_observations(example.observation_space, observations == "scaled")
            self._outputs = read_actions(example.action_space, actions)
        finally:
            example.close()
        if observations == "normalised":
            self._normaliser = Normaliser(len(self._fixed_inputs.offset))
        self._check_makes_new(example)
        if vectorization_mode == "async":
            check_picklable(self._make)

    @property
    def num_inputs(self) -> int:
        """Inputs that the networks must have."""
        return len(self._fixed_inputs.offset)

    @property
    def num_outputs(self) -> int:
        """Outputs that the networks must have."""
        return self._outputs.num_outputs

    def model(self, champion: Genome) -> Model:
        """Return a model that acts with a genome as this evaluator lets it act. It needs no Gymnasium.

        It takes flat observations: those of a Box of any shape as one row of numbers, others as
        `gymnasium.spaces.flatten` returns them.

        Raises:
            ValueError: The genome has other inputs or outputs, or observations are normalised and none has been seen.
        """
        self._check_genomes(as_genome("champion", champion).genomes)
        self._check_statistics()
        return Model(champion, self._inputs, self._outputs)

    def trace(self, genome: Genome | Model, trial: int = 0) -> watching.GymnasiumTrace:
        """Run the first episode of `play` with this trial in an environment of its own, and return it step by step.

        Raises:
            ValueError: `play` would raise it.
            RuntimeError: `play` would raise it.
        """
        check_trial(trial)
        _, trace = self._trace(genome, trial, self._make)
        return trace

    def record(
        self,
        genome: Genome | Model,
        path: str | Path,
        trial: int = 0,
        width: int = WIDTH,
        seconds: float | None = None,
        steps: int | None = None,
    ) -> None:
        """Write a film of the episode that `trace` returns, as the environment renders it.

        The environment is made with `render_mode="rgb_array"`; a function that you gave must do so itself. Of a longer
        episode than `steps`, the film shows the last ones if the task ended it, else the first.

        Args:
            genome: The genome; or a model, as for `play`.
            path: The file: .gif, which is kept below 500 kB if need be with fewer frames, colours and pixels; or .mp4,
                if the program ffmpeg is installed.
            trial: Selects the start, as in `play`.
            width: The width in pixels, unless that makes the film higher than three quarters of it.
            seconds: The duration; None: about 6 seconds, but at most 25 frames a second. A GIF with more than 50 frames
                a second would be slow in browsers, and takes longer instead. The last frame is held for another 1.2
                seconds.
            steps: The most steps to show; None: 338 in a GIF, which then skips every other step, so that gaits are
                seen, or 1,000 in an .mp4.

        Raises:
            ValueError: `trace` would raise it, an argument is out of range, or the environment does not render.
            RuntimeError: The environment failed to render: often, a package or a display is missing.
        """
        film = Film(path, width, seconds, steps)
        trace = self.trace(genome, trial)
        most = film.most_steps or min(2 * (film.most_frames - 1), MOST_STEPS)
        span = Span.of(len(trace.reward), trace.terminated, most=most)
        chosen = [int(step) for step in film.choose_steps(span)]
        try:
            with watching.rendering_offscreen():
                frames, _ = self._trace(genome, trial, self._make_rendering, chosen)
        except Exception as error:  # renderers fail in many ways on a machine without a display
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RuntimeError(f"{self.name} was not rendered: {reason}") from error
        film.write_pictures([frames[step] for step in chosen], [span.caption(step) for step in chosen])

    def _trace(
        self, genome: Genome | Model, trial: int, make: Make, rendered: Sequence[int] = ()
    ) -> tuple[dict[int, np.ndarray], watching.GymnasiumTrace]:
        """Run an episode; return the pictures of the steps to be rendered, and the record of all steps."""
        from evaluators.gymnasium.vector import open_vector

        if isinstance(genome, Model):
            batch, own = genome.genome.genomes, self._check_model(genome)
        else:
            batch = as_genome("genome", genome).genomes
            self._check_genomes(batch)
            self._check_statistics()
            own = self._inputs
        vector: Any = open_vector(make, 1, None)
        try:
            if rendered:
                watching.prepare_rendering(vector.envs[0])
            tracer = watching.Tracer(vector.envs[0], rendered)
            seeds = self._draw(batch, 1, TRIAL + trial)
            played = play_tasks(vector, batch, seeds, self._interface(own), tracer)
            return tracer.frames, tracer.trace(bool(played.terminated[0, 0]))
        finally:
            vector.close()

    def _interface(self, own: inputs.Observations) -> Interface:
        return Interface(self.name, own, self._outputs)

    def close(self) -> None:
        """Close the environments and end the worker processes; another call makes new ones."""
        if self._vector is not None:
            vector, self._vector = self._vector, None
            vector.close()

    def __enter__(self) -> Gymnasium:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _inputs(self) -> inputs.Observations:
        """How observations become inputs now."""
        return self._fixed_inputs if self._normaliser is None else observation_part(self._normaliser.senses())

    def _play_measured(self, genomes: Genomes, episodes: int, trial: int) -> tuple[Episodes, np.ndarray]:
        self._check_genomes(genomes)
        training = trial == TRAINING
        if not training:
            self._check_statistics()
        is_measured = self._normaliser is not None and training
        with self._in_use:
            own = self._inputs
            moments = watching.Moments(own, len(genomes) * episodes if is_measured else 0)
            seeds = self._draw(genomes, episodes, trial)
            played = self._play_seeds(genomes, seeds, own, moments if is_measured else None)
        shape = (len(genomes) if is_measured else 0, episodes, *moments.values.shape[1:])
        return played, moments.values.reshape(shape)

    def _play_model(self, model: Model, episodes: int, trial: int) -> Episodes:
        part = self._check_model(model)
        with self._in_use:
            return self._play_seeds(
                model.genome.genomes, self._draw(model.genome.genomes, episodes, trial), part
            )

    def _check_model(self, model: Model) -> inputs.Observations:
        """Return the first part of a model; raise a ValueError if the model is not for this environment."""
        if self._normaliser is None:
            self._check_part("inputs", model.inputs, self._fixed_inputs)
        return self._check_parts(model, self._outputs)

    def _draw(self, genomes: Genomes, episodes: int, trial: int) -> np.ndarray:
        """Return the seeds of the episodes, int64 (genomes, episodes)."""
        seeds = np.empty((len(genomes), episodes), np.int64)
        _draw_seeds(*self._start_key(genomes, trial), trial, genomes.first, seeds)
        return seeds

    def _play_seeds(
        self,
        genomes: Genomes,
        seeds: np.ndarray,
        own: inputs.Observations,
        watcher: watching.Moments | None = None,
    ) -> Episodes:
        def play() -> Episodes:
            try:
                if watcher is not None:
                    watcher.clear()
                return play_tasks(self._open_vector(), genomes, seeds, self._interface(own), watcher)
            except BaseException:
                self.close()
                raise

        return retry_lost_work(play, self.name)

    def _open_vector(self) -> Vector:
        from evaluators.gymnasium.vector import is_usable_here, open_vector

        if self._vector is None or not is_usable_here(self._vector):
            timeout = self.timeout if self.vectorization_mode == "async" else None
            self._vector = open_vector(self._make, self.slots, timeout)
        return self._vector

    def _check_makes_new(self, example: gymnasium.Env[Any, Any]) -> None:
        """Raise a ValueError if the factory returns the same environment again."""
        from evaluators.gymnasium.vector import check_distinct

        another = self._make()
        try:
            check_distinct([example, another])
        finally:
            another.close()


@kernel(allocates=False)
def _draw_seeds(seed, generation, common, trial, first, seeds):
    """Fill `seeds`, int64 (genomes, episodes), with integers below 2^31."""
    for genome in range(seeds.shape[0]):
        individual = 0 if common else first + genome + 1
        for episode in range(seeds.shape[1]):
            word, _, _, _ = rng.block(seed, generation, individual, rng.EVALUATION + trial, episode)
            seeds[genome, episode] = word >> np.uint64(1)
