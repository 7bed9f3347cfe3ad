"""Let numba generate machine code for kernels, but not for the functions that only kernels call.

numba generates machine code for every function that it compiles. It also links the function into its callers, and
generates their machine code with it. A function that only kernels call never runs by itself, so its own machine code is
useless. To generate it takes a sixth of the time of a first start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numba
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen, RuntimeLinker
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment

# This file overrides private methods, so other versions of numba generate all machine code.
IS_SUPPORTED = numba.version_info.short == (0, 68)

_set_env = JITCPUCodegen.set_env


class _Library(JITCodeLibrary):
    """A library that generates its machine code when the address of one of its functions is requested."""

    _is_pending = False

    def _finalize_final_module(self) -> None:
        if getattr(self, "_compiled_object", None) is not None:  # it was loaded from disk
            super()._finalize_final_module()
            return
        if self._is_recursive():
            self._generate()
            return
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._is_pending = self._finalized = True

    def _is_recursive(self) -> bool:
        """Return whether the library calls a function that is not compiled yet, whose address numba requests later."""
        names = (variable.name for variable in self._final_module.global_variables)
        return any(name.startswith(RuntimeLinker.PREFIX) for name in names)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        if self._is_pending:
            if all(function.name != name for function in self.get_defined_functions()):
                return 0
            self._generate()
            self._is_pending = False
        return super().get_pointer_to_function(name)

    def _generate(self) -> None:
        """Generate the machine code, and set the environments of the functions in it.

        numba sets a function's environment when it compiles it. Without machine code, it has no place to write it to.
        Exceptions whose values are computed at run time need it.
        """
        super()._finalize_final_module()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name)
            if environment is not None:
                _set_env(self._codegen, variable.name, environment)

    def serialize_using_object_code(self) -> Any:
        self._ensure_finalized()
        return self.serialize_using_bitcode() if self._is_pending else super().serialize_using_object_code()


def _set_env_if_generated(codegen: Any, name: str, environment: Any) -> None:
    if codegen._engine.is_symbol_defined(name):
        _set_env(codegen, name, environment)


@contextlib.contextmanager
def on_demand() -> Iterator[None]:
    """Let numba compile within the context without generating machine code until it is requested."""
    if not IS_SUPPORTED:
        yield
        return
    with global_compiler_lock:
        before = JITCPUCodegen._library_class, JITCPUCodegen.set_env
        try:
            JITCPUCodegen._library_class, JITCPUCodegen.set_env = _Library, _set_env_if_generated
            yield
        finally:
            JITCPUCodegen._library_class, JITCPUCodegen.set_env = before
