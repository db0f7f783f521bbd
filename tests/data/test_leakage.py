"""Planted leaks must be caught, and general truths must pass."""

from random import Random

import pytest

from data import load_problems
from data.knowledge import duplicates, leaks, record_of

# Problem, answer, and points that give it away, each in another disguise.
PLANTED = [
    (
        "Find the sum of the squares of all the items in the list.",
        "236",
        [
            "The sum of squares equals 236.",
            "Note that the total comes to two hundred and thirty-six.",
            "The total is two hundred thirty six in all.",
            "The digits of the total are 2, then 3, then 6.",
            "It is 2-3-6, read as one number.",
            "The hundreds digit is two, the tens digit is three and the units digit is six.",
            "Observe that $x_1^2 + \\dots + x_k^2 = 4 \\cdot 59$.",
            "In binary the result is 11101100.",
            "The value is $11101100_2$.",
            "In hexadecimal one gets EC.",
            "One obtains CCXXXVI in Roman numerals.",
            "It is four less than 240.",
            "It falls short of 240 by 4.",
            "The total is twice 118.",
            "Add 200 and 36 for the sum of squares.",
            "The sum is $200 + 36$.",
            "$15^2 + 11$ is what remains.",
            "Squares up to $k$ satisfy $S = 236 + k - k$.",
            "Its prime factorization is $2^2\\cdot 59$.",
            "The value lies strictly between 235 and 237.",
            "Sum is $\\binom{22}{2}+5$.",
            "Compute $5!\\cdot 2 - 4$ at the end.",
        ],
    ),
    (
        "What is the probability?",
        "\\frac{7}{18}",
        [
            "Probability equals $\\frac{7}{18}$.",
            "Seven out of eighteen outcomes are favourable.",
            "The numerator is 7 while the denominator is 18.",
            "The chance is seven eighteenths.",
            "The odds are 7:11 in favour.",
            "The chance is 14/36.",
            "About 38.89% of cases work.",
        ],
    ),
    (
        "What is the value of $p$?",
        "\\frac12",
        [
            "So the value is $0.5$.",
            "Hence $p$ equals one half.",
            "Exactly half of the outcomes work, so p = 50%.",
        ],
    ),
    (
        "What is the value of $x$?",
        "2",
        [
            "Hence $x = 2$.",
            "Therefore x must be two.",
            "The equation forces $x = \\frac{8}{4}$.",
        ],
    ),
    (
        "How many primes are there below n?",
        "2",
        [
            "There are exactly two such primes.",
        ],
    ),
    (
        "Find the smallest such n.",
        "2",
        [
            "The final answer is 2.",
            "It follows that the smallest such number is 2.",
        ],
    ),
    (
        "How many pairs of integers are there?",
        "1",
        [
            "Only one pair works: the number of pairs is 1.",
        ],
    ),
    (
        "Find the area.",
        "6\\sqrt{2}",
        [
            "The triangle has area $6\\sqrt{2}$.",
            "The area is $\\sqrt{72}$.",
            "Six times the square root of two is the area.",
            "The area is about 8.485.",
        ],
    ),
    (
        "Find the circumference.",
        "20\\pi",
        [
            "Its circumference is twenty pi.",
        ],
    ),
    (
        "Find the equation of the line.",
        "y = 2x + 3",
        [
            "The line is $y=2x+3$.",
        ],
    ),
    (
        "Find the vertex.",
        "(15,-29)",
        [
            "The vertex is at (15, -29).",
            "Its first coordinate is 15 and its second is minus 29.",
        ],
    ),
    (
        "Which direction is she facing when she finishes her spin?",
        "east",
        [
            "She ends up facing east.",
            "The direction is east.",
        ],
    ),
    (
        "Which student has the greatest speed?",
        "\\text{Evelyn}",
        [
            "The answer is \\text{Evelyn}.",
            "The student with the greatest speed is Evelyn.",
        ],
    ),
    (
        "Find the ratio N/M.",
        "$2^{k-n}$",
        [
            "The ratio simplifies to $2^{k-n}$.",
            "The ratio is \\[ N/M = 2^{k - n} \\]",
        ],
    ),
    (
        "For what values of x?",
        "x \\in [-2,7]",
        [
            "The solution set is $x\\in[-2,7]$.",
            "x runs from -2 to 7.",
        ],
    ),
    (
        "Find the temperature.",
        "-12",
        [
            "The temperature is minus twelve.",
        ],
    ),
    (
        "Find n.",
        "4",
        [
            "$\\boxed{4}$",
        ],
    ),
    (
        "Find the number of eggs.",
        "12",
        [
            "It is a dozen.",
        ],
    ),
    (
        "Find the total.",
        "1600",
        [
            "Sixteen hundred is the total.",
            "The total is 1,600.",
            "The total is $1.6\\times 10^3$.",
            "The number is 40 squared.",
        ],
    ),
    (
        "Find the sum.",
        "55",
        [
            "5 5 are the digits.",
            "Sum is 5·11.",
            "It equals 55.0.",
            "the 55th",
            "The sum is fifty–five.",
            "The sum is ５５.",
            "The sum is F-I-F-T-Y F-I-V-E.",
            "The sum is 1+2+...+10 = 55.",
            "sum = 5 5",
        ],
    ),
    (
        "Find the number of positive integers n less than or equal to 2024 for which Bob wins.",
        "809",
        [
            "Counting gives eight hundred nine losing positions.",
        ],
    ),
    (
        "Find the number of n for which Bob wins.",
        "809",
        [
            "The number of losing positions is $405 + 404$.",
            "There are 810 - 1 of them.",
            "One fewer than 810 positions are losing.",
            "In base 8 the count reads 1451.",
            "The count, $\\text{809}$, follows from periodicity.",
            "Bob has 0809 good values.",
        ],
    ),
    (
        "Find the sum of the elements of A.",
        "55",
        [
            "The required sum of elements is fifty-five.",
            "$4+6+7+8+9+10+11 = 55$ because of the binary digits.",
        ],
    ),
    (
        "Bob's list has 2024 sets. Find the sum of the elements of A.",
        "55",
        [
            "Since $2024 = 2^3+2^5+\\dots$, the elements add to $55$.",
        ],
    ),
    (
        "Find the area.",
        "9\\sqrt{15}",
        [
            "The area equals nine root fifteen, i.e. $9\\sqrt{15}$.",
            "The area is $\\sqrt{1215}$.",
            "Area: $9 \\cdot 15^{1/2}$.",
            "The area is 34.857.",
        ],
    ),
    (
        "What is the ratio?",
        "1-\\frac{2}{\\pi}",
        [
            "The ratio is $1 - 2/\\pi$.",
            "The ratio is $\\frac{\\pi-2}{\\pi}$.",
        ],
    ),
    (
        "For what values of $x$?",
        "x \\in [-2,7]",
        [
            "The interval is $-2\\le x\\le 7$.",
        ],
    ),
    (
        "Convert the point (0,3) to polar coordinates.",
        "\\left( 3, \\frac{\\pi}{2} \\right)",
        [
            "$r=3$ and $\\theta=\\pi/2$.",
        ],
    ),
    (
        "Compute the product of the complex numbers.",
        "1 - 12i",
        [
            "The complex number equals $1-12i$.",
            "Real part one, imaginary part minus twelve.",
        ],
    ),
    (
        "Find the matrix.",
        "\\begin{pmatrix} 1/5 \\\\ -18/5 \\end{pmatrix}",
        [
            "The matrix has entries 1/5 and -18/5.",
        ],
    ),
    (
        "What is the price?",
        "\\$36",
        [
            "The price is thirty-six dollars.",
            "The price is \\$36.00.",
        ],
    ),
    (
        "Find the angle.",
        "145^\\circ",
        [
            "The angle is 145 degrees.",
            "Its supplement is 35 degrees, so the angle is 180 minus 35.",
        ],
    ),
    (
        "Find the polynomial.",
        "x^2+3x-4",
        [
            "The polynomial is $x^2+3x-4$.",
        ],
    ),
    (
        "Find the probability.",
        "\\frac58",
        [
            "The probability is 62.5 percent.",
            "The probability is 0.625.",
        ],
    ),
    (
        "Find the probability.",
        "62.5%",
        [
            "The probability is five eighths.",
            "Five in eight tries succeed.",
        ],
    ),
    (
        "How many arrangements are there?",
        "28800",
        [
            "There are $6!\\cdot 40$ arrangements.",
            "There are 28,800 arrangements.",
            "There are 28 800 arrangements.",
            "There are $2.88 \\times 10^4$ arrangements.",
        ],
    ),
    (
        "How many real solutions does the equation have?",
        "3",
        [
            "The number of real solutions is three.",
            "The equation has exactly three real solutions.",
        ],
    ),
    (
        "Find k.",
        "1",
        [
            "Conclude that $k = 1$.",
        ],
    ),
    (
        "Find $k$.",
        "1",
        [
            "Hence the value of k equals one.",
        ],
    ),
    (
        "What is the remainder when n is divided by 3?",
        "0",
        [
            "The remainder is therefore 0.",
        ],
    ),
    (
        "Find the greatest common divisor of a and b.",
        "4",
        [
            "The greatest common divisor turns out to be 4.",
        ],
    ),
    (
        "Find all pairs (p,q).",
        "$(3,2)$",
        [
            "The two numbers are 3 and 2.",
        ],
    ),
    (
        "Find all pairs $(p,q)$.",
        "$(3,2)$",
        [
            "p = 3, q = 2.",
        ],
    ),
    (
        "Let the function f satisfy the equation. Find f(2024).",
        "2^{99}",
        [
            "f takes the value $2^{99}$ there.",
            "f(2024) is two to the ninety-ninth power.",
            "f(2024) is $4^{49}\\cdot 2$.",
            "f(2024) is half of $2^{100}$.",
        ],
    ),
    (
        "Let the function f satisfy the equation. Find f(2024).",
        "\\frac{2025}{101}",
        [
            "Compute \\(\\dfrac{2025}{101}\\) last.",
            "The mixed number $20\\frac{5}{101}$ is obtained.",
            "It is the fraction with 2025 on top and 101 below.",
        ],
    ),
    (
        "Let the function f satisfy the equation. Find f(2024).",
        "-984",
        [
            "Negative nine hundred eighty-four is the value.",
            "The value is $-(1000-16)$.",
            "The value's absolute value is 984 and it is negative.",
        ],
    ),
    (
        "At a party every pair shakes hands. How many handshakes are there?",
        "1860",
        [
            "In total there are one thousand eight hundred sixty handshakes.",
            "All in all 61·60/2... wait, 62*60/2 shakes.",
        ],
    ),
    (
        "How many handshakes are there?",
        "1860",
        [
            "Handshakes: 186 times ten.",
            "The count exceeds 1800 by 60.",
            "Roman: MDCCCLX handshakes.",
            "The count in base two is 11101000100.",
            "The total is eighteen hundred and sixty.",
            "Take 2000, subtract 140.",
            "Subtracting 140 from 2000 leaves the number.",
        ],
    ),
    (
        "What fraction of the trip?",
        "\\frac{4}{9}",
        [
            "Speed is 0.4 recurring, i.e. four ninths.",
            "It is $\\tfrac{8}{18}$ of the trip.",
            "It is $4 \\div 9$.",
            "44.4% of the trip.",
        ],
    ),
    (
        "Evaluate the limit.",
        "e^2",
        [
            "The value is $e^{2}$ exactly.",
        ],
    ),
    (
        "Find all n.",
        "1,2,5",
        [
            "The set is $\\{1,2,5\\}$.",
            "n may be 1, 2 or 5.",
            "$n=5$ works.",
        ],
    ),
    (
        "Find the real root.",
        "-1",
        [
            "Minus one is the only root.",
            "The root is $-1$.",
        ],
    ),
    (
        "Find $x$.",
        "-1",
        [
            "$x = -1$ solves it.",
        ],
    ),
    (
        "How many solutions are there?",
        "0",
        [
            "The answer: zero.",
            "There are no solutions, i.e. 0 solutions.",
        ],
    ),
    (
        "Find the minimum.",
        "\\sqrt{3}",
        [
            "The minimum equals $\\sqrt 3$.",
            "The minimum equals the square root of three.",
            "The minimum is about 1.732.",
        ],
    ),
    (
        "Find the remainder.",
        "6",
        [
            "The remainder on division is six.",
            "$2^{100} \\equiv 6 \\pmod{10}$.",
        ],
    ),
    (
        "Find the units digit.",
        "6",
        [
            "Notice the units digit 6.",
        ],
    ),
    (
        "How much does Bill pay?",
        "\\$12.50",
        [
            "He pays twelve and a half dollars.",
            "He pays $12.5.",
        ],
    ),
    (
        "Which of the following is true? (A) x (B) y (C) z",
        "C",
        [
            "The correct choice is (C).",
            "Choose option C.",
        ],
    ),
    (
        "Find the limit.",
        "\\frac{3}{7}",
        [
            "The sequence tends to 3/7 as n grows.",
            "$\\lim a_n=\\frac{6}{14}$",
        ],
    ),
    (
        "Find the angle in degrees.",
        "36^\\circ",
        [
            "The angle measures $\\frac{\\pi}{5}$, i.e. 36 degrees.",
        ],
    ),
    (
        "Find $f(x)$.",
        "3x-7",
        [
            "The function is $f(x)=3x-7$.",
        ],
    ),
]
LEAKS = [(point, problem, answer) for problem, answer, points in PLANTED for point in points]

