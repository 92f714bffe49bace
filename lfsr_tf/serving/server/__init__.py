"""What a model server with TensorFlow Serving's protocols makes of a request."""
