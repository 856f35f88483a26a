"""Lua 5.1, the language level of Argo CD's scripts: the machine's own, or taken out of Debian's package.

A script sees the libraries that Argo CD opens and no others: base and table, and no method of a string.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.promtool import obtain

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 20.0
RUNNER = r"""
local format, gsub, byte, concat, write = string.format, string.gsub, string.byte, table.concat, io.write
local function plain(value)
  if type(value) == "string" then
    local escaped = gsub(value, '[%c"\\]', function(sign) return format("\\u%04x", byte(sign)) end)
    return '"' .. escaped .. '"'
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  if #value > 0 then
    for _, item in ipairs(value) do parts[#parts + 1] = plain(item) end
    return "[" .. concat(parts, ",") .. "]"
  end
  for name, item in pairs(value) do parts[#parts + 1] = plain(name) .. ":" .. plain(item) end
  return "{" .. concat(parts, ",") .. "}"
end
local env = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, select = select,
  tonumber = tonumber, tostring = tostring, type = type, unpack = unpack, table = table, obj = OBJECT,
}
local chunk = assert(loadfile(arg[1]))
getmetatable("").__index = nil
setfenv(chunk, env)
write(plain(chunk()))
"""


class LuaError(Exception):
    """The script ended badly; the message is the interpreter's."""


def run(script: Path, obj: object) -> Any:  # noqa: ANN401 - whatever the script returns
    """Returns what an Argo CD script returns for an object. Raises LuaError."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(f"OBJECT = {literal(obj)}\n{RUNNER}")
        file.flush()
        command = [str(obtain("lua5.1")), file.name, str(script)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if done.returncode:
        raise LuaError(done.stderr)
    return json.loads(done.stdout)


def literal(value: object) -> str:
    """Returns a value as Lua has it; null is absent."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{literal(key)}] = {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(literal(item) for item in value) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(_escaped(value)) + '"'
    return "nil" if value is None else str(value)


def _escaped(text: str) -> Iterator[str]:
    for byte in text.encode():
        yield chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03d}"
