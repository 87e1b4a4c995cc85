"""Frames of clips: of video files with their exact times, of folders of frames, and of a camera."""
