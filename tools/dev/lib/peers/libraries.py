"""The libraries. Each is a class: `packages` are what pip installs,
`environment` is what its process needs, given the prefix, the constructor imports it for one thread, `version` is its own word, and
prepare(x, weight) gives a call of RMSNorm and a function that reads its last
result. Where a library has no RMSNorm of a type, prepare raises Missing.
"""

import contextlib
import ctypes
import os
import pathlib
import sys

import numpy as np

EPSILON = 1e-6


class Missing(Exception):
    """What a library lacks, in words."""


def type_name(array):
    return {"float32": "f32", "float16": "f16",
            "bfloat16": "bf16"}[array.dtype.name]


class Library:
    environment = {}


class Torch(Library):
    packages = ["torch"]

    def __init__(self):
        import torch
        torch.set_num_threads(1)
        self.torch, self.version = torch, torch.__version__

    def tensor(self, array):
        if array.dtype.name != "bfloat16":
            return self.torch.from_numpy(array)
        bits = self.torch.from_numpy(array.view(np.int16))
        return bits.view(self.torch.bfloat16)

    def function(self, weight):
        normalize = self.torch.nn.functional.rms_norm
        return lambda x: normalize(x, weight.shape, weight, EPSILON)

    def prepare(self, x, weight):
        x, weight = self.tensor(x), self.tensor(weight)
        function, last = self.function(weight), []

        def call():
            with self.torch.inference_mode():
                last[:] = [function(x)]
        return call, lambda: last[0].float().numpy()


class CompiledTorch(Torch):
    def function(self, weight):
        # One shape per graph, as the kernels have.
        self.torch._dynamo.reset()
        return self.torch.compile(super().function(weight), dynamic=False)


class OnnxRuntime(Library):
    packages = ["onnxruntime", "onnx"]

    def __init__(self):
        import onnx
        import onnxruntime
        self.onnx, self.ort = onnx, onnxruntime
        self.version = onnxruntime.__version__

    def model(self, x, weight, cast):
        """One op; with `cast` computed in f32 between two conversions."""
        onnx = self.onnx
        own = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
        inner = onnx.TensorProto.FLOAT if cast else own
        node = onnx.helper.make_node
        norm = node("RMSNormalization", ["a", "w"], ["b"], axis=-1,
                    epsilon=EPSILON)
        nodes = [node("Cast", ["x"], ["a"], to=inner), norm,
                 node("Cast", ["b"], ["y"], to=own)]
        if not cast:
            norm.input[0], norm.output[0] = "x", "y"
            nodes = [norm]
        info = onnx.helper.make_tensor_value_info
        kept = onnx.numpy_helper.from_array(
            weight.astype(np.float32) if cast else weight, "w")
        graph = onnx.helper.make_graph(
            nodes, "norm", [info("x", own, x.shape)],
            [info("y", own, x.shape)], [kept])
        return onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 23)],
            ir_version=10).SerializeToString()

    def session(self, x, weight):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        for cast in (False, True):
            with contextlib.suppress(Exception):
                return self.ort.InferenceSession(
                    self.model(x, weight, cast), options,
                    providers=["CPUExecutionProvider"])
        raise Missing(f"no RMSNormalization of {type_name(x)}")

    def prepare(self, x, weight):
        session = self.session(x, weight)
        # Bound buffers: the call copies nothing.
        y, kind = np.empty_like(x), self.onnx.helper.np_dtype_to_tensor_dtype(
            x.dtype)
        binding = session.io_binding()
        for bind, name, array in ((binding.bind_input, "x", x),
                                  (binding.bind_output, "y", y)):
            bind(name, "cpu", 0, int(kind), array.shape, array.ctypes.data)
        return (lambda: session.run_with_iobinding(binding),
                lambda: y.astype(np.float32))


class OpenVino(Library):
    packages = ["openvino"]

    def __init__(self):
        import openvino
        self.openvino, self.version = openvino, openvino.__version__
        self.core = openvino.Core()

    def prepare(self, x, weight):
        """The pattern that it fuses to its own RMSNorm."""
        openvino = self.openvino
        op = openvino.opset13
        kind = {"f32": openvino.Type.f32, "f16": openvino.Type.f16,
                "bf16": openvino.Type.bf16}[type_name(x)]
        given = op.parameter(list(x.shape), kind)
        wide = op.convert(given, "f32")
        square = op.power(wide, np.float32(2))
        mean = op.reduce_mean(square, np.int32([-1]), keep_dims=True)
        root = op.sqrt(op.add(mean, np.float32(EPSILON)))
        scaled = op.multiply(wide, op.divide(np.float32(1), root))
        y = op.convert(op.multiply(op.constant(weight.astype(np.float32)),
                                   scaled), kind)
        model = self.core.compile_model(
            openvino.Model([y], [given]), "CPU",
            {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1,
             "ENABLE_CPU_PINNING": False,
             "INFERENCE_PRECISION_HINT": "f32"})
        request = model.create_infer_request()
        tensor = openvino.Tensor(kind, list(x.shape))
        tensor.data.view(np.uint8)[:] = x.view(np.uint8)
        request.set_input_tensor(tensor)
        return request.infer, lambda: (
            request.get_output_tensor().data.view(x.dtype).astype(np.float32))


