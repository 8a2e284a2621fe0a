"""Running prompts on a ComfyUI server: the client, its events and its results."""

from ..input_file import UploadedFile as UploadedFile
from .asset_routes import Asset as Asset
from .asset_routes import AssetPage as AssetPage
from .async_client import AsyncClient as AsyncClient
from .client import Client as Client
from .connection import AsyncSocket as AsyncSocket
from .connection import Socket as Socket
from .connection import SocketRequest as SocketRequest
from .core import Limits as Limits
from .event import ServerEvent as ServerEvent
from .flow import Answer as Answer
from .flow import Flow as Flow
from .flow import Request as Request
from .handle import AsyncHandle as AsyncHandle
from .handle import Handle as Handle
from .job_routes import Job as Job
from .message import parse_message as parse_message
from .outcome import Outcome as Outcome
from .queue_routes import HistoryEntry as HistoryEntry
from .queue_routes import Queue as Queue
from .queue_routes import QueueEntry as QueueEntry
from .result import Resolver as Resolver
from .result import Result as Result
from .result import resolver as resolver
from .run_event import RunEvent as RunEvent
from .running import RunStatus as RunStatus
