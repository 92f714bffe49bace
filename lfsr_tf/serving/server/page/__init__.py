"""The page for people at `/`: drop a scan, see it beside its enhanced self, take the result home."""

from lfsr_tf.serving.server.page.routes import page_routes

__all__ = ["page_routes"]