class Jax(Library):
    packages = ["jax", "ml_dtypes"]

    def __init__(self):
        os.environ["XLA_FLAGS"] = ("--xla_cpu_multi_thread_eigen=false "
                                   "intra_op_parallelism_threads=1")
        import jax
        self.jax, self.version = jax, jax.__version__

    def prepare(self, x, weight):
        jnp = self.jax.numpy

        @self.jax.jit
        def norm(x, weight):
            wide = x.astype(jnp.float32)
            mean = jnp.mean(wide * wide, axis=-1, keepdims=True)
            scaled = wide * self.jax.lax.rsqrt(mean + EPSILON)
            return (scaled * weight.astype(jnp.float32)).astype(x.dtype)
        x, weight, last = jnp.asarray(x), jnp.asarray(weight), []

        def call():
            last[:] = [norm(x, weight).block_until_ready()]
        return call, lambda: np.asarray(last[0]).astype(np.float32)


class Argument(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int), ("memory", ctypes.c_void_p)]


class OneDNN(Library):
    """By its C API; numbers are those of dnnl_types.h. Its wheel is made for
    SYCL: it needs the libraries that lie beside it, and an OpenCL device."""
    packages = ["onednn"]
    environment = {"LD_LIBRARY_PATH": "{prefix}/lib",
                   "OCL_ICD_FILENAMES": "{prefix}/lib/libintelocl.so",
                   "ONEAPI_DEVICE_SELECTOR": "opencl:cpu",
                   "ONEDNN_VERBOSE": "none"}
    TYPES = {"f16": 1, "bf16": 2, "f32": 3}
    CPU, INFERENCE, SCALE, RMS = 1, 96, 0x2, 0x20
    ROW, MATRIX = 2, 3     # format tags: a, ab

    def __init__(self):
        os.environ["OMP_NUM_THREADS"] = "1"
        path = pathlib.Path(sys.prefix) / "lib" / "libdnnl.so.3"
        try:
            self.library = ctypes.CDLL(str(path))
        except OSError as error:
            raise Missing(str(error))

        class Version(ctypes.Structure):
            _fields_ = [(name, ctypes.c_int)
                        for name in ("major", "minor", "patch")]
        version = self.library.dnnl_version
        version.restype = ctypes.POINTER(Version)
        found = version().contents
        self.version = f"{found.major}.{found.minor}.{found.patch}"
        self.engine = self.make("dnnl_engine_create", self.CPU,
                                ctypes.c_size_t(0))
        self.stream = self.make("dnnl_stream_create", self.engine, 1)

    def check(self, name, status):
        if status:
            raise Missing(f"{name} gives status {status}")

    def make(self, name, *arguments):
        """What a function of the C API makes, as a pointer."""
        made = ctypes.c_void_p()
        self.check(name, getattr(self.library, name)(ctypes.byref(made),
                                                     *arguments))
        return made

    def memory(self, array, shape, tag):
        kind = self.TYPES[type_name(array)]
        dims = (ctypes.c_int64 * 12)(*shape)
        description = self.make("dnnl_memory_desc_create_with_tag",
                                len(shape), dims, kind, tag)
        return description, self.make(
            "dnnl_memory_create", description, self.engine,
            ctypes.c_void_p(array.ctypes.data))

    def prepare(self, x, weight):
        # With another weight than f32 only its reference code takes RMSNorm.
        y, weight = np.empty_like(x), weight.astype(np.float32)
        of_x, source = self.memory(x, x.shape, self.MATRIX)
        of_y, target = self.memory(y, y.shape, self.MATRIX)
        _, scale = self.memory(weight, weight.shape, self.ROW)
        description = self.make(
            "dnnl_layer_normalization_forward_primitive_desc_create_v2",
            self.engine, self.INFERENCE, of_x, of_y, None,
            self.TYPES[type_name(weight)], ctypes.c_float(EPSILON),
            self.SCALE | self.RMS, None)
        primitive = self.make("dnnl_primitive_create", description)
        # Source, destination and scale.
        arguments = (Argument * 3)(Argument(1, source), Argument(17, target),
                                   Argument(51, scale))
        execute = self.library.dnnl_primitive_execute
        wait = self.library.dnnl_stream_wait

        def call():
            self.check("dnnl_primitive_execute",
                       execute(primitive, self.stream, 3, arguments))
            wait(self.stream)
        # The library knows addresses alone.
        call.keep = weight
        return call, lambda: y.astype(np.float32)


LIBRARIES = {"PyTorch": Torch, "torch.compile": CompiledTorch,
             "onnxruntime": OnnxRuntime, "OpenVINO": OpenVino, "JAX": Jax,
             "oneDNN": OneDNN}
