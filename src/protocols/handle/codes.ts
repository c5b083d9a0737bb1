/**
 * The numbers of the native protocol: operations, response codes, flags.
 *
 * Source: RFC 3652 §2.2.2 and software in use; `LOGIN_…`, the codes 407, 408 and 3001 and the two lowest flags are those of the
 * national ID-SDK. A code that is not listed is still a code: the codec carries any.
 */

export const OP = {
  resolve: 1,
  getSiteInfo: 2,
  create: 100,
  delete: 101,
  addValues: 102,
  removeValues: 103,
  modifyValues: 104,
  listHandles: 105,
  /** Version 3.0 only. */
  listDerivedPrefixes: 106,
  answerChallenge: 200,
  verifyChallenge: 201,
  homePrefix: 300,
  unhomePrefix: 301,
  listHomedPrefixes: 302,
  setUpSession: 400,
  terminateSession: 401,
  exchangeSessionKey: 402,
  nextTransactionId: 1000,
  retrieveTransactions: 1001,
  dumpHandles: 1002,
  backUpServer: 1003,
  loginByPassword: 2000,
  loginByKey: 2001,
} as const

export const RC = {
  /** Requests have it. */
  none: 0,
  success: 1,
  error: 2,
  tooBusy: 3,
  protocolError: 4,
  notSupported: 5,
  recursionTooHigh: 6,
  serverBackup: 7,
  handleNotFound: 100,
  handleExists: 101,
  invalidHandle: 102,
  valuesNotFound: 200,
  valueExists: 201,
  invalidValue: 202,
  outOfDateSite: 300,
  notResponsible: 301,
  serviceReferral: 302,
  prefixReferral: 303,
  invalidAdmin: 400,
  insufficientPermissions: 401,
  authenticationNeeded: 402,
  authenticationFailed: 403,
  invalidCredential: 404,
  authenticationTimeout: 405,
  authenticationError: 406,
  repeatedLogin: 407,
  loginFirst: 408,
  sessionTimeout: 500,
  sessionFailed: 501,
  invalidSessionKey: 502,
  needRsaKey: 503,
  invalidSessionSetUp: 504,
  sessionMessageRejected: 505,
  credentialVerificationFailed: 3001,
} as const

export const FLAG = {
  authoritative: 0x8000_0000,
  certify: 0x4000_0000,
  encrypt: 0x2000_0000,
  recursive: 0x1000_0000,
  cacheCertify: 0x0800_0000,
  /** More messages of this answer follow. */
  continuous: 0x0400_0000,
  keepConnection: 0x0200_0000,
  publicOnly: 0x0100_0000,
  returnDigest: 0x0080_0000,
  overwrite: 0x0040_0000,
  mintSuffix: 0x0020_0000,
  doNotRefer: 0x0010_0000,
  trustedQuery: 0x0000_0002,
  trustedResult: 0x0000_0001,
} as const

/** The sender doesn't know the site. */
export const UNKNOWN_SERIAL = 0xffff

/** Flags have 32 bits, of which the highest is a sign to JavaScript. */
export function hasFlag(opFlags: number, flag: number): boolean {
  return (opFlags & flag) !== 0
}

export function withFlag(opFlags: number, flag: number): number {
  return (opFlags | flag) >>> 0
}