# True statements that hold the problem's (common) answer without giving it away.
GENERAL = [
    ("On the line $y + x = 4$ one coordinate falls as the other rises.", "What is $x$?", "4"),
    ("The discriminant of $ax^2+bx+c$ is $b^2-4ac$.", "Find the smallest such n.", "4"),
    ("A number is even if it is divisible by 2.", "How many primes are there below n?", "2"),
    ("Every quadratic has at most two roots.", "Find the area of the triangle.", "2"),
    ("The Pythagorean theorem: $a^2+b^2=c^2$.", "What is the length of $BC$?", "2"),
    ("The angles of a triangle sum to $180^\\circ$.", "Find the perimeter.", "180"),
    ("The area of a triangle is $\\frac{1}{2}bh$.", "What is the probability that it rains?", "\\frac{1}{2}"),
    ("$\\sin(30^\\circ) = \\frac12$.", "Compute the ratio of the areas.", "\\frac12"),
    ("The circumference of a circle is $2\\pi r$.", "Find the angle in radians.", "2\\pi"),
    ("For the polynomial $x^3$ the derivative is $3x^2$.", "How many solutions are there?", "3"),
    ("A cubic has three roots, counted with multiplicity.", "Find the largest prime factor.", "3"),
    ("One of the numbers must be odd.", "Find the sum of the digits.", "1"),
    ("In base 10, a number's remainder modulo 9 is that of its digit sum.", "Find the height of the tower.", "10"),
    ("Two lines are parallel if their slopes are equal: $m_1 = m_2$.", "Find the slope of the line.", "2"),
    ("A product of two negative numbers is positive.", "Find $(a,b)$.", "(2,5)"),
    ("An even function satisfies $f(-x)=f(x)$.", "Which student has the greatest speed?", "\\text{Evelyn}"),
    ("The slope-intercept form is $y = mx + b$.", "Find the equation of the line.", "y = 2x + 3"),
    ("The sum of the squares of the first $n$ integers is $n(n+1)(2n+1)/6$.", "Find the sum of the squares.", "236"),
    ("By the binomial theorem $(1+x)^n = \\sum \\binom{n}{k} x^k$.", "Find the ratio N/M.", "$2^{k-n}$"),
]


