/**
 * What other nodes were asked for a look-up, as spans of OpenTelemetry. Only its API is here: without an SDK, which whoever runs
 * the node loads beside it (`node --import`), a span is nothing and costs next to nothing.
 */
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { messageOf } from '../platform/errors.js'

export interface LookupSpan {
  /** One of its steps. */
  step(layer: string, outcome: string): void
  end(outcome: string): void
  failed(error: unknown): void
  /**
   * Headers by which another node goes on with the trace; none without an SDK. Baggage stays here: what is in it may be
   * for nobody else.
   */
  traceContext(): Readonly<Record<string, string>>
}

const TRACER = 'jiexi'
/** Source: W3C Trace Context §3.2, §3.3. */
const TRACE_CONTEXT = ['traceparent', 'tracestate'] as const

export function startLookupSpan(name: string, identifier: string): LookupSpan {
  const span: Span = trace
    .getTracer(TRACER)
    .startSpan(name, { kind: SpanKind.CLIENT, attributes: { 'jiexi.identifier': identifier } })
  return {
    step: (layer, outcome) => void span.addEvent(layer, { 'jiexi.outcome': outcome }),
    end(outcome) {
      span.setAttribute('jiexi.outcome', outcome)
      span.end()
    },
    failed(error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
      span.end()
    },
    traceContext() {
      const carrier: Record<string, unknown> = {}
      propagation.inject(trace.setSpan(context.active(), span), carrier)
      return Object.fromEntries(
        TRACE_CONTEXT.flatMap((name) => {
          const value = carrier[name]
          return typeof value === 'string' && value !== '' ? [[name, value]] : []
        }),
      )
    },
  }
}
