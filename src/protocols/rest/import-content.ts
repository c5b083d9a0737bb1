/**
 * The content of an import, taken in while it arrives:
 * PATCH /v1/imports/{id}/content with Upload-Offset, in the manner of the IETF's resumable uploads for HTTP
 * (draft-ietf-httpbis-resumable-upload): a wrong offset is a conflict that names the right one; `Upload-Complete: ?0` says
 * that more of the file will follow in another request.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import type { ReceiveContent } from '../../registry/bulk-import.js'
import { type ImportJob, requireImport, requireOwn } from '../../registry/import-jobs.js'
import type { ImportFormat } from '../../registry/import-quotes.js'
import type { Authenticate } from '../http/authenticate.js'
import { streamBody } from '../http/body-deadline.js'
import { acknowledge, readWriteQuery, waitIn } from './acknowledge.js'
import type { RestOptions } from './door-options.js'
import { importJson } from './import-shapes.js'

type ById = { Params: { readonly id: string } }

export interface ContentOptions {
  readonly door: RestOptions
  readonly authenticate: Authenticate
  readonly receive: ReceiveContent
}

export function importContent({ door, authenticate, receive }: ContentOptions) {
  const { registry } = door
  return async (request: FastifyRequest<ById>, reply: FastifyReply): Promise<FastifyReply> => {
    const principal = await authenticate(request)
    const { id } = request.params
    const offsetBytes = offsetOf(request.headers)
    const last = isLast(request.headers)
    refuseCoding(request.headers)
    const wait = waitIn(readWriteQuery(request))
    streamBody(request)
    try {
      refuseOtherFormat(request.headers, await requireOwn(registry.db, principal, id))
      const content = bodyOf(request.raw)
      const { result: job, tokenOf } = await acknowledge(door, {
        reply,
        wait,
        carryOut: () => receive(principal, { importId: id, offsetBytes, last, content }),
        standsFor: ({ lastXid }) => (lastXid === undefined ? undefined : { xid: lastXid }),
      })
      return reply
        .headers({ 'cache-control': 'no-store', 'upload-offset': String(job.offsetBytes) })
        .send({ ...importJson(job, tokenOf), ...(wait === 'visible' ? { visible: true } : {}) })
    } catch (error) {
      if (error instanceof NodeError && error.code === 'import-conflict') {
        const job = await requireImport(registry.db, principal, id)
        reply.header('upload-offset', String(job.offsetBytes))
      }
      throw error
    }
  }
}

/** A request whose content was not wanted is left open, so that its sender can read why. */
function bodyOf(message: IncomingMessage): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => message.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer> }
}

function offsetOf(headers: IncomingHttpHeaders): number {
  const text = headers['upload-offset']
  const offset = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined
  if (offset !== undefined) return offset
  throw malformed(
    'Upload-Offset',
    'must be the octet of the file at which this content begins: 0 at first, later what GET gives',
  )
}

function isLast(headers: IncomingHttpHeaders): boolean {
  const text = headers['upload-complete'] ?? '?1'
  if (text === '?1' || text === '?0') return text === '?1'
  throw malformed('Upload-Complete', 'must be ?1 (the file ends with this content) or ?0')
}

function refuseCoding(headers: IncomingHttpHeaders): void {
  const coding = headers['content-encoding']
  if (coding === undefined || coding === 'identity') return
  throw new NodeError(
    'media-type-unsupported',
    'Send the content without Content-Encoding: offsets count octets of the file itself.',
  )
}

const FORMAT_OF_TYPE: Readonly<Record<string, ImportFormat>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'text/tab-separated-values': 'tsv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
}

/** Only a type that says something else than the job does; many senders name none, or one that means nothing. */
function refuseOtherFormat(headers: IncomingHttpHeaders, { id, options }: ImportJob): void {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
  const sent = Object.hasOwn(FORMAT_OF_TYPE, type) ? FORMAT_OF_TYPE[type] : undefined
  if (sent === undefined || sent === options.format) return
  throw new NodeError(
    'media-type-unsupported',
    `Import ${id} was opened for ${options.format}, and ${type} is ${sent}. Open an import with format ${sent}, or send what was announced.`,
  )
}

function malformed(field: string, reason: string): NodeError {
  return new NodeError('request-malformed', `${field} ${reason}.`, { faults: [{ field, reason }] })
}
