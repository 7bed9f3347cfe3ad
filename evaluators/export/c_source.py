"""Export to C99."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluators.export.code import ARITHMETIC, Code, calls, check_name, lines_of
from evaluators.export.graph import Graph, GraphNode
from evaluators.export.interface import Interface, build
from evaluators.export.target import Target
from evaluators.models.model import Model
from neat.genome.genome import Genome
from neat.kernels.elementwise import ELEMENTARY

_SUFFIX = "f"
_template = calls(_SUFFIX)

# Helpers that an export contains if it calls them; `{name}` is the name of the exported function.
_HELPERS = {
    "larger": """static float {name}_larger(float a, float b)
{{
    return b > a ? b : a;
}}""",
    "clip": """static float {name}_clip(float x, float limit)
{{
    return x > limit ? limit : x < -limit ? -limit : x;
}}""",
    "max": """static float {name}_max(const float *values, int count)
{{
    float result = values[0];
    for (int i = 1; i < count; i++)
        result = values[i] > result ? values[i] : result;
    return result;
}}""",
    "min": """static float {name}_min(const float *values, int count)
{{
    float result = values[0];
    for (int i = 1; i < count; i++)
        result = values[i] < result ? values[i] : result;
    return result;
}}""",
    "maxabs": """static float {name}_maxabs(const float *values, int count)
{{
    float result = values[0];
    for (int i = 1; i < count; i++)
        result = fabsf(values[i]) > fabsf(result) ? values[i] : result;
    return result;
}}""",
    "median": """static float {name}_median(float *values, int count)
{{
    for (int i = 1; i < count; i++) {{
        const float value = values[i];
        int j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }}
    return 0.5f * (values[(count - 1) / 2] + values[count / 2]);
}}""",
}

# Keywords of C99 and of C23, and what GNU C adds.
_WORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long main "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual "
    "asm linux unix"
)
# What `math.h` of C99 and C23 declares and defines, and that of glibc beyond it.
_MATH_FUNCTIONS = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma "
    "fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan "
    "nearbyint nextafter nexttoward pow remainder remquo rint round scalbln scalbn sin sinh sqrt tan tanh tgamma trunc "
    "drem finite gamma isinf isnan j0 j1 jn scalb significand y0 y1 yn "
    "acospi asinpi atan2pi atanpi canonicalize compoundn cospi exp10 exp10m1 exp2m1 fmaximum fmaximum_mag "
    "fmaximum_mag_num fmaximum_num fminimum fminimum_mag fminimum_mag_num fminimum_num fromfp fromfpx getpayload llogb "
    "log10p1 log2p1 logp1 nextdown nextup pown powr rootn roundeven rsqrt setpayload setpayloadsig sinpi tanpi "
    "totalorder totalordermag ufromfp ufromfpx"
)
_MATH_NAMES = (
    "FP_ILOGB0 FP_ILOGBNAN FP_INFINITE FP_NAN FP_NORMAL FP_SUBNORMAL FP_ZERO HUGE_VAL HUGE_VALF HUGE_VALL INFINITY "
    "MATH_ERREXCEPT MATH_ERRNO M_1_PI M_2_PI M_2_SQRTPI M_E M_LN10 M_LN2 M_LOG10E M_LOG2E M_PI M_PI_2 M_PI_4 M_SQRT1_2 "
    "M_SQRT2 NAN double_t float_t fpclassify isfinite isgreater isgreaterequal isless islessequal islessgreater "
    "isnormal isunordered lgamma_r lgammaf_r lgammal_r math_errhandling signbit signgam "
    "FP_INT_DOWNWARD FP_INT_TONEAREST FP_INT_TONEARESTFROMZERO FP_INT_TOWARDZERO FP_INT_UPWARD FP_LLOGB0 FP_LLOGBNAN "
    "daddl ddivl dfmal dmull dsqrtl dsubl fadd faddl fdiv fdivl ffma ffmal fmul fmull fsqrt fsqrtl fsub fsubl "
    "iscanonical iseqsig issignaling issubnormal iszero"
)
_RESERVED = frozenset(
    [
        *_WORDS.split(),
        *(f"{function}{suffix}" for function in _MATH_FUNCTIONS.split() for suffix in ("", "f", "l")),
        *_MATH_NAMES.split(),
    ]
)


def to_c(source: Genome | Model, interface: Interface | None = None, name: str = "activate") -> str:
    """Return a network as C99 source, which needs only `math.h` and allocates nothing.

    A feed-forward network becomes `void activate(const float *inputs, float *outputs)`, where `inputs` and `outputs`
    have an element for each input and output. A recurrent network becomes
    `void activate(activate_state *state, const float *inputs, float *outputs)`: set the struct to zero before the first
    step, for example with `activate_state state = {0};`. Arithmetic is `float`. Numbers are written so that they are
    restored exactly. The names of everything in the file begin with `name`, so that files can be concatenated.

    Args:
        source: The genome, or a model, whose names and scales are exported too.
        interface: Names, which comments state, and scales.
        name: The name of the function.

    Raises:
        ValueError: The genome has a user-defined function, `interface` does not fit it, or `name` is not a name in C.
    """
    check_name(name, _RESERVED)
    graph, interface = build(source, interface)
    target = _CSource(name)
    inputs = [Code(f"inputs[{k}]", _SUFFIX) for k in range(graph.num_inputs)]
    state = (
        [] if graph.feed_forward else [Code(f"state->node[{k}]", _SUFFIX) for k in range(len(graph.nodes))]
    )
    outputs, nodes = target.run(graph, interface, inputs, state)
    body = list(target.lines)
    body.append("")
    if state:
        for k, value in enumerate(nodes):
            body += lines_of(f"state->node[{k}] = ", value, ";")
    for k, value in enumerate(outputs):
        body += lines_of(f"outputs[{k}] = ", value, ";")
    if not any("inputs[" in line for line in body):
        body.insert(0, "    (void)inputs;")
    signature = f"void {name}({f'{name}_state *state, ' if state else ''}const float *inputs, float *outputs)"
    parts = [_comment(graph, interface, name), "#include <math.h>"]
    if state:
        parts.append(f"typedef struct {{\n    float node[{len(nodes)}];\n}} {name}_state;")
    parts += target.functions.values()
    parts.append("\n".join([f"{signature};", "", signature, "{", *body, "}"]))
    return "\n\n".join(parts) + "\n"


class _CSource(Target):
    """Writes a constant for each node, and collects the functions that expressions call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.functions: dict[str, str] = {}
        self.vocabulary = {
            **{name: _template(f"{name}f({{}})") for name in ELEMENTARY},
            "abs": _template("fabsf({})"),
            "maximum": self._helper("larger", "({}, {})"),
            "clip": self._helper("clip", "({}, {})"),
            "if_positive": _template("({} > 0.0f ? {} : {})"),
            "step": _template("({} > 0.0f ? 1.0f : 0.0f)"),
            "reciprocal": lambda x: _template("({} == 0.0f ? 0.0f : {})")(x, 1 / x),
        }
        self.reductions = {
            **ARITHMETIC,
            **{helper: self._of_array(helper) for helper in ("max", "min", "maxabs", "median")},
        }

    def constant(self, number: float) -> Code:
        return Code.number(number, _SUFFIX)

    def activate(self, node: GraphNode, x: Code) -> Code:
        """Return a call of the activation's function, except for the identity."""
        activation = node.activation
        if activation.name == "identity":
            return x
        call = self._call(activation.name, "({})")
        if activation.name not in self.functions:
            value = super().activate(node, Code("x", _SUFFIX))
            head = f"static float {self.name}_{activation.name}(float x)"
            self.functions[activation.name] = f"{head}\n{{\n    return {value};\n}}"
        return call(x)

    def keep_input(self, position: int, value: Code) -> Code:
        """Write a scaled input as a constant."""
        self.lines += lines_of(f"const float x{position} = ", value, ";")
        return Code(f"x{position}", _SUFFIX)

    def keep(self, node: GraphNode, value: Code) -> Code:
        """Write a node's value as a constant."""
        self.lines += lines_of(f"const float node_{node.id} = ", value, ";")
        return Code(f"node_{node.id}", _SUFFIX)

    def _call(self, function: str, arguments: str) -> Callable[..., Code]:
        return _template(f"{self.name}_{function}{arguments}")

    def _helper(self, helper: str, arguments: str) -> Callable[..., Code]:
        """Return a function that writes a call of a helper."""
        call = self._call(helper, arguments)

        def write(*values: Any) -> Code:
            self.functions.setdefault(f"helper {helper}", _HELPERS[helper].format(name=self.name))
            return call(*values)

        return write

    def _of_array(self, helper: str) -> Callable[[list[Code]], Code]:
        """Return a function that writes a call of a helper with an array of values."""
        return lambda values: self._helper(
            helper, "((float[]){{" + ", ".join(["{}"] * len(values)) + f"}}}}, {len(values)})"
        )(*values)


def _comment(graph: Graph, interface: Interface, name: str) -> str:
    lines = [f"{graph.summary[0].upper()}{graph.summary[1:]}; exported by batchneat."]
    if not graph.feed_forward:
        lines.append(f"Set the {name}_state to zero before the first step.")
    for end, names in (("inputs", interface.input_names), ("outputs", interface.output_names)):
        lines += [f"{end}[{k}]: {text}" for k, text in enumerate(names or ())]
    # A comment ends at the first */, and compilers warn of /* within one and of trigraphs, which begin with ??.
    safe = [line.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?") for line in lines]
    return "/* " + "\n * ".join(safe) + " */"
