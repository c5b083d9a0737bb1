/**
 * What other nodes were asked for a look-up, as spans of OpenTelemetry. Only its API is here: without an SDK, which whoever runs
 * the node loads beside it (`node --import`), a span is nothing and costs next to nothing.
 */
import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { messageOf } from '../platform/errors.js'

export interface LookupSpan {
  /** One of its steps. */
  step(layer: string, outcome: string): void
  end(outcome: string): void
  failed(error: unknown): void
}

const TRACER = 'jiexi'

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
  }
}
