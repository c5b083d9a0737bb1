/** What each problem means and what to do about it, in HTML text. Shown at `/problems/{code}`. */
import type { ProblemCode } from './problem.js'

export interface Advice {
  readonly meaning: string
  readonly action: string
}

const TRY_AGAIN = 'Try again after the seconds that <code>Retry-After</code> gives.'

export const adviceOf = {
  'identifier-malformed': {
    meaning: 'The text follows no identifier grammar this node knows (handle, VAA, OID). Nothing was looked up.',
    action:
      '<code>faults</code> says why and at which position. In a path, percent-encode the identifier once, as UTF-8.',
  },
  'request-malformed': {
    meaning: 'Path, query, header fields or body are not of the shape this address takes.',
    action:
      '<code>faults</code> names each field and what is wrong with it. <a href="/docs">/docs</a> shows the shape.',
  },
  'not-authenticated': {
    meaning: 'This needs an API key, or the key that was sent is unknown, revoked or expired.',
    action: 'Send <code>Authorization: Bearer jx_…</code>. Keys are issued by the administrator of the node.',
  },
  'not-permitted': {
    meaning: 'The API key is good, but not for this: it lacks the scope, or belongs to somebody else.',
    action: '<code>GET /v1/whoami</code> tells what the key permits. Ask the administrator for a key with that scope.',
  },
  'prefix-not-held': {
    meaning: 'The identifier lies below a prefix that is allotted to another enterprise, or to nobody.',
    action: 'Check the prefix. <code>GET /v1/whoami</code> lists the prefixes the key may write to.',
  },
  'prefix-suspended': {
    meaning: 'The prefix, or the enterprise that holds it, is suspended: nothing can be written below it.',
    action: 'Ask the administrator of the node.',
  },
  'prefix-not-served': {
    meaning: 'No prefix of this identifier is in service at this node. It may well be registered elsewhere.',
    action: 'Check the prefix for a typing error, or ask the node that is responsible for it.',
  },
  'served-elsewhere': {
    meaning:
      'The prefix is this node’s, and its holder answers for the identifiers below it with a server of its own. Whether the identifier exists is for that server to say, and only that server can register it.',
    action:
      '<code>referral</code> says where: <code>locations</code> with address, port and transport of the Handle protocol, <code>sites</code> as HS_SITE in base64, or a <code>serviceHandle</code> to resolve.',
  },
  'identifier-absent': {
    meaning: 'This node is responsible for the prefix, and the identifier was never registered.',
    action: 'Check the spelling. If it should exist, its enterprise has not registered it yet.',
  },
  'identifier-withdrawn': {
    meaning: 'The identifier was registered once and was withdrawn by its enterprise.',
    action:
      '<code>detail</code> says when and why; <code>/v1/history/</code> lists the versions, and <code>?version=</code> shows one of them.',
  },
  'version-absent': {
    meaning:
      'The identifier exists, but not in that version, or not yet at that time; or its newest version is below the one that <code>min-version</code> demands.',
    action:
      '<code>/v1/history/</code> lists the versions there are. A version that was once acknowledged and is missing was lost by whoever runs the database: register it anew.',
  },
  'token-unknown': {
    meaning:
      'The transaction that <code>Jiexi-Token</code> names is not part of this database’s history: the database was restored, or has failed over to a server that had not received it. Or the token was altered, or is of another node.',
    action:
      'Look the identifier up without the token, see whether your write is there, and repeat the write if it is not.',
  },
  'not-found': {
    meaning: 'There is no such page, enterprise, prefix, key, template or import.',
    action: '<a href="/docs">/docs</a> lists the addresses of this node.',
  },
  'not-acceptable': {
    meaning: 'The <code>Accept</code> header allows none of the media types this address can give.',
    action: 'Leave the header out, or accept one of those in <code>detail</code>.',
  },
  'media-type-unsupported': {
    meaning: 'The body came as a media type, or with a content coding, that this address does not take.',
    action:
      '<code>detail</code> lists what the address takes. Most take <code>Content-Type: application/json</code>, as UTF-8; none takes a <code>Content-Encoding</code>.',
  },
  'too-large': {
    meaning: 'The body, or the number of items in it, is above the bound of this address.',
    action:
      '<code>detail</code> names the bound. Split it. Very many records are best imported: <code>POST /v1/imports</code>.',
  },
  'already-exists': {
    meaning: 'What was to be created exists already.',
    action: 'Use another name, or change the one that exists.',
  },
  'version-conflict': {
    meaning: 'Somebody else has written at the same time.',
    action: 'Read it again and repeat the change.',
  },
  'precondition-failed': {
    meaning: 'The version named by <code>If-Match</code> or <code>If-None-Match</code> is not the one there is.',
    action: 'Read the record again, look at what has changed, and repeat with its new <code>ETag</code>.',
  },
  'idempotency-key-reused': {
    meaning: 'The <code>Idempotency-Key</code> was used before, for a request that was different.',
    action: 'Use a new key for a new request, and the same key only to repeat the very same one.',
  },
  'template-unknown': {
    meaning: 'The record names a template this node does not have.',
    action: '<code>GET /v1/templates</code> lists them. Records of free values need none.',
  },
  'record-invalid': {
    meaning: 'Attributes or values break a rule of the template or of the record model. Nothing was written.',
    action: '<code>faults</code> names each field, what is wrong and what would be right.',
  },
  'import-conflict': {
    meaning: 'The import is at another offset or in another state than the request supposes.',
    action: 'Ask for its state with <code>GET /v1/imports/{id}</code> and go on from there.',
  },
  'sequence-gap': {
    meaning: 'A node below told of changes that do not follow those it told of before, or belong to another history.',
    action:
      'Nothing is lost. <code>GET /v1/upward/changes</code> says up to where changes have arrived: tell them again from there on, or everything anew.',
  },
  'authority-unavailable': {
    meaning: 'Whoever knows the answer could not be asked, and nothing held here may stand for it. It is not a "no".',
    action: TRY_AGAIN,
  },
  overloaded: {
    meaning: 'The node has as much to do as it can and would rather say so than let everybody wait.',
    action: TRY_AGAIN,
  },
  'not-yet-visible': {
    meaning:
      'The write that came with <code>?wait=visible</code> is committed, and this node could not wait until every replica answers it: it is stopping, or the database went away meanwhile.',
    action:
      'Repeat the request: what is written already is not written again, and the wait starts anew. <code>Jiexi-Token</code> names the write.',
  },
  'not-yet-acknowledged': {
    meaning:
      'The write that came with <code>?wait=acknowledged</code> is committed at this node, and the node above it has not acknowledged it in the time that is waited.',
    action:
      'Nothing need be done: it is told until it is acknowledged. Repeat the request to wait again, or see <code>?explain=1</code>. <code>Jiexi-Token</code> names the write.',
  },
  'storage-full': {
    meaning: 'The database has no space left. Nothing was written; reading goes on.',
    action: 'The operator of the node must give it more space. Then repeat the request.',
  },
  internal: {
    meaning: 'A fault of this node. Nothing is wrong with the request.',
    action: 'Report the <code>X-Request-Id</code> to the operator: the log has the cause under it.',
  },
  'method-not-allowed': {
    meaning: 'The address exists, but not with this method.',
    action: 'The <code>Allow</code> header lists the methods it takes.',
  },
  'request-timeout': {
    meaning:
      'Header fields or body took longer to arrive than the node waits: for a body 5 s, and 1 s more for each 128 KiB that has arrived.',
    action:
      'Check that the body is as long as <code>Content-Length</code> says. Then send again over a better connection, in smaller parts, or as an import: <code>POST /v1/imports</code> takes a file at any pace.',
  },
  'address-too-long': {
    meaning: 'A part of the path is longer than any identifier can be.',
    action: 'An identifier has at most 255 octets. Check for text that was pasted twice.',
  },
  'headers-too-large': {
    meaning: 'Request line and header fields together are above 16 KiB.',
    action: 'Send fewer or shorter header fields; put long lists into a body.',
  },
} as const satisfies Record<ProblemCode, Advice>
