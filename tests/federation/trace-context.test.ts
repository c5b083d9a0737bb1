/** Look-ups that go to another node by its API say which trace they are of (W3C Trace Context), as an SDK would have it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { cleanUps, looking } from './set-up.js'

afterEach(() => {
  trace.disable()
  propagation.disable()
  context.disable()
})

/** What an SDK registers: spans that have a place in a trace, what is active, and how it is written into headers. */
function registerSdk(): { readonly spans: Span[] } {
  const active = new AsyncLocalStorage<Context>()
  context.setGlobalContextManager({
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (given, act, thisArg, ...args) => active.run(given, () => act.apply(thisArg, args)),
    bind: (_given, target) => target,
    enable() {
      return this
    },
    disable() {
      return this
    },
  })
  const spans: Span[] = []
  const startSpan: Tracer['startSpan'] = (_name, _options, given = context.active()) => {
    const traceId = trace.getSpanContext(given)?.traceId ?? randomBytes(16).toString('hex')
    const span = trace.wrapSpanContext({ traceId, spanId: randomBytes(8).toString('hex'), traceFlags: 1 })
    spans.push(span)
    return span
  }
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as unknown as Tracer })
  const propagator: TextMapPropagator = {
    inject(given, carrier, setter) {
      const { traceId, spanId } = trace.getSpanContext(given)!
      setter.set(carrier, 'traceparent', `00-${traceId}-${spanId}-01`)
      setter.set(carrier, 'tracestate', 'vendor=1')
      setter.set(carrier, 'baggage', 'user=alice')
    },
    extract: (given) => given,
    fields: () => ['traceparent', 'tracestate', 'baggage'],
  }
  propagation.setGlobalPropagator(propagator)
  return { spans }
}

/** Another node, which says that nothing is registered there. */
async function nodeAbove(answering?: http.RequestListener) {
  const asked: http.IncomingHttpHeaders[] = []
  const server = http.createServer((request, response) => {
    asked.push(request.headers)
    if (answering) return answering(request, response)
    const body = JSON.stringify({ code: 'identifier-absent', detail: 'none' })
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  const node = looking({
    JIEXI_PARENT: `http://127.0.0.1:${port}`,
    JIEXI_PEER_NETWORKS: `parent=127.0.0.1/32:${port}`,
  })
  return { asked, ...node }
}

test('the look-up’s own span goes on at the other node, in the trace of whoever looks up; baggage stays here', async () => {
  const { spans } = registerSdk()
  const { ask, asked } = await nodeAbove()
  const request = trace.getTracer('test').startSpan('request')
  const { traceId } = request.spanContext()
  await context.with(trace.setSpan(ROOT_CONTEXT, request), () => ask('88.1/x'))
  const [, lookup] = spans
  expect(spans).toHaveLength(2)
  expect(asked).toMatchObject([
    { traceparent: `00-${traceId}-${lookup!.spanContext().spanId}-01`, tracestate: 'vendor=1' },
  ])
  expect(asked[0]).not.toHaveProperty('baggage')
  expect(asked[0]).toHaveProperty('jiexi-hops')
})

test('look-ups at the same time are each of their own trace', async () => {
  registerSdk()
  const { ask, asked } = await nodeAbove()
  const lookUp = (name: string) => {
    const span = trace.getTracer('test').startSpan(name)
    return context.with(trace.setSpan(ROOT_CONTEXT, span), async () => {
      await ask(`88.1/${name}`)
      return span.spanContext().traceId
    })
  }
  const traceIds = await Promise.all(['a', 'b', 'c'].map(lookUp))
  const seen = asked.map(({ traceparent }) => String(traceparent).split('-')[1])
  expect(seen.sort()).toEqual([...traceIds].sort())
})

test('it is said also to where the node redirects, and when the look-up fails nothing comes of it', async () => {
  registerSdk()
  const { ask, asked } = await nodeAbove((request, response) =>
    request.url === '/moved' ? response.writeHead(500).end() : response.writeHead(302, { location: '/moved' }).end(),
  )
  await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  expect(asked).toHaveLength(2)
  expect(asked[1]!['traceparent']).toBe(asked[0]!['traceparent'])
})

test('without an SDK no trace is spoken of', async () => {
  const { ask, asked } = await nodeAbove()
  expect(await ask('88.1/x')).toMatchObject({ kind: 'absent' })
  expect(asked[0]).not.toHaveProperty('traceparent')
  expect(asked[0]).not.toHaveProperty('tracestate')
})
