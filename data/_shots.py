r"""Demonstrations for prompts with shots, written for this project: no benchmark holds them.

Each ends with its answer in a box, which a test checks with the verifier. In banks of choices the answer is a letter.
"""

from typing import NamedTuple

from data._shots_chinese import CMATH, GAOKAO_CLOZE, GAOKAO_QA


class Shot(NamedTuple):
    r"""One demonstration.

    Attributes:
        problem: As a benchmark would pose it.
        solution: With the answer in its last ``\boxed{}``.
        answer: The gold.
        choices: The options, none where the answer is computed.
    """

    problem: str
    solution: str
    answer: str
    choices: tuple[str, ...] = ()


GSM8K = [
    Shot(
        "A florist ties 7 bouquets with 6 tulips each and has 8 tulips left. How many tulips did she have at first?",
        r"The bouquets take 7 * 6 = 42 tulips. With the 8 left over she had 42 + 8 = 50 tulips. "
        r"The answer is $\boxed{50}$.",
        "50",
    ),
    Shot(
        "A bus leaves the depot with 18 people. At the first stop 5 get off and 9 get on, at the second half of the "
        "people on board get off. How many people are on the bus then?",
        r"After the first stop there are 18 - 5 + 9 = 22 people. Half of them leave, so 22 / 2 = 11 stay. "
        r"The answer is $\boxed{11}$.",
        "11",
    ),
    Shot(
        "Pens cost $2 each and notebooks cost $5 each. Ravi buys 6 pens and 3 notebooks and pays with two $20 notes. "
        "How much change does he get, in dollars?",
        r"The pens cost 6 * 2 = 12 dollars and the notebooks 3 * 5 = 15 dollars, together 27 dollars. He pays "
        r"2 * 20 = 40 dollars and gets 40 - 27 = 13 dollars back. The answer is $\boxed{13}$.",
        "13",
    ),
    Shot(
        "A tank holds 240 liters. A tap fills 15 liters a minute while a leak loses 3 liters a minute. How many "
        "minutes does it take to fill the empty tank?",
        r"Each minute the tank gains 15 - 3 = 12 liters. It takes 240 / 12 = 20 minutes. The answer is $\boxed{20}$.",
        "20",
    ),
    Shot(
        "Mina is 4 years older than Tom. In 6 years their ages will add up to 40. How old is Mina now?",
        r"In 6 years both together are 12 years older, so their ages now add up to 40 - 12 = 28. Without Mina's 4 "
        r"extra years that would be twice Tom's age: (28 - 4) / 2 = 12. Mina is 12 + 4 = 16. "
        r"The answer is $\boxed{16}$.",
        "16",
    ),
    Shot(
        "A coat costs $80. In a sale its price falls by 25%, and with a voucher by another $10. What does it cost "
        "then, in dollars?",
        r"25% of 80 dollars are 80 * 0.25 = 20 dollars, so the sale price is 80 - 20 = 60 dollars. With the voucher "
        r"it is 60 - 10 = 50 dollars. The answer is $\boxed{50}$.",
        "50",
    ),
    Shot(
        "A baker makes 3 trays of 24 rolls every morning. Two thirds of the rolls are sold, and the rest is packed "
        "into bags of 4. How many bags are there after 5 mornings?",
        r"A morning gives 3 * 24 = 72 rolls. One third of them, 72 / 3 = 24, is left, which fills 24 / 4 = 6 bags. "
        r"After 5 mornings there are 5 * 6 = 30 bags. The answer is $\boxed{30}$.",
        "30",
    ),
    Shot(
        "Lena cycles 12 kilometers an hour for 2 hours and then 9 kilometers an hour until she has gone 42 "
        "kilometers. How many hours is she on the way?",
        r"In the first 2 hours she goes 12 * 2 = 24 kilometers. The other 42 - 24 = 18 kilometers take 18 / 9 = 2 "
        r"hours. Together that is 2 + 2 = 4 hours. The answer is $\boxed{4}$.",
        "4",
    ),
]

