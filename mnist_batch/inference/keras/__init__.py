"""Run networks of Keras files on Keras."""
