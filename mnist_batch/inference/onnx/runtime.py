"""Import ONNX Runtime, and open networks in it."""

from types import ModuleType
from typing import Any

from mnist_batch.errors import ModelError
from mnist_batch.machine.failures import loading
from mnist_batch.models.model_file import OnnxFile
from mnist_batch.options import Device

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_FATAL = 4  # of ONNX Runtime's severities: nothing else goes to standard error


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime, which takes a tenth of a second.

    Raises:
        MachineError: it cannot be loaded.
    """
    with loading("ONNX Runtime"):
        import onnxruntime
    onnxruntime.set_default_logger_severity(_FATAL)
    module: ModuleType = onnxruntime
    return module


def versions() -> dict[str, str]:
    """Return the version of ONNX Runtime, which is installed."""
    return {"onnxruntime": import_onnxruntime().__version__}


def opened(runtime: ModuleType, content: bytes, device: Device) -> Any:  # noqa: ANN401 - no types
    """Open a network for one thread at a time, as each worker is one.

    Args:
        runtime: ONNX Runtime.
        content: what `content_of` returns.
        device: `auto` for a GPU where this ONNX Runtime has one.

    Raises:
        ModelError: there is no such device.
        Exception: of ONNX Runtime, of nearly any type: it cannot build the network.
    """
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    has_gpu = CUDA in runtime.get_available_providers()
    if device is Device.GPU and not has_gpu:
        raise ModelError(
            "--device gpu: this ONNX Runtime sees no GPU; install onnxruntime-gpu in place of "
            "onnxruntime, or pass --device cpu or auto"
        )
    providers = [CUDA, CPU] if has_gpu and device is not Device.CPU else [CPU]
    session = runtime.InferenceSession(content, sess_options=options, providers=providers)
    if device is Device.GPU and CUDA not in session.get_providers():
        raise ModelError("--device gpu: ONNX Runtime cannot use the GPU; pass --device cpu or auto")
    return session


def content_of(file: OnnxFile) -> bytes:
    """Return the bytes of a network that gives a tensor with a number for each class."""
    return file.content + file.extra_output  # a message twice is one with the fields of both


def is_on_gpu(session: Any) -> bool:  # noqa: ANN401 - no types
    """Tell whether a network runs on a GPU."""
    return CUDA in session.get_providers()


def cause(error: Exception) -> str:
    """Return the message of an exception of ONNX Runtime as one short line that prints."""
    text = " ".join(str(error).rpartition("Status Message: ")[2].split()) or type(error).__name__
    return "".join(one if one.isprintable() else "?" for one in text[:200])
