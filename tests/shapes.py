"""Shapes in annotations are checked in all tests: an import hook wraps each function that has such an annotation.

jaxtyping's own hook wraps every function, and needs the names in annotations at run time; but the package imports them
under `if TYPE_CHECKING:` (see jaxleggett/_shapes.py). This hook resolves them itself, at the first call of a function,
and leaves all other functions as they are.
"""

import ast
import builtins
import functools
import importlib.machinery
import sys
import typing

import beartype
import beartype.door
import jaxtyping
import numpy as np

PACKAGE = "jaxleggett"

KINDS = {"Bool", "Complex", "Float", "Int", "Shaped"}
"""Annotations with one of these names have a shape."""


def install():
    """Wrap the functions of all modules of the package that are imported from now on."""
    assert PACKAGE not in sys.modules, "imported too early: its functions would not be checked"
    sys.meta_path.insert(0, _Finder())


def has_shape(annotation):
    """Whether the source of an annotation, as `ast` has it, names a shape."""
    return annotation is not None and any(
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in KINDS
        for node in ast.walk(annotation)
    )


class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        # Not by the cached bytecode, in which nothing is wrapped, and without writing any.
        return self.source_to_code(self.get_data(self.path), self.path)

    def source_to_code(self, data, path, *, _optimize=-1):
        return compile(wrapped(ast.parse(data, path)), path, "exec", dont_inherit=True, optimize=_optimize)


def wrapped(tree):
    """The module `tree` with its functions and classes checked."""
    return ast.fix_missing_locations(_Wrap().visit(tree))


class _Wrap(ast.NodeTransformer):
    """Puts `checked`, or `checked_fields`, among the decorators."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
        if any(map(has_shape, [node.returns, *(argument.annotation for argument in every if argument)])):
            # The innermost: below `jax.jit`, so that what is traced is checked, and below `property`.
            node.decorator_list.append(_named("checked"))
        return node

    def visit_ClassDef(self, node):
        self.generic_visit(node)
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        fields = [statement.annotation for statement in node.body if isinstance(statement, ast.AnnAssign)]
        if "dataclass" in decorators and "register_dataclass" not in decorators and any(map(has_shape, fields)):
            node.decorator_list.insert(0, _named("checked_fields"))
        return node


def _named(name):
    return ast.parse(f"__import__('shapes').{name}", mode="eval").body


def checked(function):
    """`function`, with a check of its arguments and its result against the annotations that name a shape."""

    @functools.cache
    def ready():
        # Not before the first call: annotations may name classes that come later in the module.
        function.__annotations__ = resolved(function.__annotations__, function.__globals__)
        return jaxtyping.jaxtyped(function, typechecker=beartype.beartype)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return ready()(*args, **kwargs)

    return wrapper


def checked_fields(cls):
    """A dataclass with a check of all fields of a new object, together, against the shapes in their annotations."""
    made = cls.__init__

    @functools.cache
    def hints():
        return resolved(cls.__annotations__, vars(sys.modules[cls.__module__]))

    @functools.wraps(made)
    def init(self, *args, **kwargs):
        made(self, *args, **kwargs)
        with jaxtyping.jaxtyped("context"):
            for name, hint in hints().items():
                value = getattr(self, name)
                if not beartype.door.is_bearable(value, hint):
                    shape = f"{type(value).__name__} of shape {getattr(value, 'shape', None)}"
                    raise jaxtyping.TypeCheckError(f"{cls.__name__}.{name} is {shape}, not {hint}")

    cls.__init__ = init
    return cls


def resolved(annotations, names):
    """Those of the annotations (strings) that name a shape, as types."""
    shaped = {name: text for name, text in annotations.items() if has_shape(ast.parse(text, mode="eval"))}
    return {name: eval(text, {}, _Names(names)) for name, text in shaped.items()}


class _Names(dict):
    """The names of a module and those of `_shapes`; others, imported for type checkers alone, are Any."""

    def __missing__(self, name):
        from jaxleggett import _shapes

        if name == "AnyArray":
            # NumPy's functions return a NumPy scalar where an array would have no axes.
            return _shapes.AnyArray | np.generic
        return vars(builtins).get(name, vars(_shapes).get(name, typing.Any))
