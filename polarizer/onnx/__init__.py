"""ONNX files: read into a torch network without running anything of theirs, and written back.

``parsing`` checks the file, ``graph`` is what is left of it without protobuf, ``planning`` decides
which of its tensors are weights and which nodes are layers, ``network`` computes, ``writing`` puts
changed weights back into the graph that came in. The operators' meaning: :mod:`.operators`.
"""

from polarizer.onnx.graph import Graph, OnnxLimits
from polarizer.onnx.network import OnnxNetwork, named_by_network
from polarizer.onnx.reading import OnnxFile, read_onnx, unpacked
from polarizer.onnx.writing import written_back

__all__ = [
    "Graph",
    "OnnxFile",
    "OnnxLimits",
    "OnnxNetwork",
    "named_by_network",
    "read_onnx",
    "unpacked",
    "written_back",
]
