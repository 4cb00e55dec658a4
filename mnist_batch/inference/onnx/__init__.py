"""Run networks of ONNX files on ONNX Runtime."""
