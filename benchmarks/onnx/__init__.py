"""ONNX files of the usual families of networks, by both of torch's exporters: are they read?"""
