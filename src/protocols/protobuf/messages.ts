/** The messages of proto/resolution.proto, for `application/x-protobuf`. */

export {
  decodeRecordMessage,
  encodeRecordMessage,
  PROTOBUF_MEDIA_TYPE,
  type RecordMessage,
  type ShownRecord,
} from './codec-record.js'
export type { ResolveReferral } from './codec-referral.js'
export {
  decodeResolveRequest,
  decodeResolveResults,
  encodeResolveRequest,
  encodeResolveResults,
  type ResolvedResult,
  type ResolveFreshness,
  type ResolveProblem,
  type ResolveResult,
} from './codec-resolve.js'
