"""TensorFlow Serving's REST API: paths, formats of bodies, limits of connections."""
