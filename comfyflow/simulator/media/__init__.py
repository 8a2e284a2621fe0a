"""Files of sound, video and 3D, written with the standard library, NumPy and Pillow alone.

No encoder is at hand, so each is the plainest file of its kind that players read: FLAC without
compression, WebM of single VP8 pictures, MP4 of JPEGs, MP3 and Opus that are silent.
"""
