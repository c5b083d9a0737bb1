/** The one error type that crosses folders. `code` is stable; each protocol owns a table from code to its own status. */

export const ERROR_CODES = [
  'identifier-malformed',
  'request-malformed',
  'not-authenticated',
  'not-permitted',
  'prefix-not-held',
  'prefix-suspended',
  'prefix-not-served',
  'served-elsewhere',
  'identifier-absent',
  'identifier-withdrawn',
  'version-absent',
  'token-unknown',
  'not-found',
  'not-acceptable',
  'media-type-unsupported',
  'too-large',
  'already-exists',
  'version-conflict',
  'precondition-failed',
  'idempotency-key-reused',
  'template-unknown',
  'record-invalid',
  'import-conflict',
  'sequence-gap',
  'authority-unavailable',
  'overloaded',
  'not-yet-visible',
  'not-yet-acknowledged',
  'storage-full',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** One thing wrong, where it is and what to do. */
export interface Fault {
  /** A field path (`attributes.gtin`, `values[2].type`), a parameter, a header or a column. */
  readonly field: string
  /** Zero-based position in the text of the field, in UTF-16 code units, where that is known. */
  readonly position?: number
  readonly reason: string
}

export interface NodeErrorOptions {
  readonly cause?: unknown
  readonly faults?: readonly Fault[]
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number
}

export class NodeError extends Error {
  readonly code: ErrorCode
  readonly faults: readonly Fault[]
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options: NodeErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'NodeError'
    this.code = code
    this.faults = options.faults ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** True when nothing could be asked: the answer is unknown, not negative. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof NodeError && (error.code === 'authority-unavailable' || error.code === 'overloaded')
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