def kinds(*arguments, **options):
    return {leak.kind for leak in leaks(*arguments, **options)}


@pytest.mark.parametrize(("point", "problem", "answer"), LEAKS)
def test_a_planted_leak_is_caught(point, problem, answer):
    assert "answer" in kinds(point, problem, answer)


def test_enough_leaks_are_planted():
    assert len(set(LEAKS)) == len(LEAKS) >= 150
    assert len(PLANTED) >= 30  # different problems


@pytest.mark.parametrize(("point", "problem", "answer"), GENERAL)
def test_a_common_answer_does_not_condemn_a_general_truth(point, problem, answer):
    assert leaks(point, problem, answer) == []


def test_the_released_form_is_read_without_its_headings():
    point = "**Knowledge Point**: Sums of squares.\n   **Key Considerations**: Here it is 236."
    (leak,) = leaks(point, "Find the sum.", "236")
    assert str(leak) == "answer: 236 in 'here it is 236.'"


def test_a_caller_may_bring_its_own_equality():
    def equal(gold, met):  # polynomials as functions, compared at five places
        def at(formula, x):
            return eval(formula.replace("^", "**").replace("2x", "2*x").replace(")(", ")*("), {"x": x})

        try:
            return all(at(gold, x) == at(met, x) for x in (-2, 0, 1, 3, 7))
        except (SyntaxError, NameError):
            return False

    arguments = ("Note the factors $(x+4)(x-1)$.", "Find the polynomial.", "x^2+3*x-4")
    assert leaks(*arguments) == []
    assert kinds(*arguments, equal=equal) == {"answer"}
    assert leaks("Note the factors $(x+4)(x-2)$.", *arguments[1:], equal=equal) == []


