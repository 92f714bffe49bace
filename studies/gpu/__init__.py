"""Training on the JAX backend: everything, the simulated acquisition included, runs on the accelerator.

1. `python -m studies.gpu.carry --data DATA --slices slices.npz` where TensorFlow and the scans are;
2. `KERAS_BACKEND=jax python -m studies.gpu.train slices.npz --plan paper --output trained.npz` where the
   accelerator is: it needs JAX and Keras, and neither TensorFlow nor the scans;
3. `python -m studies.gpu.carry --slices slices.npz --weights trained.npz --output RUN` makes a run of it.
"""
