"""Influence of image–caption pairs on contrastive models: the engine.

`import engine` is light: nothing here imports torch. Theory and sign conventions: `engine/README.md`.
"""

__version__ = "0.1.0"
