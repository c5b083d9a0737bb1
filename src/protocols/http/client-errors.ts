/** What node:http could not read as a request, as a refusal. */
import { NodeError } from '../../platform/errors.js'
import { HttpRefusal } from './problem.js'

export function clientErrorOf(error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpRefusal('request-timeout', 'The header fields did not arrive in time.')
    case 'HPE_HEADER_OVERFLOW':
      return new HttpRefusal('headers-too-large', 'Request line and header fields together may take 16 KiB.')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new NodeError('too-large', 'The chunk extensions of the body are too large.')
    default:
      return new NodeError('request-malformed', 'This is not an HTTP/1.1 request that can be read without doubt.')
  }
}
