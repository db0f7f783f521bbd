"""Student's t, for errors that are themselves estimated from few numbers."""

import numpy as np


class Student:
    """Student's t with ν degrees of freedom, symmetric about 0.

    With t = √ν·tan θ its density is proportional to cos^(ν−1) θ, which is summed over θ.

    >>> [round(Student(df).quantile(0.95), 3) for df in (1, 2, 10, 1000)]  # as printed in tables
    [12.706, 4.303, 2.228, 1.962]
    >>> round(Student(2).within(4.303), 3)
    0.95
    """

    def __init__(self, freedom: float):
        self._root = freedom**0.5
        self._angle = np.linspace(0.0, np.pi / 2, 50_001)
        density = np.cos(self._angle) ** (freedom - 1)
        sums = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        self._inside = sums / sums[-1]

    def within(self, t: float) -> float:
        """Probability of [−t, t]."""
        return float(np.interp(np.arctan(t / self._root), self._angle, self._inside))

    def quantile(self, inside: float) -> float:
        """The t with this probability within [−t, t]."""
        return float(self._root * np.tan(np.interp(inside, self._inside, self._angle)))
