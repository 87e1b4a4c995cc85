"""TensorBoard: event files in the run's folder; tensorboard --logdir RUN/tracking shows them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from facewarden.training.trackers.parts.base import TrackedRun, Tracker


class TensorBoard(Tracker):
    """Writes scalars, and the settings as text; of a resumed training, epochs that come again replace older ones."""

    needs = "tensorboard"

    def __init__(self, run: TrackedRun) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._events, self._summary = event_pb2, Summary
        self._writer: Any = EventFileWriter(str(run.folder))
        if run.first:  # what an earlier try told of later epochs is dropped where it is shown
            session = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._writer.add_event(event_pb2.Event(wall_time=time.time(), step=run.first + 1, session_log=session))
        text = json.dumps({"name": run.name, **run.settings}, indent=2, sort_keys=True, default=str)
        self._add(0, _text_value(Summary, "settings", f"```\n{text}\n```"))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch."""
        self._add(step, [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()])
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()

    def _add(self, step: int, values: Any) -> None:
        event = self._events.Event(wall_time=time.time(), step=step, summary=self._summary(value=values))
        self._writer.add_event(event)


def _text_value(summary: Any, tag: str, text: str) -> list[Any]:
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text import metadata

    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    about = metadata.create_summary_metadata(display_name=tag, description="")
    return [summary.Value(tag=tag, metadata=about, tensor=tensor)]


entry = TensorBoard
