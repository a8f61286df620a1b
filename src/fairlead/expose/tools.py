"""Runs a tool: a model's arguments in, an answer in no protocol's words out; an error is an answer too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from fairlead.engine.arguments import unknown_arguments
from fairlead.engine.execute import Result, Runnable, execute
from fairlead.engine.pages import Neighbours, neighbours
from fairlead.errors import ArgumentFault, FairleadError, InvalidArguments
from fairlead.expose.concerned import concerned
from fairlead.expose.problems import internal_error
from fairlead.expose.records import record_access, record_dead_end, record_failure, record_fault
from fairlead.expose.tool_results import ToolAnswer, answer_of, error_answer
from fairlead.plan.model import Arguments, Operation, Tool
from fairlead.spec.source import JsonValue
from fairlead.telemetry.instruments import Instruments
from fairlead.telemetry.metrics import OperationMetrics

_EXACT = 2**53
# Runs a tool with the arguments of a caller, who speaks this revision of the protocol; an error is an answer too.
CallTool: TypeAlias = Callable[[Mapping[str, JsonValue], str], Awaitable[ToolAnswer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRunner:
    """A tool with what it runs; `names` maps the schema's names back to the parameters'."""

    tool: Tool
    runnable: Runnable
    names: Mapping[str, str]
    result_budget: int
    counted: OperationMetrics
    instruments: Instruments

    async def call(self, given: Mapping[str, JsonValue], revision: str) -> ToolAnswer:
        """Run the tool, and count it; an error is an answer too. `revision` is the protocol's."""
        began, outcome = self.instruments.now(), "cancelled"
        tracing = self.instruments.tracing
        try:
            if tracing is None:
                answer = await self._call(given)
            else:
                with tracing.tool_span(self.tool.name, revision) as span:
                    answer = await self._call(given)
                    span.error = "tool_error" if answer.is_error else ""
            outcome = "error" if answer.is_error else "ok"
            return answer
        finally:
            seconds = self.instruments.now() - began
            self.counted.finished(outcome, seconds)
            if self.instruments.access:
                record_access("mcp", self.tool.operation.name, outcome, seconds)

    async def _call(self, given: Mapping[str, JsonValue]) -> ToolAnswer:
        arguments: Arguments = {}
        try:
            arguments, faults = self._arguments(given)
            result = await execute(self.runnable, arguments, faults)
            return self._answer(arguments, result)
        except FairleadError as error:
            record_failure("mcp", self.tool.operation.name, error)
            return error_answer(self._renamed(error), concerned(self.tool, arguments, error))
        except Exception as fault:  # noqa: BLE001 - the outermost adapter: nobody else can answer
            record_fault("mcp", self.tool.name, fault)
            return error_answer(internal_error())

    def _answer(self, arguments: Arguments, result: Result) -> ToolAnswer:
        pagination = self.tool.operation.pagination
        around = neighbours(pagination, arguments, result.value) if pagination else Neighbours()
        for dead_end in around.dead_ends:
            record_dead_end("mcp", self.tool.operation.name, dead_end.notice)
        return answer_of(self.tool, arguments, result, around, self.result_budget)

    def _arguments(self, given: Mapping[str, JsonValue]) -> tuple[Arguments, list[ArgumentFault]]:
        faults = unknown_arguments([name for name in given if name not in self.names], self.names)
        named: dict[str, JsonValue] = {}
        named |= {self.names[name]: value for name, value in given.items() if name in self.names}
        for parameter in self.tool.operation.parameters:
            value = named.get(parameter.name)
            # Models and clients write `1767225600` for "1767225600"; beyond 2^53 a client may have rounded it.
            if parameter.type == "string" and type(value) is int and abs(value) <= _EXACT:
                named[parameter.name] = str(value)
        return self.runnable.check.present(named), faults

    def _renamed(self, error: FairleadError) -> FairleadError:
        """The same error with the names the model was shown."""
        if not isinstance(error, InvalidArguments):
            return error
        faults = (replace(f, argument=self.tool.aliases.get(f.argument, f.argument)) for f in error.faults)
        return InvalidArguments(tuple(faults), more=error.more)


def tool_calls(
    tools: Sequence[Tool], runnables: Mapping[Operation, Runnable], result_budget: int, instruments: Instruments
) -> dict[str, CallTool]:
    """What runs each tool, by its name."""
    return {
        tool.name: ToolRunner(
            tool=tool,
            runnable=runnables[tool.operation],
            names={alias: name for name, alias in tool.aliases.items()},
            result_budget=result_budget,
            counted=instruments.metrics.operation(tool.operation.name, "mcp"),
            instruments=instruments,
        ).call
        for tool in tools
    }
