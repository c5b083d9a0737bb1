/** Response codes of the protocol as statuses of HTTP. Source: what the reference server answers. */
import { RC } from '../handle/codes.js'

const STATUSES: Readonly<Record<number, number>> = {
  [RC.success]: 200,
  [RC.tooBusy]: 503,
  [RC.protocolError]: 400,
  [RC.notSupported]: 501,
  [RC.serverBackup]: 503,
  [RC.handleNotFound]: 404,
  [RC.handleExists]: 409,
  [RC.invalidHandle]: 400,
  [RC.valuesNotFound]: 400,
  [RC.valueExists]: 409,
  [RC.invalidValue]: 400,
  [RC.notResponsible]: 400,
  [RC.serviceReferral]: 300,
  [RC.prefixReferral]: 300,
  [RC.invalidAdmin]: 403,
  [RC.insufficientPermissions]: 403,
  [RC.authenticationNeeded]: 401,
  [RC.authenticationFailed]: 403,
  [RC.invalidCredential]: 403,
}

/** 401 would ask for a password over a line that everybody reads, so without TLS it is 403. */
export function httpStatusOf(responseCode: number, isSecure: boolean): number {
  if (responseCode === RC.authenticationNeeded && !isSecure) return 403
  return STATUSES[responseCode] ?? 500
}