def test_equality_is_not_asked_of_common_answers():
    # $y = 2$ in a general truth is equal to the answer 2, and would condemn it.
    assert (
        leaks("Where $\\gcd = 2$, halve both.", "Find the smallest such n.", "2", equal=lambda gold, met: True) == []
    )


@pytest.mark.parametrize(
    ("point", "evidence"),
    [
        ("Use that 2024 is divisible by 8.", ["8 of the problem", "2024 of the problem"]),
        ("Subtract 37 from both sides.", ["37 of the solution"]),
        ("Subtract thirty-seven from both sides.", ["37 of the solution"]),
        ("Multiply by 0.75.", ["0.75 of the problem"]),
        ("Work modulo 9.", []),  # a small number of the solution, and 9 is in many general statements
        ("A full turn has 360 degrees, a right angle 90.", []),
        ("There are 2 cases, or 4 by symmetry.", []),
    ],
)
def test_numbers_of_the_instance_are_found(point, evidence):
    problem = (
        "There are 2024 coins in 8 rows at 0.75 each, turned by 90 or 360 degrees. How many of the 2 or 4 remain?"
    )
    found = leaks(point, problem, "555", "First 37 and then 9 go.")
    assert [leak.evidence for leak in found if leak.kind == "number"] == evidence


def test_names_of_the_instance_are_found():
    problem = "First Alice chooses a set, then Bob lists it. Let Carl be last. Find the sum."
    assert kinds("Let Bob list the sets.", problem, "55") == {"name"}
    assert leaks("List the sets, bobbing along.", problem, "55") == []


