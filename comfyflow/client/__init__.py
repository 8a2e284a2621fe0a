"""Running prompts on a ComfyUI server: the client, its events and its results."""

from ..input_file import UploadedFile as UploadedFile
from .async_client import AsyncClient as AsyncClient
from .client import Client as Client
from .core import Limits as Limits
from .flow import Answer as Answer
from .flow import Flow as Flow
from .flow import Request as Request
from .handle import AsyncHandle as AsyncHandle
from .handle import Handle as Handle
from .outcome import Outcome as Outcome
from .queue_routes import HistoryEntry as HistoryEntry
from .queue_routes import Queue as Queue
from .queue_routes import QueueEntry as QueueEntry
from .result import Resolver as Resolver
from .result import Result as Result
from .result import resolver as resolver
from .running import RunStatus as RunStatus
