-- wrk's script. Ten zeros in the URL or body become a number that differs in each request, so that no gateway can
-- answer two of them with one call. `wrk … URL -- FILE` posts the file, and counts the tools that answer with an error.
local zeros, number = "0000000000", 1000000000
local head, tail
failed = 0

function setup(thread)
  one = thread
end

function init(arguments)
  if arguments[1] then
    wrk.method, wrk.body = "POST", io.open(arguments[1]):read("*a")
    response = count_tool_errors
  end
  head = wrk.format()
  local from, to = head:find(zeros, 1, true)
  if from then
    head, tail = head:sub(1, from - 1), head:sub(to + 1)
  end
end

function request()
  if not tail then
    return head
  end
  number = number + 1
  return head .. number .. tail
end

function count_tool_errors(status, headers, body)
  if status == 200 and not body:find('"isError":%s*false') then
    failed = failed + 1
  end
end

-- The last line wrk prints: what the report needs, as JSON.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"failed":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout + one:get("failed")))
end