def test_eight_words_in_a_row_of_problem_or_solution_are_an_overlap():
    problem = "Find how many ways there are to place coins so that no two of them touch."
    solution = "We count rows by the transfer matrix and raise it to a power."
    assert kinds("Count rows by the transfer matrix and raise it to powers.", problem, "55", solution) == {"overlap"}
    assert leaks("Use the transfer matrix and raise it to powers.", problem, "55", solution) == []  # six in a row
    assert kinds("Look for ways there are to place coins so that all fit.", problem, "55") == {"overlap"}


def test_points_that_say_the_same_are_duplicates():
    points = ["The angles sum to 180 degrees.", "Areas add.", "the angles sum to $180^\\circ$"]
    points.append("To 180 degrees sum the angles")
    assert duplicates(points) == [(0, 2), (0, 3), (2, 3)]
    assert duplicates(["The sum of two odd numbers is even.", "The sum of two even numbers is even."]) == []
    assert duplicates([]) == []


def test_an_empty_answer_is_not_searched_for():
    assert leaks("Any text with 7 in it.", "Find it.", "") == []


def test_no_text_makes_the_checks_fail_or_hang():
    rng = Random(0)
    signs = "\\frac { } ( ) ^ _ ! 9 99999 1.5 sqrt \\sqrt $ one hundred - of x = , binom( percent XIV twice power"
    signs = [*signs.split(), "base 0", "between", "half of", "0x", " ", "\\\\"]
    for _ in range(300):
        point = " ".join(rng.choices(signs, k=rng.randint(0, 60)))
        answer = " ".join(rng.choices(signs, k=rng.randint(0, 6)))
        assert isinstance(leaks(point, "Find x.", answer), list)
    assert leaks("(" * 3000 + "9^9^9^9" + ")" * 3000, "Find x.", "9^{9^{9^9}}") is not None


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "step"),
    [
        *((name, 1) for name in ("aime24", "aime25", "amc23", "brumo25", "cmimc25", "hmmt25")),
        ("math500", 4),
        ("olympiadbench", 5),
    ],
)
def test_nine_in_ten_released_points_pass(shared_data, name, step):
    dataset = load_problems(str(shared_data / "benchmarks" / f"knowrl_kp_{name}.jsonl")).dataset
    records = [record_of(row) for row in dataset]
    solutions = {}
    if name in ("aime24", "aime25", "math500", "olympiadbench"):
        rows = load_problems(str(shared_data / "benchmarks" / f"{name}.jsonl")).dataset
        solutions = {row["problem"]: str(row["solution"] or "") for row in rows}
    found = [
        leaks(point, record.problem, record.answer, solutions.get(record.problem))
        for record in records[::step]
        for point in record.points
    ]
    share = sum(not one for one in found) / len(found)
    assert share >= 0.95  # measured over all points: 96.8 to 99.6 %
