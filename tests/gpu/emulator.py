"""An emulator that runs a GPU's kernels on the CPU, as numba-cuda compiles them.

numba-cuda's simulator runs kernels as Python, whose integers have no size and whose constants have no precision. Here,
LLVM's compiler for this processor gets the LLVM code that NVIDIA's compiler would get. Therefore types, arithmetic and
memory are those of a GPU, and launches get their arguments in the same way. The threads of a warp run one after
another, or at once in kernels in which they wait for each other.
"""

import ctypes
import functools
import hashlib
import importlib.metadata
import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import llvmlite.binding as llvm
import numpy as np
from numba.cuda import compiler
from numba.cuda.cudadrv import nvvm

from evaluators import devices
from evaluators.gpu import engine, gradients, launcher, workspace
from evaluators.gpu.launcher import WARP
from evaluators.gpu.numba_patches import patched

SHARED = 227 * 1024  # bytes of a block
VERSIONS = [importlib.metadata.version(name) for name in ("numba", "numba-cuda", "llvmlite", "nvidia-nvvm")]

# Stand-ins for instructions of a GPU. Each thread has a word with its number, its block's number and the number of
# blocks.
_INSTRUCTIONS = f"""
declare i8* @pthread_getspecific(i32)
declare i32 @pthread_barrier_wait(i8*)
@word_of_a_thread = global i32 0
@barrier = global i8* null

define i32 @part(i64 %shift) {{
  %key = load i32, i32* @word_of_a_thread
  %word = call i8* @pthread_getspecific(i32 %key)
  %number = ptrtoint i8* %word to i64
  %shifted = lshr i64 %number, %shift
  %low = trunc i64 %shifted to i32
  %part = and i32 %low, 1048575
  ret i32 %part
}}
define i32 @tid() {{ %part = call i32 @part(i64 0) ret i32 %part }}
define i32 @ctaid() {{ %part = call i32 @part(i64 20) ret i32 %part }}
define i32 @nctaid() {{ %part = call i32 @part(i64 40) ret i32 %part }}
define i32 @zero() {{ ret i32 0 }}
define i32 @one() {{ ret i32 1 }}
define i32 @shared_bytes() {{ ret i32 {SHARED} }}
define void @wait() {{
  %barrier = load i8*, i8** @barrier
  %result = call i32 @pthread_barrier_wait(i8* %barrier)
  ret void
}}
define float @add_f(float %a, float %b) {{ %r = fadd float %a, %b ret float %r }}
define float @mul_f(float %a, float %b) {{ %r = fmul float %a, %b ret float %r }}
define double @add_d(double %a, double %b) {{ %r = fadd double %a, %b ret double %r }}
define double @mul_d(double %a, double %b) {{ %r = fmul double %a, %b ret double %r }}
"""
_DECLARED = "".join(f"\ndeclare i32 @{name}()" for name in ("zero", "one", "shared_bytes"))
_REPLACED = [
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^target .*$", ""),
        (r'@"?llvm\.nvvm\.read\.ptx\.sreg\.(tid|ctaid|nctaid)\.x"?', r"@\1"),
        (r'@"?llvm\.nvvm\.read\.ptx\.sreg\.nctaid\.[yz]"?', "@one"),
        (r'@"?llvm\.nvvm\.read\.ptx\.sreg\.\w+\.[yz]"?', "@zero"),
        (r"^declare i32 @(zero|one)\(\)$", ""),  # from the two replacements above
        (r'@"?llvm\.nvvm\.barrier0"?', "@wait"),
        (r'@"?llvm\.nvvm\.(add|mul)\.rn\.([fd])"?', r"@\1_\2"),
        (r'@"?__nv_(isinf|isnan|isfinite)d"?', r"@\1"),
        (r"@isfinite", "@finite"),
        (r'@"?__nv_(\w+)"?', r"@\1"),  # C's library has the same names as NVIDIA's
        (r'asm sideeffect "mov\.u32 \$0, %dynamic_smem_size;", "=r"', "@shared_bytes"),
        (
            r"external addrspace\(3\) global \[0 x \w+\], align \d+",
            f"internal addrspace(3) global [{SHARED} x i8] zeroinitializer, align 16",
        ),
    )
]

_libc = ctypes.CDLL(None)
_libc.pthread_setspecific.argtypes = [ctypes.c_uint, ctypes.c_void_p]
_key = ctypes.c_uint()
_libc.pthread_key_create(ctypes.byref(_key), None)


class _Caught(Exception):
    pass


def oldest_gpu():
    """Let numba-cuda compile for the oldest GPU within the context."""
    oldest = SimpleNamespace(compute_capability=devices.OLDEST)
    return mock.patch("numba.cuda.dispatcher.get_current_device", lambda: oldest)


@functools.cache
def code(kernel):
    """Return the modules of LLVM code that NVIDIA's compiler would get for a kernel and the functions that it calls."""

    def caught(modules, **options):
        raise _Caught(modules)

    with mock.patch.object(nvvm, "compile_ir", caught), oldest_gpu(), patched():
        try:
            library, _ = compiler._compile_pyfunc_with_fixup(
                kernel.function, kernel.signature, device=False, abi="numba", cc=devices.OLDEST
            )
            library.get_asm_str(cc=devices.OLDEST)
        except _Caught as error:
            return error.args[0]
    raise AssertionError("nothing was compiled")


