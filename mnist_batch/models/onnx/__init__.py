"""What a file of ONNX says of its network, read without a library."""
