"""The networks of a model as one file that other programs run, such as QGIS."""

from highwall.exporting.agreement import Agreement
from highwall.exporting.export import Exported, export_onnx
from highwall.exporting.values import Values

__all__ = ["Agreement", "Exported", "Values", "export_onnx"]