MATH = [
    Shot(
        r"Find all real $x$ with $\sqrt{2x+7} = x + 2$.",
        r"Squaring gives $2x + 7 = x^2 + 4x + 4$, so $x^2 + 2x - 3 = 0$ and $(x+3)(x-1) = 0$. The right side must "
        r"not be negative, so $x = -3$ is out, while $x = 1$ gives $\sqrt{9} = 3$. The answer is $\boxed{1}$.",
        "1",
    ),
    Shot(
        "Two fair six-sided dice are rolled. What is the probability that the product of the two numbers is odd? "
        "Express your answer as a common fraction.",
        r"The product is odd exactly if both numbers are, and each is with probability $\frac{1}{2}$. So it is "
        r"$\frac{1}{2} \cdot \frac{1}{2} = \frac{1}{4}$. The answer is $\boxed{\frac{1}{4}}$.",
        r"\frac{1}{4}",
    ),
    Shot(
        r"A right triangle has legs of length $5$ and $12$. What is the radius of its inscribed circle?",
        r"The hypotenuse is $\sqrt{5^2 + 12^2} = 13$. The area is $\frac{1}{2} \cdot 5 \cdot 12 = 30$ and the half "
        r"perimeter $s = \frac{5 + 12 + 13}{2} = 15$. From area $= rs$ we get $r = \frac{30}{15} = 2$. "
        r"The answer is $\boxed{2}$.",
        "2",
    ),
    Shot(
        r"What is the remainder when $3^{2026}$ is divided by $7$?",
        r"Modulo $7$ the powers of $3$ are $3, 2, 6, 4, 5, 1$ and repeat after six. As $2026 = 6 \cdot 337 + 4$, the "
        r"remainder is that of $3^4 = 81 = 7 \cdot 11 + 4$. The answer is $\boxed{4}$.",
        "4",
    ),
]

MMLU_STEM = [
    Shot(
        "A resistor of 6 ohms is connected to a battery of 12 volts without inner resistance. What power does it "
        "turn into heat?",
        r"The power is $P = \frac{U^2}{R} = \frac{(12\,\mathrm{V})^2}{6\,\Omega} = 24$ watts, which is (C). "
        r"The answer is $\boxed{C}$.",
        "C",
        ("2 W", "18 W", "24 W", "72 W"),
    ),
    Shot(
        "What is the derivative of f(x) = x ln(x) at x = 1?",
        r"By the product rule $f'(x) = \ln(x) + 1$, so $f'(1) = 0 + 1 = 1$, which is (B). "
        r"The answer is $\boxed{B}$.",
        "B",
        ("0", "1", "e", "2"),
    ),
    Shot(
        "Which of these changes the rate of an enzyme's reaction without changing its equilibrium constant?",
        "The equilibrium constant depends on the temperature alone. Adding more of the enzyme speeds up both "
        r"directions alike and leaves the temperature as it is, which is (D). The answer is $\boxed{D}$.",
        "D",
        (
            "Heating the mixture",
            "Cooling the mixture",
            "Heating and cooling the mixture in turn",
            "Adding more of the enzyme",
        ),
    ),
    Shot(
        "How many times does binary search compare, at most, to find an entry in a sorted list of 1000 entries?",
        r"Every comparison halves what is left. As $2^9 = 512 < 1000 < 1024 = 2^{10}$, ten comparisons are needed at "
        r"most, which is (A). The answer is $\boxed{A}$.",
        "A",
        ("10", "32", "500", "999"),
    ),
]

SHOTS: dict[str, list[Shot]] = {
    "gsm8k": GSM8K,
    "math": MATH,
    "mmlu_stem": MMLU_STEM,
    "cmath": [Shot(*row) for row in CMATH],
    "gaokao_cloze": [Shot(*row) for row in GAOKAO_CLOZE],
    "gaokao_qa": [Shot(*row) for row in GAOKAO_QA],
}
"""Banks by name, in the order in which they are taken."""
