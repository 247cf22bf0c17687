"""Scenes: large images in the products that archives hand out, read by window."""

from highwall.scenes.open import open_scene
from highwall.scenes.reader import SceneReader
from highwall.scenes.scene import Scene, Window

__all__ = ["Scene", "SceneReader", "Window", "open_scene"]
