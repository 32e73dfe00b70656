"""Open files of video, by PyAV.

FFmpeg also reads playlists and scripts that name other files and servers. Only containers of video are opened
here, from a file that is open already, without any protocol.
"""

from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,m4v,asf,ogg,h264,hevc,av1,obu,ivf,"
    "dv,mxf,nut,rm,yuv4mpegpipe"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}


def open_container(file: BinaryIO) -> "InputContainer":
    """The container of an open file. Raises av.FFmpegError if it is damaged or another kind of file."""
    import av

    # Names and comments in other encodings than UTF-8 are no fault of the video. PyAV 19 always reads them.
    before_19 = int(av.__version__.partition(".")[0]) < 19
    lenient: dict[str, Any] = {"metadata_errors": "ignore"} if before_19 else {}
    opened: InputContainer = av.open(file, "r", container_options=_OPTIONS, **lenient)
    return opened
