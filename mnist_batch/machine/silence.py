"""What libraries in C print themselves, turned off where they can be told to.

The command gives them `/dev/null` (see `streams`); a program or a notebook that calls this package
keeps its standard error, to which they would write too.
"""

import ctypes
from functools import cache


@cache
def silence_libtiff() -> None:
    """Let Pillow's libtiff print nothing: it writes a line for each damaged row of a picture.

    Pillow turns off its warnings, not its errors, which it raises too. The handler is that of the
    process; other threads go on meanwhile. Where Pillow comes without libtiff, or with one that
    cannot be found, all stays as it is.
    """
    from PIL import _imaging

    try:
        # The symbols of what a library was linked with are found by way of it (dlsym).
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetErrorHandlerExt"):
            function = getattr(library, name)
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)
    except (AttributeError, OSError):
        return
