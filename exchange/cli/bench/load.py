"""Load from a process of its own.

wrk with a prepared list of requests where it is installed, which costs little CPU, else the aiohttp client of
``client.py``. Whoever sends the load, an answer that is not 2xx makes the run an error.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchange.cli.bench.figures import BenchError

LONGEST_RUN_S = 180
CLIENT = "exchange.cli.bench.client"

# One thread, so one list. When it is exhausted a connection gets an empty request and stays still; the last one ends
# wrk, which would otherwise sleep until -d and has no way of its own to end earlier than by SIGINT to itself.
_SCRIPT = """
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long s; long us; } berkas_time;
int gettimeofday(berkas_time *t, void *zone);
int getpid(void);
int kill(int pid, int number);
]]
local list, position = {}, -1
local function now_us()
  local t = ffi.new("berkas_time")
  ffi.C.gettimeofday(t, nil)
  return tonumber(t.s) * 1000000 + tonumber(t.us)
end
began_us, ended_us = 0, 0

function setup(thread) only = thread end

function init()
  for line in io.lines("@LIST@") do
    local fields, headers = {}, {}
    for field in (line .. "\\t"):gmatch("([^\\t]*)\\t") do fields[#fields + 1] = field end
    for i = 4, #fields do
      local name, value = fields[i]:match("^([^:]+): (.*)$")
      headers[name] = value
    end
    list[#list + 1] = wrk.format(fields[1], fields[2], headers, fields[3] ~= "" and fields[3] or nil)
  end
end

function request()
  if position < 0 then position = 0 return list[1] end -- wrk looks at one request before it starts
  if position == 0 then began_us = now_us() end
  position = position + 1
  if position <= #list then return list[position] end
  ended_us = now_us()
  if position == #list + @CONNECTIONS@ then
    wrk.thread:stop()
    ffi.C.kill(ffi.C.getpid(), 2)
  end
  return ""
end

if @BODIES@ then
  local bodies
  function response(_, _, body)
    bodies = bodies or io.open("@OUTPUT@.bodies", "w")
    bodies:write(body, "\\n")
    bodies:flush()
  end
end

function done(summary, latency)
  local counts = {}
  for i = 1, #latency do
    local value, number = latency(i)
    counts[i] = string.format("[%d,%d]", value, number)
  end
  local e = summary.errors
  local output = io.open("@OUTPUT@", "w")
  output:write(string.format(
    '{"requests":%d,"errors":%d,"began_us":%d,"ended_us":%d,"p50_us":%d,"p99_us":%d,"counts":[%s]}\\n',
    summary.requests, e.connect + e.read + e.write + e.timeout + e.status,
    only:get("began_us"), only:get("ended_us"), latency:percentile(50), latency:percentile(99),
    table.concat(counts, ",")))
  output:close()
end
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; header values and the body hold no tab and no line end."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: str = ""

    def line(self) -> str:
        return "\t".join((self.method, self.path, self.body, *(f"{k}: {v}" for k, v in self.headers.items())))


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. ``counts``: latency in microseconds -> number of requests; times are Unix seconds."""

    requests: int
    began_s: float
    ended_s: float
    counts: Mapping[int, int]
    bodies: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return self.ended_s - self.began_s


class Generator:
    """``program`` is the path of wrk, or None for the client of our own."""

    def __init__(self, folder: Path, program: str | None) -> None:
        self._folder = folder
        self._program = program

    @classmethod
    def found(cls, folder: Path) -> Generator:
        return cls(folder, shutil.which("wrk"))

    @property
    def cheap(self) -> bool:
        """Only figures under a load that costs little are judged: on few cores an expensive one takes the gateway's."""
        return self._program is not None

    @property
    def name(self) -> str:
        return "wrk" if self.cheap else "aiohttp client"

    async def run(
        self, origin: str, calls: Sequence[Call], connections: int, *, keep_bodies: bool = False
    ) -> Load:
        """Send every call once over ``connections``. Raises ``BenchError`` when one was not answered with 2xx."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            place = Path(name)
            listed, output = place / "calls", place / "output"
            listed.write_text("\n".join(call.line() for call in calls) + "\n", encoding="ascii")
            command = self._command(place, origin, listed, output, connections, keep_bodies=keep_bodies)
            await _finished(command)
            result = _read(output)
            kept = output.with_name(f"{output.name}.bodies")
            bodies = (
                tuple(kept.read_text(encoding="utf-8").splitlines()) if keep_bodies and kept.exists() else ()
            )
        if result["errors"] or result["requests"] != len(calls):
            raise BenchError(
                f"{result['errors']} errors, {result['requests']} of {len(calls)} requests answered at {connections} connections"
            )
        counts = dict(result["counts"])
        return Load(len(calls), result["began_us"] / 1e6, result["ended_us"] / 1e6, counts, bodies)

    def _command(
        self, place: Path, origin: str, listed: Path, output: Path, connections: int, *, keep_bodies: bool
    ) -> list[str]:
        if self._program is None:
            asked = ["--bodies"] if keep_bodies else []
            return [
                sys.executable,
                "-m",
                CLIENT,
                "calls",
                origin,
                str(listed),
                str(output),
                str(connections),
                *asked,
            ]
        script = place / "calls.lua"
        filled = _SCRIPT.replace("@LIST@", str(listed)).replace("@OUTPUT@", str(output))
        filled = filled.replace("@CONNECTIONS@", str(connections)).replace(
            "@BODIES@", str(keep_bodies).lower()
        )
        script.write_text(filled, encoding="ascii")
        limits = ["-t1", f"-c{connections}", f"-d{LONGEST_RUN_S}s", "--timeout", "30s"]
        return [self._program, *limits, "-s", str(script), origin]


async def upload(origin: str, path: str, headers: Mapping[str, str], file: Path) -> float:
    """Stream one file from a process of its own; seconds from the first byte to the answer. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        output = Path(name) / "output"
        asked = json.dumps({"path": path, "headers": dict(headers)})
        await _finished([sys.executable, "-m", CLIENT, "upload", origin, str(file), str(output), asked])
        result = _read(output)
    if result["status"] not in {200, 201}:
        raise BenchError(f"the upload was answered with {result['status']}")
    return float(result["seconds"])


async def _finished(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(LONGEST_RUN_S + 30):
            _, complaint = await process.communicate()
    except TimeoutError:
        raise BenchError("the load generator did not end") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise BenchError(f"the load generator ended with {process.returncode}: {last[0]}")


def _read(output: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"the load generator left no result ({type(error).__name__})") from None
    return result
