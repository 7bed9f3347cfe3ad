"""Workers that show whether they were used."""

from neat.kernels import parallel


class CountingWorkers(parallel.Workers):
    """Two threads that count their calls."""

    def __init__(self):
        super().__init__(2)
        self.calls = 0

    def over(self, *arguments, **options):
        self.calls += 1
        super().over(*arguments, **options)
