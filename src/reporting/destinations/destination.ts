/** Where reports go. An adapter carries one document as it is; when and how often is the duty's to say (duty/deliver.ts). */

export interface Document {
  readonly table: string
  readonly period: string
  readonly revision: number
  readonly part: number
  /** JSON text. */
  readonly text: string
}

/**
 *   delivered   it is there, now or since an earlier try
 *   refused     trying again as it is cannot help
 *   failed      it may be there later: the destination is away, busy, or does not let us in
 */
export interface Outcome {
  readonly kind: 'delivered' | 'refused' | 'failed'
  readonly detail: string
  readonly retryAfterSeconds?: number
}

export interface Destination {
  /** Stable: the log knows it by this. Holds no secret. */
  readonly name: string
  send(document: Document, signal: AbortSignal): Promise<Outcome>
}
