"""Properties of equality, on random answers with a fixed seed."""

import json
import random
import subprocess
import sys
from fractions import Fraction

import pytest
import sympy

from rewards import verify
from rewards.judge import judge
from rewards.normalize import canonical
from rewards.verifier import Undecided, quick


def box(answer):
    return f"\\boxed{{{answer}}}"


def spellings_of_whole(number):
    """Ways to write an integer of at least 1000 in size; the list is the specification."""
    sign, digits = ("-" if number < 0 else ""), f"{abs(number):,}"
    return [
        f"{number}",
        f"{sign}{digits}",
        sign + digits.replace(",", "{,}"),
        sign + digits.replace(",", ",\\!"),
        sign + digits.replace(",", "\\,"),
        sign + digits.replace(",", " "),
        f"${number}$",
        f"{number}.0",
        f"\\displaystyle {number}.",
        f"{number}\\text{{ units}}",
        f"x = {number}",
        f"\\frac{{{3 * number}}}{{3}}",
        f"{number - 7} + 7",
    ]


def spellings_of_fraction(value):
    """Ways to write a fraction with a denominator of 2, 4, 5, 8 or 10 and a size above 1."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    top, bottom = size.numerator, size.denominator
    whole, rest = divmod(top, bottom)
    return [
        f"{sign}\\frac{{{top}}}{{{bottom}}}",
        f"\\dfrac{{{sign}{top}}}{{{bottom}}}",
        f"{sign}{top}/{bottom}",
        f"{sign}{float(size)}",
        f"{sign}{whole}\\frac{{{rest}}}{{{bottom}}}",
        f"{sign}{whole} {rest}/{bottom}",
        f"{sign}\\frac{{{7 * top}}}{{{7 * bottom}}}",
        f"y={sign}{top}\\cdot\\frac1{{{bottom}}}",
    ]


def test_a_pair_in_round_brackets_is_no_union_but_a_union_may_be_an_interval():
    assert judge("(1,5)", box(r"(1,3]\cup(2,5)")) == 0.0  # the gold may be a point
    assert judge(r"(1,3]\cup(2,5)", box("(1,5)")) == 1.0
    assert judge("(1,5)", box("1<x<5")) == 1.0


def test_an_empty_set_is_equal_to_one_that_is_written_so():
    assert judge(r"\emptyset", box("x^2<0")) == judge("x^2<0", box(r"\emptyset")) == 1.0
    assert judge(r"\emptyset", box("1 and 2")) == 0.0
    assert judge("x=1", box("x^2<0")) == 0.0


def test_the_spelling_of_an_integer_changes_no_verdict():
    rng = random.Random(1)
    for _ in range(25):
        number = rng.choice([-1, 1]) * rng.randrange(1000, 10**9)
        forms = spellings_of_whole(number)
        for form in forms:
            gold = rng.choice(forms)
            assert judge(gold, box(form)) == 1.0, (gold, form)
            other = rng.choice(spellings_of_whole(number + rng.choice([-1000, -1, 1, 10])))
            assert judge(other, box(form)) == 0.0, (other, form)


def test_the_spelling_of_a_fraction_changes_no_verdict():
    rng = random.Random(2)
    for _ in range(25):
        bottom = rng.choice([2, 4, 5, 8, 10])
        value = rng.choice([-1, 1]) * Fraction(bottom * rng.randrange(1, 50) + 1, bottom)
        other = value + Fraction(1, bottom) * rng.choice([-1, 1, 3])
        forms = spellings_of_fraction(value)
        for form in forms:
            assert judge(rng.choice(forms), box(form)) == 1.0, (value, form)
            assert judge(f"\\frac{{{other.numerator}}}{{{other.denominator}}}", box(form)) == 0.0, (other, form)


def test_decimals_are_exact_up_to_five_places():
    rng = random.Random(3)
    for _ in range(200):
        places = rng.randrange(1, 6)
        value = Fraction(rng.randrange(1, 10**7), 10**places)
        near = value + Fraction(1, 10**places)
        gold, answer = (f"{float(number):.{places}f}" for number in (value, near))
        assert judge(gold, box(answer)) == judge(answer, box(gold)) == 0.0
        assert judge(gold, box(gold + "0")) == 1.0


def test_a_rearranged_polynomial_is_equal_and_a_changed_one_is_not():
    rng = random.Random(4)
    x, y = sympy.symbols("x y")
    for _ in range(25):
        factors = [rng.randrange(1, 9) * x + rng.randrange(-9, 10) * y + rng.randrange(-9, 10) for _ in range(2)]
        product = factors[0] * factors[1]
        gold, answer = sympy.latex(product), sympy.latex(sympy.expand(product))
        changed = sympy.latex(sympy.expand(product) + rng.choice([x, y, 1, -1, x * y]))
        assert judge(gold, box(answer)) == judge(answer, box(gold)) == 1.0, (gold, answer)
        assert judge(gold, box(changed)) == judge(changed, box(gold)) == 0.0, (gold, changed)


POOL = [
    *("5", "-5", "5.0", "10/2", "0.5", r"\frac12", r"50\%", "50", r"5\text{ cm}", r"5\text{ m}", "5^\\circ", "5_7"),
    *("1,2", "2,1", "(1,2)", r"\{1,2\}", "[1,2]", "[1,2)", "1,2,2", "1 and 2", "1,002", "1, 002", "x=5", "y=5"),
    *("x<2", "(-\\infty,2)", "x>2", "A", "B", "(A)", r"\text{(A)}\ 5", "AB", r"\text{yes}", "no", "1:2", "2:4"),
    *(r"\pm 1", "1,-1", "x^2-1", "(x-1)(x+1)", "y=x+1", "x-y+1=0", "i", "1+i", r"\sqrt2", "9页", "12:30"),
    *(r"\emptyset", r"\infty", r"3\frac12", "3.5", "", r"\frac{1}{", r"\approx 5"),
    r"\begin{pmatrix}1\\2\end{pmatrix}",
]  # fmt: skip


def test_quick_never_differs_from_algebra():
    decided = 0
    for gold in POOL:
        for answer in POOL:
            verdict = quick(gold, box(answer))
            if not isinstance(verdict, Undecided):
                decided += 1
                assert verdict == judge(gold, box(answer)), (gold, answer)
    assert decided > len(POOL) ** 2 / 3  # or this says little


def test_quick_knows_more_of_a_gold_that_can_be_read():
    for gold in POOL:
        if judge(gold, "") is not None:
            assert quick(gold, "", readable=True) == 0.0
            assert quick(gold, box(gold), readable=True) == 1.0, gold
            for answer in POOL:
                verdict = quick(gold, box(answer), readable=True)
                assert isinstance(verdict, Undecided) or verdict == judge(gold, box(answer)), (gold, answer)


def test_equality_of_the_pool_is_symmetric():
    """It holds no equation with a compound left side, which its right side answers and not the other way round."""
    readable = [answer for answer in POOL if judge(answer, "") is not None]
    for gold in readable:
        for answer in readable:
            assert judge(gold, box(answer)) == judge(answer, box(gold)), (gold, answer)


def test_canonical_spelling_is_settled():
    for answer in POOL:
        assert canonical(canonical(answer)) == canonical(answer), answer


PIECES = [
    *(
        r"\frac",
        r"\sqrt",
        r"\{",
        r"\}",
        r"\le ",
        r"\pm ",
        r"\cup ",
        r"\text{",
        r"\text{cm}",
        r"\%",
        r"\infty ",
        r"\in ",
    ),
    *(
        r"\approx ",
        r"\overline{",
        r"\circ ",
        r"\sum_{k=1}^{n}",
        r"\int ",
        r"\mid ",
        r"\binom",
        r"\boxed{",
        "\\\\",
        "(A) ",
    ),
    *(" and ", " apples ", "页", *"{}()[],;12.xyE=<&^_%:'$-+!| ", "23", "000"),
]


def test_no_text_raises():
    rng = random.Random(5)
    texts = ["".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 14))) for _ in range(300)]
    golds = [rng.choice(["5", "(1,2)", "x+1", "x>1", "1,2", text]) for text in texts]
    for extraction in ("boxed", "lenient"):
        verdicts = verify(golds, [box(text) + text for text in texts], extraction=extraction)
        assert set(verdicts) <= {0.0, 1.0, None}


def test_the_process_that_trains_imports_neither_sympy_nor_torch():
    program = (
        "import json, sys, rewards;"
        "print(json.dumps([name for name in ('sympy', 'torch', 'math_verify') if name in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("answer", ["1,2", "1;2", "1 and 2", "1 or 2", "1、2", "1和2", "$1$, $2$", "{1,2}"])
def test_lists_are_written_in_many_ways(answer):
    assert judge("1,2", box(answer)) == judge(answer, box("2,1")) == 1.0
    assert judge("1,3", box(answer)) == 0.0