def _compile(kernel):
    """Return a kernel's object file for this machine, and the kernel's name in it."""
    whole = llvm.parse_assembly(_INSTRUCTIONS)
    for text in code(kernel):
        for pattern, replacement in _REPLACED:
            text = pattern.sub(replacement, text)
        whole.link_in(llvm.parse_assembly(text + _DECLARED))
    name = re.search(r"@\"([^\"]+)\", !\"kernel\", i32 1", "\n".join(code(kernel)))[1]
    unknown = []
    for function in whole.functions:
        if not function.is_declaration and function.name != name:
            function.linkage = "internal"
        elif function.is_declaration and not (
            function.name.startswith("llvm.") or hasattr(_libc, function.name)
        ):
            unknown.append(function.name)
    assert not unknown, f"instructions that have no stand-in: {unknown}"
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True)
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes.getModulePassManager().run(whole, passes)
    return machine.emit_object(whole), name


class Emulated:
    """A kernel for this machine's processor, saved in a folder."""

    def __init__(self, kernel, folder):
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        identity = [str(kernel.signature), *VERSIONS, llvm.get_host_cpu_name(), Path(__file__).read_text()]
        name, tag = kernel.function.__qualname__.rsplit("-", 1)
        tag = hashlib.sha256("".join([tag, *identity]).encode()).hexdigest()[:16]
        file = folder / f"{name}-{tag}.npz"
        if not file.exists():
            for older in folder.glob(f"{name}-{'?' * 16}.npz"):
                older.unlink(missing_ok=True)
            made, entry = _compile(kernel)
            beside = file.with_name(f"{os.getpid()} {file.name}")
            np.savez(beside, object=np.frombuffer(made, np.uint8), entry=entry)
            os.replace(beside, file)  # atomically, since another process may read it
        with np.load(file) as kept:
            made, entry = kept["object"].tobytes(), str(kept["entry"])
        machine = llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(made))
        self._engine.finalize_object()
        self._address = self._engine.get_function_address(entry)
        self._barrier = (ctypes.c_char * 64)()
        self._place("word_of_a_thread", ctypes.c_uint).value = _key.value
        self._place("barrier", ctypes.c_void_p).value = ctypes.addressof(self._barrier)
        self._waits = b"pthread_barrier_wait" in made
        self.signature, self.makers = kernel.signature, launcher.makers(kernel.signature)

    def _place(self, name, kind):
        return kind.from_address(self._engine.get_global_value_address(name))

    def __call__(self, blocks, arguments):
        self.run(blocks, launcher.words(self.makers, arguments))

    def run(self, blocks, words):
        """Launch the kernel with these numbers as its arguments."""
        function = ctypes.CFUNCTYPE(None, *map(_kind, words))(self._address)

        def run(thread, block):
            _libc.pthread_setspecific(_key, thread | block << 20 | blocks << 40)
            function(*words)

        def run_thread(thread):
            for block in range(blocks):
                run(thread, block)
                _libc.pthread_barrier_wait(self._barrier)  # before the next block takes the shared memory

        if not self._waits:
            for block in range(blocks):
                for thread in range(WARP):
                    run(thread, block)
            return
        _libc.pthread_barrier_init(self._barrier, None, WARP)
        threads = [threading.Thread(target=run_thread, args=(thread,)) for thread in range(WARP)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _kind(word):
    if isinstance(word, ctypes._SimpleCData):
        return type(word)
    return ctypes.c_bool if isinstance(word, bool) else ctypes.c_int64


class DeviceArray(np.ndarray):
    """An array with the attribute of cupy's arrays that has the address."""

    data = property(lambda self: SimpleNamespace(ptr=self.ctypes.data))


def argument(array):
    return launcher.argument(array.view(DeviceArray))


class EmulatedArrays(devices.Arrays):
    """A device whose new arrays are filled with the byte 0xA5, so that reads of uninitialised memory show."""

    shared_bytes = SHARED

    def empty(self, shape, dtype):
        array = np.empty(shape, dtype)
        array.view(np.uint8).fill(0xA5)
        return array.view(DeviceArray)

    def empty_host(self, size):
        return np.full(size, 0xA5, np.uint8)

    def to_host(self, array):
        return np.array(array)


@contextmanager
def emulation(folder, **patches):
    """Let "cuda" be this processor within the context, with builds saved in a folder.

    Args:
        folder: The folder.
        **patches: Replacements for attributes of `launcher`; by default, those that send launches to the emulator.
    """
    kernels = {}

    def built(kernel, device, dynamic_bytes):
        if kernel not in kernels:
            kernels[kernel] = Emulated(kernel, folder)
        return kernels[kernel]

    def start(kernel, blocks, dynamic_bytes, stream, *arguments):
        assert dynamic_bytes <= SHARED
        kernel(blocks, arguments)

    devices.arrays_of.cache_clear()
    with (
        mock.patch.multiple(
            devices,
            _gpu_unsupported_reason=lambda: None,
            _count=lambda: 1,
            _too_old_reason=lambda device: None,
        ),
        mock.patch.multiple(devices, _name=lambda device: "emulated", _Cupy=EmulatedArrays),
        mock.patch.multiple(launcher, **(patches or {"built": built, "start": start})),
        mock.patch.object(workspace, "argument", argument),
        oldest_gpu(),
        mock.patch.object(engine, "argument", argument),
        mock.patch.object(gradients, "argument", argument),
    ):
        yield
    devices.arrays_of.cache_clear()
