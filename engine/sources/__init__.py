"""Where the feature maps of a run come from: cached penultimate features (tier heads) or the full encoders."""

from engine.sources.encoders import EncoderSource, load_encoder, load_encoder_source
from engine.sources.heads import HeadsSource
from engine.sources.interface import FeatureSource

__all__ = ["EncoderSource", "FeatureSource", "HeadsSource", "load_encoder", "load_encoder_source"]
