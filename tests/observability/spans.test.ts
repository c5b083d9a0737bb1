import { type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { startLookupSpan } from '../../src/observability/spans.js'

afterEach(() => trace.disable())

/** A tracer as an SDK would register it, that writes down what it is told. */
function recorded(): string[] {
  const said: string[] = []
  const span = {
    addEvent: (name: string, about: object) => said.push(`event ${name} ${JSON.stringify(about)}`),
    setAttribute: (name: string, value: unknown) => said.push(`${name}=${value}`),
    setStatus: ({ code, message }: { code: SpanStatusCode; message?: string }) =>
      said.push(`status ${code} ${message}`),
    end: () => said.push('end'),
  } as unknown as Span
  const startSpan: Tracer['startSpan'] = (name, options) => {
    said.push(`start ${name} ${JSON.stringify(options?.attributes)}`)
    return span
  }
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as unknown as Tracer })
  return said
}

test('a look-up on other nodes is a span, each of its steps an event', () => {
  const said = recorded()
  const span = startLookupSpan('ask upstream', '88.1/x')
  span.step('peer', 'tcp://a: answered')
  span.end('found')
  expect(said).toEqual([
    'start ask upstream {"jiexi.identifier":"88.1/x"}',
    'event peer {"jiexi.outcome":"tcp://a: answered"}',
    'jiexi.outcome=found',
    'end',
  ])
})

test('one that fails says why', () => {
  const said = recorded()
  startLookupSpan('ask upstream', '88.1/x').failed(new Error('nobody there'))
  expect(said.slice(1)).toEqual([`status ${SpanStatusCode.ERROR} nobody there`, 'end'])
})

test('without an SDK it does nothing', () => {
  const span = startLookupSpan('ask upstream', '88.1/x')
  span.step('peer', 'answered')
  expect(() => span.end('found')).not.toThrow()
})
