"""Answers that hang, crash or bloat a checker, and texts that are no answers at all. None of them equals `GOLD`."""

GOLD = "x+7"

ENDLESS = [
    r"9^{9^{9}}",
    r"9^{9^{9^{9}}}",
    r"\dfrac{5^{(5^{(5^{(5^5)})}-4)}-5}{16}",
    r"5^{5^{5^{5^5}}}",
    r"2^{2^{2^{2^{2^{2}}}}}",
    r"10^{10^{10}}",
    r"(10^{10})!",
    r"((9!)!)!",
    r"\Gamma(10^8)",
    r"\Gamma(10^{12})",
    r"\binom{10^9}{5 \cdot 10^8}",
    r"2^{2^{100}} \bmod 7",
    r"3^{3^{50}} \bmod 1000",
    r"\gcd(10^{10^7}, 6^{10^7})",
    r"\operatorname{lcm}(10^{10^6}, 6^{10^6}+1)",
    r"\sum_{k=1}^{10^9} \frac{1}{k^k}",
    r"\sum_{k=1}^{10^{10}} \frac{1}{k!}",
    r"\prod_{k=1}^{10^8} (k+x)",
    r"\int_0^1 x^x \sin(x^x) dx",
    r"\int \frac{1}{x^{100}+x+1} dx",
    r"\int e^{x^2} \tan(x) \ln(x) dx",
    r"\lim_{n \to \infty} \frac{n!^{1/n}}{n^{\sin n}}",
    r"(a+b+c+d+e+f)^{200}",
    r"(1+x)^{10^6}",
    r"(x+y+z)^{500} - (z+y+x)^{500} + x",
    r"\sqrt[10^9]{10^{10^9}}",
    r"\sqrt{2+\sqrt{2+\sqrt{2+\sqrt{2+\sqrt{2+\sqrt{2+\sqrt{2+\sqrt{2}}}}}}}}",
    r"\log_{10^{10^6}} 3^{10^7}",
    r"\sin(10^{10^8})",
    r"\cos(\cos(\cos(10^{10^7})))",
    r"\zeta(10^{-300})",
    r"e^{e^{e^{e^{e}}}}",
    r"\lfloor \pi \cdot 10^{100000} \rfloor",
    r"\lceil e^{10^7} \rceil",
    r"0." + "3" * 500 + r"^{10^6}",
    r"x^5+x^4+3x^3-2x^2+x-7=10^{10^6}",
    r"x^{20}+x^{19}+x-1=0",
    r"\sin x=x^{100}",
]

HUGE_NUMBERS = [
    r"\binom{20000}{10000}",
    r"\Gamma(3000)",
    r"\gcd(10^{5000},0)",
    r"2^{20000}",
    r"3000!",
    r"\{1, 10^{5000}\}",
    r"(10^{5000}, 2)",
    r"\begin{pmatrix} 10^{5000} & 1 \\ 0 & 2000! \end{pmatrix}",
    r"x=10^{5000}",
    r"\frac{10^{5000}}{3^{5000}}",
    r"-10^{4301}",
    "7" * 900,
]

DEEP_OR_LONG = [
    "(" * 200 + "x" + ")" * 200,
    "{" * 400 + "5" + "}" * 400,
    "[" * 300 + "]" * 300,
    r"\frac{1}{" * 60 + "5" + "}" * 60,
    r"\sqrt{" * 100 + "5" + "}" * 100,
    "x^{" * 150 + "2" + "}" * 150,
    r"\left(" * 100 + r"\right)" * 100,
    "-" * 900 + "x",
    "+".join(f"x_{{{i}}}" for i in range(140)),
    "abcdefghijklmnopqrstuvwxyz" * 38,
    ",".join(str(i) for i in range(250)),
    r"\{" + ",".join(f"{i}x" for i in range(180)) + r"\}",
    r"\begin{pmatrix}" + r"\\".join("&".join("a" for _ in range(15)) for _ in range(25)) + r"\end{pmatrix}",
    r"\begin{vmatrix}" + r"\\".join("&".join(f"a_{{{i}}}" for i in range(8)) for _ in range(8)) + r"\end{vmatrix}",
    r"|" * 300,
    r"\text{" + "a " * 400 + "}",
    r"5\%" * 200,
    "1=" * 300 + "1",
    "1<" * 300 + "x",
    r"\cup".join(f"({i},{i + 1})" for i in range(80)),
]

STRANGE = [
    r"\frac{1}{0}",
    r"0^0",
    r"\infty - \infty",
    "\x00",
    "\ud800",
    "x\u202e+\u20667",
    r"__import__('os').system('false')",
    r"\input{/etc/passwd}",
    r"\def\x{\x\x}\x",
    r"\begin{pmatrix} 1 & 2",
    "💥" * 200,
]

ANSWERS = ENDLESS + HUGE_NUMBERS + DEEP_OR_LONG + STRANGE

TEXTS = [
    "garbage " * 12_500,
    r"\boxed{" + "{" * 10_000 + "5" + "}" * 10_000 + "}",
    r"\boxed{" + "{" * 10_000,
    r"\boxed{\begin{pmatrix}"
    + ("1&" * 999 + r"1\\") * 5_000
    + r"\end{pmatrix}}",  # 10 MB, of which a GB would be made
    r"\boxed{5}" * 20_000,
    "$" * 100_000,
    "\\" * 100_000,
    r"\boxed" * 20_000,
    "}{" * 50_000,
    "7" * 100_000,
    "\n" * 100_000 + r"\boxed{",
]

ISSUE = [  # what the verifier was built against; each is a whole text
    r"\boxed{9^{9^9}}",
    r"\boxed{\Gamma(10^8)}",
    r"\boxed{\binom{20000}{10000}}",
    r"\boxed{5^{5^{5^{5^5}}}}",
    r"\boxed{(10^{10})!}",
    *TEXTS[:2],
    TEXTS[3],
]

# Pieces of answers, to be repeated: an expression that backtracks shows itself on some of the repetitions.
TOKENS = [
    *"0123456789abxyz .,;:!?()[]{}|<>=+-*/^_$%&~'\"#@\\\n",
    *("answer", " is ", "<answer>", "</answer>", "####", "A:", " or ", " and ", "和", "，", "１", "½", "{,}", "_{10}"),
    *("_7", "p.m.", "12:30", "1/2", "1,000", "10^", "...", "(A)", "cm", r"\begin{pmatrix}", r"\end{pmatrix}"),
    *(r"\frac", r"\frac{", r"\sqrt", r"\text{", r"\left(", r"\right)", r"\,", r"\!", r"\pm", r"\cup", r"\in", r"\\"),
    *(r"\infty", r"\%", r"^\circ", r"\approx", r"\{", r"\}", r"\cdot", r"\overline{3}", r"\boxed{", r"\boxed{5},"),
]
